"""`--set a.b=1`: replaces a value that the file's `params` have."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.errors import PipelineError
from pipelines.core.text import shown, suggestion
from pipelines.yaml import source
from pipelines.yaml.problem_report import Report


def replaced(
    params: Mapping[str, Any], overrides: Sequence[str], report: Report
) -> Mapping[str, Any]:
    """The params with the command line's values; what does not exist is reported."""
    found: Mapping[str, Any] = params
    for option in overrides:
        name, equals, text = option.partition("=")
        flag = f"--set {shown(option)}"
        if not equals or not name:
            report.placeless(f"{flag}: write `--set name=value`")
            continue
        try:
            value = source.parse(text, "--set").data
        except PipelineError as error:
            for problem in error.problems:
                report.placeless(f"{flag}: {problem.message}", problem.hint)
            continue
        steps = name.split(".")
        unknown, hint = _unknown(params, steps)
        if unknown:
            report.placeless(f"{flag}: {unknown}", hint)
            continue
        found = _put(found, steps, value)
        report.overridden["params", *steps] = flag
    return found


def _unknown(params: Mapping[str, Any], steps: Sequence[str]) -> tuple[str, str]:
    here: Any = params
    for index, step in enumerate(steps):
        if not isinstance(here, dict) or step not in here:
            before = ".".join(["params", *steps[:index]])
            options = here if isinstance(here, dict) else ()
            hint = suggestion(step, options, f"in {before}") or f"`{shown(before)}` has no parts"
            return f"there is no `{shown(step)}` in `{shown(before)}`", hint
        here = here[step]
    return "", ""


def _put(here: Any, steps: Sequence[str], value: Any) -> Any:
    """A copy with one value replaced; an earlier option may have replaced what holds it."""
    if not steps:
        return value
    held = here if isinstance(here, dict) else {}
    return {**held, steps[0]: _put(held.get(steps[0]), steps[1:], value)}
