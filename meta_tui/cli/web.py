"""`meta watch --web`: the dashboard in a browser of this machine."""

import secrets
import sys
from importlib.util import find_spec

from engine.rundir.run_folder import RunFolder
from meta_tui import dashboard
from meta_tui.cli.output import say
from meta_tui.config import Config
from pipelines.core.errors import UsageError

PORT = 8127


def serve(folder: RunFolder, port: int, config: Config) -> None:
    """Serve a run until ctrl+c.

    Raises:
        UsageError: the parts that this needs are not installed.
        EnvironmentFault: the port is taken.
    """
    if find_spec("textual_serve") is None:
        raise UsageError("--web needs more packages: pip install 'meta-pipelines[web]'")
    command = [sys.executable, "-P", "-m", "meta_tui", "watch", folder.id, "--served"]
    command += ["--ascii"] if config.ascii else []
    dashboard.web.serve(command, port, secrets.token_urlsafe(16), say)
