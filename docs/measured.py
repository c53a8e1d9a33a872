"""Makes the numbers of the documentation from runs of the present code: `make numbers`.

`python docs/measured.py run [NAME...]` runs examples into a store that is kept (`META_NUMBERS`, by
default `.meta/numbers` of the checkout), so that only what changed is computed again, and keeps
what their tables say in `docs/measured.json`, with the machine. `docs/measured.py write` puts the
tables into README, docs and heads of examples, between lines such as

    <!-- numbers: ladder result metrics=high/accuracy,low/forgetting -->
    <!-- end numbers -->

and `# numbers: ...` and `# end numbers` in YAML. After the run and the stage may stand `metrics=`
(which columns), `rows=` (a regular expression that row labels match), `across=AXIS` (its values
become the columns of the one metric). `python docs/measured.py check` fails where a block is not
what the file of numbers says; `make test` does that too.
"""

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from engine.library.artifacts import Table
from engine.library.artifacts.table import Row
from engine.store import Result, Store
from meta_tui.render.tables.table import cell_text, text

ROOT = Path(__file__).parent.parent
NUMBERS = ROOT / "docs" / "measured.json"
STORE = Path(os.environ.get("META_NUMBERS") or ROOT / ".meta" / "numbers")
WIDTH, _LONGEST_NOTE = 100, 100


class Wanted(NamedTuple):
    """A run that numbers come from."""

    file: str
    options: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """As a person types it."""
        return " ".join(("meta run", self.file, *self.options))


RUNS: Mapping[str, Wanted] = {
    "forgetting": Wanted("examples/forgetting.yaml"),
    "ladder": Wanted("examples/ladder.yaml"),
    "choose": Wanted("examples/choose.yaml"),
    "sinusoid": Wanted("examples/sinusoid.yaml"),
    "backwards": Wanted("examples/backwards.yaml"),
    "generate": Wanted("examples/generate.yaml"),
    "collapse": Wanted("examples/collapse.yaml"),
    "conditional": Wanted("examples/conditional.yaml", ("--seeds", "5")),
    "few_labels": Wanted("examples/few_labels.yaml"),
    "cardinality": Wanted("examples/cardinality.yaml"),
    "few_shot": Wanted("examples/few_shot.yaml"),
    "inner_lora": Wanted("examples/inner_lora.yaml"),
    "vae_full": Wanted("examples/vae_full.yaml"),
    "more_labels": Wanted(
        "examples/few_labels.yaml",
        ("--seeds", "5", "--set", "images=20000", "--set", "epochs=30", "--set", "z=[8,32,128]"),
    ),
}
"""In the order in which they are made: what takes hours comes last."""


def meta(*words: str, check: bool = True) -> str:
    """Run a command in the store of the numbers; returns what it prints."""
    command = [sys.executable, "-P", "-m", "meta_tui", *words]
    env = {**os.environ, "META_HOME": str(STORE), "NO_COLOR": "1"}
    done = subprocess.run(
        command, env=env, check=False, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    if check and done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}")
    return done.stdout


def make(name: str) -> dict[str, Any]:
    """Run one of the runs, or take what is there of it, and say what came out."""
    wanted, before = RUNS[name], _cpu_seconds()
    print(f"{name}: {wanted.command}", flush=True)
    meta("run", wanted.file, *wanted.options, "--plain")
    spent = round(_cpu_seconds() - before)
    status = json.loads(meta("status", "--json"))
    store = Store(STORE, readonly=True)
    results = {cell["key"]: store.result(cell["key"]) for cell in status["cells"]}
    tables = {}
    for stage in dict.fromkeys(cell["cell"].partition("@")[0] for cell in status["cells"]):
        for line in meta("show", stage, "--json").splitlines():
            shown = json.loads(line)
            if "rows" in (shown["result"] or {}):
                tables[shown["cell"]] = _slim(shown["result"])
    states = {cell["state"] for cell in status["cells"]}
    print(f"{name}: {spent} CPU seconds", flush=True)
    return {
        "command": wanted.command,
        "cells": len(status["cells"]),
        "cpu_seconds": spent if states == {"done"} else None,
        "made": time.strftime("%Y-%m-%d"),
        "code": _commit(),
        "machine": _machine(results.values()),
        "tables": tables,
    }


def _cpu_seconds() -> float:
    """Of all processes that we started and that have ended, and those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _slim(table: dict[str, Any]) -> dict[str, Any]:
    """A table without the value of each seed and task, and without its plot."""
    for row in table["rows"]:
        row.pop("each", None)
        for interval in row["values"].values():
            interval["values"] = {}
    for contrast in table["contrasts"]:
        contrast["difference"]["values"] = {}
    return {**table, "plot": {}}


def _commit() -> str:
    """The last commit that changed code or an example, and whether one was edited since."""
    paths = ("--", "pipelines", "engine", "meta_tui", "examples")
    last = _git("log", "-1", "--format=%h", "--abbrev=7", *paths)
    return f"{last}-dirty" if _git("status", "--porcelain", *paths) else last


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def _machine(results: Any) -> str:
    """The processor and the instruction set that the results were made with."""
    origins = [result.provenance for result in results if isinstance(result, Result)]
    cpus = dict.fromkeys(origin["cpu"] for origin in origins if origin.get("cpu"))
    # Cells that do not reach torch name the processor alone.
    longest = [cpu for cpu in cpus if not any(o != cpu and o.startswith(cpu) for o in cpus)]
    return "; ".join([*longest, f"{platform.system()}, torch {version('torch').partition('+')[0]}"])


def read() -> dict[str, Any]:
    """The numbers as they were kept."""
    numbers: dict[str, Any] = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    return numbers


def table_of(kept: Mapping[str, Any], run: str, stage: str) -> Table:
    """A table as the program knows it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.json"
        path.write_text(json.dumps(kept[run]["tables"][stage]))
        return Table.read({"table.json": path})


