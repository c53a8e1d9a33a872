"""A stage that does what a test tells it to, and one that reads what another made."""

import os
import signal
import subprocess
import sys
import threading
import time

from toynumber import Made, Number

from engine.stage_api.run import Run
from pipelines.core.stage import Params, stage


class Act(Params):
    """What to do."""

    code: str
    """Python; `run` is the stage's. A number that it calls `result` is the output, or what it
    calls `returned` is returned."""


MODULES = {module.__name__: module for module in (os, signal, subprocess, sys, threading, time)}


@stage
def act(run: Run, params: Act) -> Made:
    """Do it."""
    space = {"__name__": "act", "run": run, "Number": Number, "Made": Made, **MODULES}
    exec(params.code, space)
    return space.get("returned", Made(Number(float(space.get("result", 1.0)))))
