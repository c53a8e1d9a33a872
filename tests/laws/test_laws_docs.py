"""Everything that a person can write in a pipeline, or get from one, is documented."""

import ast
import dataclasses
import inspect
import itertools
import textwrap
import typing

import house
import pytest

from engine.library import artifacts
from engine.stage_api.catalogue import Catalogue
from pipelines.core.stage import Artifact, Params

STAGES = Catalogue()
NAMES = sorted(
    path.stem for path in (house.ROOT / "engine" / "library" / "stages").glob("[!_]*.py")
)


def documented(kind: type) -> set[str]:
    """Attributes of a class that have a docstring under them, or stand under `Attributes:`."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
    found = {
        node.target.id
        for node, after in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
    listed = (inspect.getdoc(kind) or "").partition("Attributes:")[2].splitlines()
    return found | {line.strip().partition(":")[0] for line in listed}


def undocumented(kind: type, names: list[str]) -> list[str]:
    """Fields that no class of its line documents; `kind` says itself what it is."""
    known = {name for base in kind.__mro__ if is_ours(base) for name in documented(base)}
    return [f"{kind.__name__}.{name}" for name in names if name not in known and name != "kind"]


def is_ours(base: type) -> bool:
    return base.__module__.startswith(("engine.", "pipelines."))


def inside(kind: type[Params]) -> set[type[Params]]:
    """A class of parameters and all that can stand inside it."""
    found: set[type[Params]] = set()
    waiting: list[typing.Any] = [kind]
    while waiting:
        item = waiting.pop()
        if isinstance(item, type) and issubclass(item, Params) and item not in found:
            found.add(item)
            waiting += [field.annotation for field in item.model_fields.values()]
        waiting += typing.get_args(item)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_type_is_named_as_its_file_and_says_what_it_does(name):
    kind = STAGES[name]
    assert kind.name == name
    assert kind.summary.endswith(".")
    assert inspect.getdoc(inspect.getmodule(kind.function))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_a_stage_type_is_documented(name):
    missing = [
        line
        for kind in inside(STAGES[name].params)
        for line in undocumented(kind, list(kind.model_fields))
    ]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_class_of_parameters_says_what_it_is(name):
    kinds = inside(STAGES[name].params) - {STAGES[name].params}
    assert [kind.__name__ for kind in kinds if not (kind.__doc__ or "").strip()] == []


ARTIFACTS = [
    kind for kind in vars(artifacts).values()
    if isinstance(kind, type) and issubclass(kind, Artifact) and kind is not Artifact
]  # fmt: skip


@pytest.mark.parametrize("kind", ARTIFACTS, ids=lambda kind: kind.__name__)
def test_every_artifact_says_what_it_is(kind):
    # A dataclass without a docstring gets one that is its signature.
    assert not (kind.__doc__ or "").startswith(f"{kind.__name__}(")
    assert (kind.__doc__ or "").strip()


def test_the_law_of_documents_sees_a_bare_field():
    @dataclasses.dataclass
    class Bare:
        said: int
        """Said."""
        unsaid: int

    assert documented(Bare) >= {"said"}
    assert "unsaid" not in documented(Bare)