_BLOCK = re.compile(
    r"(?P<begin>^(?:<!--|#) numbers: (?P<what>[^\n]*?)(?: -->)?\n)(?P<body>.*?)"
    r"(?P<end>^(?:<!--|#) end numbers(?: -->)?$)",
    re.MULTILINE | re.DOTALL,
)


def pages() -> Iterator[Path]:
    """The files that may have numbers."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))
    yield from sorted((ROOT / "examples").glob("*.yaml"))


def written(page: str, kept: Mapping[str, Any]) -> str:
    """A page with its blocks as the numbers say."""

    def block(match: re.Match[str]) -> str:
        told = _told(match["what"], kept)
        if match["begin"].startswith("#"):
            body = "".join(f"# {line}".rstrip() + "\n" for line in told)
        else:
            body = "".join(f"{line}\n" for line in ("```text", *told, "```"))
        return f"{match['begin']}{body}{match['end']}"

    return _BLOCK.sub(block, page)


def _told(what: str, kept: Mapping[str, Any]) -> list[str]:
    """The lines of a block: the command and the machine, then the table."""
    run, stage, *options = what.split()
    chosen = dict(option.split("=", 1) for option in options)
    if run not in kept:
        raise SystemExit(f"no numbers of `{run}`: make numbers, or docs/measured.py run {run}")
    entry = kept[run]
    found = replace(table_of(kept, run, stage), contrasts=(), plot={})
    found = replace(found, rows=tuple(map(_brief, found.rows)))
    if "rows" in chosen:
        wanted = re.compile(chosen["rows"])
        found = replace(found, rows=tuple(r for r in found.rows if wanted.search(r.label)))
    if "metrics" in chosen:
        found = replace(found, metrics=tuple(chosen["metrics"].split(",")))
    if "across" in chosen:
        table = _across(found, chosen["across"])
    else:
        table = text(found, WIDTH).splitlines()
    spent = f", {entry['cpu_seconds']} CPU seconds" if entry["cpu_seconds"] else ""
    head = f"{entry['command']}: {entry['cells']} cells{spent}"
    return [head, f"({entry['made']}, {entry['code']}; {entry['machine']})", "", *table]


def _brief(row: Row) -> Row:
    """A row without its long notes, such as the KL of every dimension of five nets."""
    return replace(row, notes=tuple(note for note in row.notes if len(note) <= _LONGEST_NOTE))


def _across(table: Table, axis: str) -> list[str]:
    """One metric, the values of an axis as columns."""
    (metric,) = table.metrics
    columns = list(dict.fromkeys(row.axes[axis] for row in table.rows if axis in row.axes))
    lines: dict[str, dict[str, str]] = {}
    for row in table.rows:
        interval = row.values.get(metric)
        usual = (interval.over, interval.n) if interval else ("seeds", 0)
        # A row without the axis is one for all of its values: a line of its own.
        at = row.axes.get(axis, columns[0])
        lines.setdefault(_rest(row, axis), {})[at] = cell_text(interval, usual)
    rows = [[f"{metric}, {axis} =", *columns]]
    rows += [[label, *(cells.get(at, "") for at in columns)] for label, cells in lines.items()]
    sizes = [max(len(row[place]) for row in rows) for place in range(len(columns) + 1)]
    return [
        "  ".join(
            cell.ljust(size) if place == 0 else cell.rjust(size)
            for place, (cell, size) in enumerate(zip(row, sizes, strict=True))
        ).rstrip()
        for row in rows
    ]


def _rest(row: Row, axis: str) -> str:
    """A row's label without an axis."""
    parts = (f"{name}={label}" for name, label in row.axes.items() if name != axis)
    return "@".join((row.stage, *parts))


def stale(kept: Mapping[str, Any]) -> list[str]:
    """Pages with a block that is not what the numbers say."""
    return [
        str(page.relative_to(ROOT))
        for page in pages()
        if written(page.read_text(), kept) != page.read_text()
    ]


def main(words: Sequence[str] | None = None) -> None:
    """Run, write or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("run", "write", "check"))
    parser.add_argument("names", nargs="*", help=f"of {', '.join(RUNS)}; all by default")
    asked = parser.parse_args(words)
    if asked.what == "run":
        for name in asked.names or RUNS:
            # Read again each time: what was made so far stays if this one is stopped.
            kept = {**read(), name: make(name)}
            ordered = {each: kept[each] for each in RUNS if each in kept}
            lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in ordered.items())
            NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    elif asked.what == "write":
        for page in pages():
            page.write_text(written(page.read_text(), read()))
    elif found := stale(read()):
        raise SystemExit(f"not what docs/measured.json says: {', '.join(found)}")


if __name__ == "__main__":
    main()
