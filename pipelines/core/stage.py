"""What a stage type is: a function whose signature is the whole contract.

First positional `run`, then `params` (its class is the schema), keyword-only arguments are input
ports (`X`, `X | None`, `X | Y`, `tuple[X, ...]`; a default makes one optional), and the fields of
the returned dataclass are output ports. Everything else derives from it: the YAML name,
validation, JSON Schema, docs, key.
"""

import dataclasses
import inspect
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, ParamSpec, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from pipelines.core.facts import FactsFunction

P = ParamSpec("P")
R = TypeVar("R")


class Params(BaseModel):
    """Parameters of a stage type, or a value inside them: strict, closed, immutable.

    A docstring under each attribute is its help text; it is read only when help is asked for.
    A field marked `Field(json_schema_extra={"result": False})` cannot change a result and stays
    out of the cache key.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True
    )

    def files(self, folder: Path) -> Mapping[str, Path]:
        """Outside files that the stage reads: logical name -> path.

        Args:
            folder: where the pipeline file lies; relative paths are relative to it.

        Raises:
            MissingFiles: a file is not there; says which, and how to get it.
        """
        del folder
        return {}


class Artifact(ABC):
    """A typed output: written as files in a folder, read back from them."""

    format: ClassVar[int] = 1
    """Raised when the files' layout changes; part of every digest."""
    shown: ClassVar[bool] = True
    """A person looks at it by itself; what is not is there for other stages to read."""
    learned: ClassVar[bool] = False
    """It was learned from data."""
    instrument: ClassVar[bool] = False
    """It only measures what others made."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write the artifact's files into an empty folder; the same value gives the same bytes."""

    @classmethod
    @abstractmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """The artifact from its files: name -> path of verified content."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input of a stage type."""

    name: str
    types: tuple[type[Artifact], ...]
    optional: bool = False
    many: bool = False

    def accepts(self, output: type[Artifact]) -> bool:
        """Whether an output of this type may be connected."""
        return issubclass(output, self.types)

    def __str__(self) -> str:
        text = " | ".join(kind.__name__ for kind in self.types)
        if self.many:
            return f"tuple[{text}, ...]"
        return f"{text} | None" if self.optional else text


class Stage(Generic[P, R]):
    """A stage type. Calling it calls the function, so that it works in a notebook too."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        draws: bool = False,
        facts: FactsFunction | None = None,
        mirrors: str | None = None,
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.draws = draws
        """Draws at random: gets the `seed` axis, and has the seed in its key."""
        self.facts = facts
        self.mirrors = mirrors
        """Port whose source's outputs this type passes on, without the axis `params.over`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<stage {self.name}>"

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(self.function)

    @cached_property
    def params(self) -> type[Params]:
        """The class of the stage's parameters."""
        names = list(inspect.signature(self.function).parameters)
        found = self._hints[names[1]]
        if not issubclass(found, Params):
            raise TypeError(f"stage {self.name}: its second argument must be a subclass of Params")
        return typing.cast("type[Params]", found)

    @cached_property
    def inputs(self) -> Mapping[str, Port]:
        """Input ports by name, in the order of the signature."""
        signature = inspect.signature(self.function)
        return {
            name: _port(name, self._hints[name], optional=parameter.default is not parameter.empty)
            for name, parameter in signature.parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @cached_property
    def outputs(self) -> Mapping[str, type[Artifact]]:
        """Output ports by name: the fields of the returned dataclass."""
        returned = self._hints["return"]
        hints = typing.get_type_hints(returned)
        return {item.name: hints[item.name] for item in dataclasses.fields(returned)}

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


def _port(name: str, hint: Any, *, optional: bool) -> Port:
    if typing.get_origin(hint) is tuple:
        inner = _port(name, typing.get_args(hint)[0], optional=optional)
        return Port(name, inner.types, optional=optional, many=True)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        members = typing.get_args(hint)
        kinds = tuple(kind for kind in members if kind is not type(None))
        return Port(name, kinds, optional=optional or len(kinds) < len(members))
    return Port(name, (hint,), optional=optional)


@typing.overload
def stage(function: Callable[P, R]) -> Stage[P, R]: ...
@typing.overload
def stage(
    *, draws: bool = ..., facts: FactsFunction | None = ..., mirrors: str | None = ...
) -> Callable[[Callable[P, R]], Stage[P, R]]: ...
def stage(
    function: Callable[P, R] | None = None,
    *,
    draws: bool = False,
    facts: FactsFunction | None = None,
    mirrors: str | None = None,
) -> Any:
    """Make a function a stage type. Registers nothing: the catalogue finds it by its file's name.

    Args:
        function: the stage, when used without arguments.
        draws: it draws at random, so it gets the `seed` axis.
        facts: torch-free; from facts of the inputs to those of the outputs, and faults of meaning.
        mirrors: see `Stage.mirrors`.
    """
    if function is not None:
        return Stage(function)
    return lambda found: Stage(found, draws=draws, facts=facts, mirrors=mirrors)
