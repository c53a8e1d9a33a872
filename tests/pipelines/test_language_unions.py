"""What is told of a value that may be a name, a number or a mapping of some kind."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveFloat, ValidationError

from pipelines.core.stage import Params
from pipelines.schema.validation_messages import Subject, explain


class Gaussian(Params):
    kind: Literal["gaussian"]
    sigma: PositiveFloat | Literal["learned"]
    """Spread of the noise, e.g. 0.1: a number or `learned`. It is in units of the range."""
    floor: float = 0.0


class Student(Params):
    kind: Literal["student"]
    degrees: PositiveFloat


class Alone(Params):
    likelihood: Literal["bernoulli", "logistic"] | Gaussian
    """How pixels are scored."""


class Among(Params):
    likelihood: (
        Literal["bernoulli", "logistic"]
        | Annotated[Gaussian | Student, Field(discriminator="kind")]
    )
    z: int
    """Numbers of a code."""


def told(model: type[Params], **raw: object) -> list[tuple[str, str]]:
    """Message and hint of each fault."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(raw)
    faults = explain(model, raw, caught.value, Subject("`vae`", "parameter"))
    return [(fault.message, fault.hint) for fault in faults]


NAMED = "`likelihood` must be `bernoulli` or `logistic` or a mapping, not"


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ("bernouli", f"{NAMED} bernouli", "did you mean `bernoulli`?"),
        ("gaussian", f"{NAMED} gaussian", "as `{kind: gaussian, sigma: …}`"),
        ("gausian", f"{NAMED} gausian", "as `{kind: gaussian, sigma: …}`"),
        (
            {"kind": "gaussian"}, "`likelihood` needs `sigma`",
            "Spread of the noise, e.g. 0.1: a number or `learned`",
        ),
        (
            {"kind": "gausian", "sigma": 1.0},
            "`likelihood.kind` must be `gaussian`, not gausian", "did you mean `gaussian`?",
        ),
        (
            {"kind": "gausian"},
            "`likelihood.kind` must be `gaussian`, not gausian", "did you mean `gaussian`?",
        ),
        (
            {"kind": "bernouli"},
            "`likelihood.kind` must be `gaussian`, not bernouli", "did you mean `bernoulli`?",
        ),
        (
            {"kind": "bernoulli"},
            "`likelihood`: `bernoulli` is a name alone, not the kind of a mapping",
            "say `likelihood: bernoulli`",
        ),
        (
            {"kind": "bernoulli", "sigma": 1.0},
            "`likelihood`: `bernoulli` is a name alone, not the kind of a mapping",
            "say `likelihood: bernoulli`",
        ),
        (
            {"kind": "gaussian", "sigma": "learnt"},
            "`likelihood.sigma` must be a number or `learned`, not learnt",
            "did you mean `learned`?",
        ),
    ],
)  # fmt: skip
def test_a_name_that_is_almost_right_is_told_once_with_the_fix(value, message, hint):
    assert told(Alone, likelihood=value) == [(message, hint)]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("students", "as `{kind: student, degrees: …}`; kinds: `gaussian` and `student`"),
        ("something", "as `{kind: gaussian, sigma: …}`; kinds: `gaussian` and `student`"),
        ("logistics", "did you mean `logistic`?"),
    ],
)
def test_a_kind_without_its_mapping_is_shown_with_the_fields_that_it_needs(value, hint):
    assert told(Among, likelihood=value, z=2) == [(f"{NAMED} {value}", hint)]


def test_what_is_missing_is_told_with_the_first_sentence_of_its_documentation():
    assert told(Among, likelihood="logistic") == [("`vae` needs `z`", "Numbers of a code")]
