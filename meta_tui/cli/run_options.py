"""From options to the request that the engine takes."""

from collections.abc import Sequence
from pathlib import Path

from engine.planning.run_request import Request, home
from pipelines.core.errors import UsageError

_MODES = ("", "use", "refresh", "off", "require")


def request(  # noqa: PLR0913 (one for each option of the command line)
    file: Path,
    *,
    overrides: Sequence[str] | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    jobs: int = 0,
    device: str = "auto",
    stages: Sequence[Path] | None = None,
    targets: Sequence[str] | None = None,
    since: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    force: Sequence[str] | None = None,
    cache: str = "",
    checkpoint: float = 30.0,
    fail_fast: bool = False,
    accept_code: bool = False,
) -> Request:
    """The request for a pipeline file.

    Raises:
        UsageError: an option has a value that cannot be.
    """
    if cache not in _MODES:
        raise UsageError(f"--cache {cache}: the modes are {', '.join(filter(None, _MODES))}")
    return Request(
        file=file,
        store=home(),
        overrides=tuple(overrides or ()),
        seed=seed,
        seeds=seeds,
        jobs=jobs,
        device=device,
        stage_files=tuple(stages or ()),
        targets=tuple(targets or ()),
        since=tuple(since or ()),
        only=tuple(only or ()),
        force=tuple(force or ()),
        cache=cache,
        checkpoint_seconds=checkpoint,
        fail_fast=fail_fast,
        accept_code=accept_code,
    )
