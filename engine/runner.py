"""The detached runner: `python -P -m engine.runner <folder of the run>`.

It reads only what the front process froze into the folder, and outlives it.
"""

import sys
from pathlib import Path

from engine.launch import carry_out
from engine.request import Request
from engine.runs import RunFolder
from engine.session import load
from pipelines.errors import MetaError


def main() -> None:
    """Carry out a frozen run; whoever looks, looks at its folder."""
    folder = RunFolder(Path(sys.argv[1]))
    request = Request.decode(folder.request.read_bytes())
    try:
        pipeline = load(request, frozen=folder.pipeline.read_text())
        code = carry_out(folder, request, pipeline, lambda _: None)
    except MetaError as error:
        sys.stderr.write(f"{error}\n")
        code = error.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
