"""Codes of warnings: stable names that `allow` silences and `check --json` carries.

docs/warnings.md says of each what it means and how to mend it.
"""

from typing import Literal, get_args

Code = Literal[
    "batch-larger-than-data",
    "chosen-on-the-exam",
    "class-smaller-than-asked",
    "classes-without-examples",
    "drawn-once",
    "few-units",
    "judged-on-training",
    "leakage",
    "list-makes-nets",
    "lossy-join",
    "meaning",
    "nothing-measured",
    "other-tasks",
    "overlapping-parts",
    "random-head-high-rate",
    "scaling-differs",
    "unread-stage",
    "unused-param",
]
CODES: tuple[str, ...] = get_args(Code)
