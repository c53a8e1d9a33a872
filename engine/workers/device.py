"""The device of a run, chosen without torch: the front process must not spend seconds on it."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.core.errors import EnvironmentFault, UsageError
from pipelines.core.text import safe_text

_DRIVER = (Path("/dev/nvidia0"), Path("/proc/driver/nvidia"))
_SECONDS = 20.0
_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Device:
    """Where stages compute."""

    name: str
    """What torch calls it: `cpu`, `cuda:0`."""
    kind: Literal["cpu", "cuda"]
    index: int
    """Among the GPUs that may be used; 0 for the CPU."""
    label: str
    """What a person calls it: `cpu`, `NVIDIA H200`."""
    visible: str = ""
    """What a worker's CUDA_VISIBLE_DEVICES says to see this GPU only; empty for the CPU."""


_CPU = Device("cpu", "cpu", 0, "cpu")


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the CPU calls itself, with its family and model where the kernel tells them.

    Digits of a result depend on it: `Intel(R) Xeon(R) Processor, family 6, model 207`.
    """
    try:
        lines = cpuinfo.read_text(errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return safe_text(platform.processor() or platform.machine())
    told = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    numbers = [f"{short} {told[name]}" for short, name in _NUMBERS if name in told]
    return safe_text(", ".join([told.get("model name") or platform.machine(), *numbers]))


_NUMBERS = (("family", "cpu family"), ("model", "model"))


def choose(
    device: str,
    *,
    environment: Mapping[str, str] | None = None,
    driver: Sequence[Path] = _DRIVER,
) -> Device:
    """The device that a name asks for.

    Args:
        device: `auto`, `cpu`, `cuda`, or `cuda:1` for the second of the GPUs that may be used.
        environment: says which GPUs may be used, by CUDA_VISIBLE_DEVICES; the process's own.
        driver: files that are there only where a driver of GPUs is.

    Raises:
        UsageError: it is no such name.
        EnvironmentFault: there is no such GPU.
    """
    kind, _, number = device.partition(":")
    if device not in {"auto", "cpu"} and not (kind == "cuda" and _is_index(device, number)):
        raise UsageError(f"there is no device {safe_text(device)!r}: use auto, cpu, cuda or cuda:1")
    if device == "cpu":
        return _CPU
    found = _usable(os.environ if environment is None else environment, driver)
    if device == "auto":
        return found[0] if found else _CPU
    index = int(number or 0)
    if index < len(found):
        return found[index]
    there = f"only {len(found)} may be used" if found else "this machine has none that may be used"
    raise EnvironmentFault(
        f"device {device} asks for a GPU and {there}: use `device: auto` to take what is there"
    )


def _is_index(device: str, number: str) -> bool:
    return ":" not in device or (number.isascii() and number.isdecimal())


def _usable(environment: Mapping[str, str], driver: Sequence[Path]) -> list[Device]:
    """GPUs in the order in which CUDA numbers them for this process."""
    wanted = environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None and not wanted.strip():
        return []
    if not any(path.exists() for path in driver):
        return []
    there = _there(environment)
    order = [index for index, _, _ in there] if wanted is None else _ordered(wanted, there)
    names = {index: name for index, name, _ in there}
    return [
        Device(f"cuda:{position}", "cuda", position, names[index], index)
        for position, index in enumerate(order)
    ]


def _there(environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Index, name and id of each GPU of the machine."""
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return []
    query = [program, "--query-gpu=index,name,uuid", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []  # A broken driver is no device: `auto` computes on the CPU, `cuda` says so.
    if asked.returncode != 0:
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in asked.stdout.splitlines()]
    return [(row[0], safe_text(row[1]), row[2]) for row in rows if len(row) == _COLUMNS]


def _ordered(wanted: str, there: Sequence[tuple[str, str, str]]) -> list[str]:
    """Indices that CUDA_VISIBLE_DEVICES names; as CUDA does, it ends at the first that is none."""
    order: list[str] = []
    for token in wanted.split(","):
        name = token.strip()
        found = [index for index, _, uuid in there if name and (index == name or _is(uuid, name))]
        if len(found) != 1 or found[0] in order:
            break
        order += found
    return order


def _is(uuid: str, name: str) -> bool:
    return name.startswith("GPU-") and uuid.startswith(name)
