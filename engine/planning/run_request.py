"""What a person asked of the engine, as one value that a run freezes."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.rundir.run_folder import RunFolder
from engine.store import files, location
from engine.store.json_shapes import wrong_field
from pipelines.core import reading
from pipelines.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for.

    Attributes:
        file: the pipeline file.
        store: the folder of results and runs.
        overrides: `a.b=1` for `params`.
        seed: root seed instead of the file's.
        seeds: how many instead of the file's.
        jobs: cells at once; 0 chooses by cores, or one a GPU.
        targets: stages or cells to compute, with all that they need; empty means everything.
        since: stages from which on to compute, with all that depends on them (`--from`).
        only: stages that may run; what they need must be cached.
        force: stages or cells that run even where a result is there.
        accept_code: take results that differ from what is asked in their code alone.
        cache: use | refresh | off | require, for every stage; empty leaves it to the file.
    """

    file: Path
    store: Path
    overrides: tuple[str, ...] = ()
    seed: int | None = None
    seeds: int | None = None
    jobs: int = 0
    device: str = "auto"
    stage_files: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    cache: str = ""
    checkpoint_seconds: float = 30.0
    fail_fast: bool = False
    accept_code: bool = False

    def encode(self) -> bytes:
        """As JSON, with absolute paths."""
        data = asdict(self)
        for name in ("file", "store"):
            data[name] = str(data[name].absolute())
        data["stage_files"] = [str(path.absolute()) for path in self.stage_files]
        return json.dumps(data, indent=1).encode()

    @classmethod
    def decode(cls, text: bytes) -> "Request":
        """From `encode`.

        Raises:
            ValueError: it is no request: a name is missing or unknown, or a value is of another
                type.
        """
        data = reading.decoded(text)
        if not isinstance(data, dict):
            raise ValueError("a request is a JSON object")
        if wrong := wrong_field(cls, data):
            raise ValueError(f"`{wrong}` is not what a request says")
        for name in ("overrides", "targets", "since", "only", "force"):
            data[name] = tuple(data.get(name, ()))
        data["stage_files"] = tuple(Path(path) for path in data.get("stage_files", ()))
        try:
            return cls(**{**data, "file": Path(data["file"]), "store": Path(data["store"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no request: {error}") from error


def asked(folder: RunFolder) -> Request:
    """What a run was asked for, as it froze it. The store is where the run lies by now.

    Raises:
        UsageError: it does not tell.
    """
    try:
        found = Request.decode(files.content(folder.request))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        told = f"run {folder.id} does not tell what it was asked for: {why}; use `meta run FILE`"
        raise UsageError(told) from error
    return replace(found, store=folder.disk.root)


def home() -> Path:
    """Where the store is; see `engine.store.location`.

    Raises:
        EnvironmentFault: something that is no store of this user's, or cannot be read, is there.
    """
    return location.locate(os.environ.get("META_HOME", ""))
