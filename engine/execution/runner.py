"""The detached runner: `python -P -m engine.execution.runner <folder of the run>`.

It reads only what the front process froze into the folder, and outlives it.
"""

import sys
from dataclasses import replace
from pathlib import Path

from engine.execution.launch import carry_out
from engine.planning.load import load
from engine.planning.run_request import Request
from engine.rundir.run_folder import RunFolder
from engine.store import files
from pipelines.core import os_errors
from pipelines.core.errors import MetaError
from pipelines.core.text import safe_text


def main() -> None:
    """Carry out a frozen run; whoever looks, looks at its folder."""
    folder = RunFolder(Path(sys.argv[1]))
    try:
        # Frozen a moment ago by the process that started this one; the store is where it lies.
        request = Request.decode(files.content(folder.request))
        request = replace(request, store=folder.disk.root)
        pipeline = load(request, frozen=files.content(folder.pipeline).decode())
        code = carry_out(folder, request, pipeline, lambda _: None)
    except OSError as error:
        fault = os_errors.told(error)
        sys.stderr.write(f"{fault}\n")
        code = fault.exit_code
    except MetaError as error:
        sys.stderr.write(f"{safe_text(str(error), lines=True)}\n")
        code = error.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
