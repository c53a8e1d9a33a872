"""Whatever a cell may leave changed in a process that others share is seen before the next cell."""

import json
import subprocess
import sys

import pytest

POISONS = {
    "os.environ['X_NEW'] = '1'": "environment variable X_NEW: None → 1",
    "os.environ['HOME'] = '/elsewhere'": "environment variable HOME: ",
    "del os.environ['PATH']": "environment variable PATH: ",
    "os.chdir('/')": "working directory: ",
    "d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)": "working directory: ",
    "os.umask(0)": "umask: ",
    "locale.setlocale(locale.LC_ALL, 'C')": "locale: ",
    "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); del os.environ['TZ']": "time zone: ",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)": "signal handlers: ",
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})": "blocked signals: ",
    "signal.alarm(1000)": "alarm: False → True",
    "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))": "limits: ",
    "os.nice(1)": "priority: ",
    "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])": "cores: ",
    "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()": "threads: ",
    "sys.path.insert(0, '/tmp')": "sys.path: ",
    "sys.meta_path.reverse()": "sys.meta_path: ",
    "sys.argv.append('x')": "sys.argv: ",
    "sys.setrecursionlimit(5000)": "recursion limit: 1000 → 5000",
    "sys.setswitchinterval(1.0)": "switch interval: ",
    "sys.set_int_max_str_digits(0)": "digits of integers: ",
    "sys.setprofile(lambda *_: None)": "tracing: ",
    "gc.disable()": "garbage collector: ",
    "gc.callbacks.append(print)": "garbage collector: ",
    "warnings.simplefilter('ignore')": "warnings filters: ",
    "decimal.getcontext().prec = 3": "decimal context: ",
    "logging.basicConfig()": "logging: ",
    "logging.disable()": "logging: ",
    "sys.modules['json'] = sys.modules['os']": "sys.modules.json was replaced",
    "del sys.modules['decimal']": "sys.modules.decimal was replaced",
    "random.random = lambda: 0.5": "random.random was replaced",
    "time.time = lambda: 0": "time.time was replaced",
    "builtins.sum = max": "builtins.sum was replaced",
    "sys.stdout = open('/dev/null', 'w')": "sys.stdout and the like: ",
    "from engine.learning.models import linear_heads as heads; heads.ridge = None": (
        "engine.learning.models.linear_heads.ridge was rep"
    ),
    "from engine.stage_api.run import Run; Run.seed = lambda *_: 0": (
        "engine.stage_api.run.Run.seed was replaced"
    ),
    "np.mean = np.median": "numpy.mean was replaced",
    "np.random.shuffle = print": "numpy.random.shuffle was replaced",
    "np.seterr(all='raise')": "numpy's error handling: ",
    "np.set_printoptions(precision=2)": "numpy's print options: ",
    "torch.relu = torch.tanh": "torch.relu was replaced",
    "torch.nn.functional.relu = torch.tanh": "torch.nn.functional.relu was replaced",
    "torch.nn.Linear.forward = print": "torch.nn.modules.linear.Linear.forward was replaced",
    "torch.Tensor.mean = torch.Tensor.sum": "torch.Tensor.mean was added",
    "torch.optim.SGD.step = print": "torch.optim.sgd.SGD.step was replaced",
    "torch.set_default_dtype(torch.float64)": "torch's default dtype: torch.float32 → ",
    "torch.set_default_device('meta')": "torch's default device: ",
    "torch.use_deterministic_algorithms(True)": "torch's deterministic algorithms: ",
    "torch.use_deterministic_algorithms(True, warn_only=True)": "torch's deterministic algorithms",
    "torch.set_float32_matmul_precision('medium')": "torch's precision of matmul: ",
    "torch.set_grad_enabled(False)": "torch's grad mode: True → False",
    "torch.autograd.set_detect_anomaly(True)": "torch's anomaly mode: False → True",
    "torch.set_flush_denormal(True)": "torch's flushing of denormal numbers: False → True",
    "torch.set_autocast_enabled('cpu', True)": "torch's autocast on the CPU: ",
    "torch.set_autocast_dtype('cpu', torch.float16)": "torch's autocast dtype on the CPU: ",
    "torch.multiprocessing.set_sharing_strategy('file_system')": "torch's sharing of memory: ",
    "torch.utils.deterministic.fill_uninitialized_memory = False": "torch.utils.deterministic.",
    "torch.backends.mkldnn.enabled = False": "torch.backends.mkldnn.enabled: True → False",
    "torch.backends.mkldnn.deterministic = True": "torch.backends.mkldnn.deterministic: ",
    "torch.backends.cudnn.enabled = False": "torch.backends.cudnn.enabled: True → False",
    "torch.backends.cudnn.benchmark = True": "torch.backends.cudnn.benchmark: ",
    "torch.backends.cudnn.deterministic = True": "torch.backends.cudnn.deterministic: ",
    "torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False": (
        "torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction: "
    ),
    "torch.backends.cuda.enable_flash_sdp(False)": "torch.backends.cuda.flash_sdp_enabled: ",
}
HARMLESS = (
    "pass",
    "random.random(); np.random.random(); torch.rand(3); torch.manual_seed(3)",
    "torch.set_num_threads(2)",
    "import sqlite3",
    "torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))]).step()",
    "torch.nn.Linear(3, 3)(torch.rand(2, 3)).sum().backward()",
    "from engine.library.stages import pretrain; pretrain.pretrain.params()",
    "with torch.no_grad(), np.errstate(all='raise'): torch.rand(3)",
)
SCRIPT = """
import builtins, decimal, gc, json, locale, logging, os, random, resource, signal, sys, tempfile
import threading, time, warnings
import numpy as np
import torch
import engine.workers.run_cell
from engine.learning.models import linear_heads as heads; from engine.learning import preload
from engine.workers.global_state import State

locale.setlocale(locale.LC_ALL, "C.UTF-8")
gc.collect()
gc.freeze()  # Forks copy less.
found, state = {}, State.record()
for code in json.load(sys.stdin):
    read, write = os.pipe()
    if os.fork() == 0:
        exec(code)
        os.write(write, state.changed().encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        found[code] = pipe.read().decode()
    os.wait()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def changes() -> dict[str, str]:
    """Code -> what is seen after it, in a process forked for it."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT], input=json.dumps([*POISONS, *HARMLESS]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("code", "seen"), POISONS.items(), ids=[*POISONS])
def test_what_is_left_changed_is_named(changes, code, seen):
    assert changes[code].startswith(seen)


@pytest.mark.parametrize("code", HARMLESS)
def test_what_changes_no_later_cell_is_not(changes, code):
    assert changes[code] == ""
