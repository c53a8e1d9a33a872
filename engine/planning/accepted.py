"""Results of earlier code that a person accepts for the present code (`--accept-code`).

A new version of this program changes the code, and with it the key, of every cell, whether or not
its results would differ. Only a person can say that they would not.
"""

from dataclasses import replace

from engine.identity.key import Key
from engine.identity.resolver import Resolver
from engine.rundir.previous_runs import History
from engine.store import Result
from engine.store.digest import canonical
from pipelines.pipeline import Cell


def find_accepted(cell: Cell, key: Key, resolver: Resolver, history: History) -> Result | None:
    """The last result of a cell where it differs from what is asked in its code alone.

    Its provenance stays, and says from which key and which code it was accepted.

    Raises:
        EnvironmentFault: this process cannot read now.
    """
    digest = history.key(cell.name)
    earlier = resolver.store.result(digest) if digest else None
    if not isinstance(earlier, Result) or not _differs_in_code_alone(earlier, key):
        return None
    origin = {"accepted_from": digest, "accepted_code": earlier.components["code"]}
    provenance = {**earlier.provenance, **origin}
    return replace(earlier, components=key.components, provenance=provenance)


def _differs_in_code_alone(earlier: Result, key: Key) -> bool:
    code = {"code": key.components["code"]}
    if "code" not in earlier.components:
        return False
    return canonical({**earlier.components, **code}) == canonical(key.components)
