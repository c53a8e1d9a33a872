"""`meta check`: everything that can be said of a file before anything runs."""

import typer

from engine.planning.load import load
from meta_tui.cli import options
from meta_tui.cli.output import say, say_json, say_lines
from meta_tui.cli.run_options import request
from pipelines.core.errors import PipelineError, Problem
from pipelines.core.text import safe_text


def check(
    file: options.File,
    overrides: options.Set = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    stages: options.Stages = None,
    as_json: options.Json = False,
) -> None:
    asked = request(file, overrides=overrides, seed=seed, seeds=seeds, stages=stages)
    try:
        pipeline = load(asked)
    except PipelineError as error:
        if not as_json:
            raise
        say_json({"ok": False, "problems": [_problem(item) for item in error.problems]})
        raise typer.Exit(error.exit_code) from error
    if as_json:
        problems = [_problem(item) for item in pipeline.warnings]
        say_json({"ok": True, "cells": len(pipeline.cells), "problems": problems})
        return
    say_lines(item.render() for item in pipeline.warnings)
    stage_count = len({cell.stage for cell in pipeline.cells})
    counts = {"stage": stage_count, "cell": len(pipeline.cells), "warning": len(pipeline.warnings)}
    told = [f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts.items() if n]
    say(", ".join([f"{safe_text(str(file))}: ok", *told]))


def _problem(problem: Problem) -> dict[str, object]:
    mark = problem.mark
    return {
        "severity": problem.severity,
        "code": problem.code or None,
        "message": problem.message,
        "hint": problem.hint,
        "file": mark.file if mark else None,
        "line": mark.line if mark else None,
        "column": mark.column if mark else None,
    }
