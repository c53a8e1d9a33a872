"""Keys: the identity of what a cell would compute, from everything that can change its result.

The inputs enter by the digest of their content and not by the key that made them, so that a change
upstream that comes out the same stops there. Names of blocks, order and unrelated axes stay out.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.store.digest import canonical, encoded, plain, sha256
from pipelines.core.facts import Source
from pipelines.core.stage import Params

KEY_FORMAT = 1
"""Raised when the same computation gets another key, or the engine hands a stage other things."""

Labelled = Sequence[tuple[Source, str]]
"""What a many-valued port holds: sources and digests, in the order in which it gets them."""

_WORD_CHARACTERS = 40
_NAMED_SOURCES = 2


@dataclass(frozen=True, slots=True)
class Key:
    """An identity, and what it was made of: the latter explains a difference."""

    digest: str
    components: Mapping[str, Any]


def cell_key(
    *,
    type: str,  # noqa: A002 (a stage type is called so everywhere else)
    params: Params,
    code: str,
    env: Mapping[str, Any],
    seed: tuple[int, int] | None,
    inputs: Mapping[str, str | Labelled],
    files: Mapping[str, str],
    mirror: Mapping[str, Any] | None = None,
) -> Key:
    """The key of one cell.

    Args:
        type: name of the stage type.
        params: resolved parameters; those marked as unable to change a result are left out.
        code: digest of the code that the stage reaches.
        env: what of the machine is promised to be the same: threads, ...
        seed: root seed and value of the seed axis; None for a type that does not draw.
        inputs: port -> digest of its content, or the labelled digests of a many-valued port.
        files: logical name of an outside file -> sha256 of its uncompressed content.
        mirror: what a stage that mirrors its input's outputs needs beside that.
    """
    components: dict[str, Any] = {
        "type": type,
        "params": plain(params),
        "code": code,
        "env": plain(env),
        "seed": None if seed is None else list(seed),
        "inputs": {port: _input(held) for port, held in inputs.items()},
        "files": plain(files),
    }
    if mirror is not None:
        components["mirror"] = plain(mirror)
    return Key(sha256(encoded(["cell", KEY_FORMAT, components])), components)


def difference(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    code: Callable[[str, str], str] | None = None,
) -> list[str]:
    """Why two keys differ, in words: `params.lr 0.1 → 0.2`, `input model changed`, `seed 0 → 1`.

    Args:
        old: components of the earlier key.
        new: components of the later key.
        code: words for two digests of code; without it, `code changed`.
    """
    words = _changes("stage type", old["type"], new["type"])
    words += _changes("params", old["params"], new["params"])
    if old["code"] != new["code"]:
        words.append(code(old["code"], new["code"]) if code else "code changed")
    words += _seeds(old["seed"], new["seed"])
    words += _ports(old["inputs"], new["inputs"])
    words += [f"file {name} {how}" for name, how in _named(old["files"], new["files"])]
    words += [word.removeprefix("env.") for word in _changes("env", old["env"], new["env"])]
    return words + _changes("mirror", old.get("mirror"), new.get("mirror"))


def _input(held: str | Labelled) -> Any:
    if isinstance(held, str):
        return held
    return [[_labels(source), digest] for source, digest in held]


def _labels(source: Source) -> list[Any]:
    once = [list(source.once)] if source.once else []
    numbers = [dict(source.numbers)] if source.numbers or once else []
    return [source.stage, dict(source.axes), *numbers, *once]


def _changes(path: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        words = []
        for name in sorted({*old, *new}):
            if name not in new:
                words.append(f"{path}.{name} {_word(old[name])} removed")
            elif name not in old:
                words.append(f"{path}.{name} {_word(new[name])} added")
            else:
                words += _changes(f"{path}.{name}", old[name], new[name])
        return words
    if canonical(old) == canonical(new):
        return []
    return [f"{path} {_word(old)} → {_word(new)}"]


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WORD_CHARACTERS else f"{text[: _WORD_CHARACTERS - 1]}…"


def _seeds(old: Sequence[int] | None, new: Sequence[int] | None) -> list[str]:
    if old is None or new is None:
        return [] if old == new else ["the stage draws at random now, or no longer does"]
    return _changes("root seed", old[0], new[0]) + _changes("seed", old[1], new[1])


def _named(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name in sorted({*old, *new}):
        if name not in new:
            found.append((name, "removed"))
        elif name not in old:
            found.append((name, "added"))
        elif old[name] != new[name]:
            found.append((name, "changed"))
    return found


def _ports(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    words = []
    for port, how in _named(old, new):
        before, after = old.get(port), new.get(port)
        if isinstance(before, list) and isinstance(after, list):
            changes = _named(_by_source(before), _by_source(after))
            words.append(f"input {port}{_sources(changes)}")
        else:
            words.append(f"input {port} {how}")
    return words


def _sources(changes: Sequence[tuple[str, str]]) -> str:
    """What became of the sources of a many-valued port: each by name, or how many of them."""
    if not changes:
        return " in another order"
    if len(changes) <= _NAMED_SOURCES:
        return ": " + ", ".join(f"{source} {what}" for source, what in changes)
    counts = Counter(what for _, what in changes)
    return ": " + ", ".join(f"{count} {what}" for what, count in counts.items())


def _by_source(held: Sequence[Any]) -> dict[str, Any]:
    # Sorted, because components that were kept as JSON have lost the order of their names.
    return {
        str(Source(stage, dict(sorted(axes.items())))): [digest, *numbers]
        for (stage, axes, *numbers), digest in held
    }
