import platform
import subprocess
import sys

import pytest

from engine.workers.device import Device, choose, processor
from pipelines.core.errors import EnvironmentFault, UsageError

SMI = """#!/bin/sh
[ "$1" = --query-gpu=index,name,uuid ] || exit 9
echo "0, NVIDIA H200, GPU-aaaa-1"
echo "1, NVIDIA A100 \x1b[31m, GPU-bbbb-2"
"""


@pytest.fixture
def machine(tmp_path):
    """A machine with two GPUs, as far as can be seen without torch."""
    driver = tmp_path / "nvidia0"
    driver.touch()
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)

    def chosen(device: str, visible: str | None = None) -> Device:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        return choose(device, environment=environment, driver=[driver])

    chosen.folder = tmp_path
    return chosen


def test_auto_takes_the_first_gpu_and_names_it(machine):
    assert machine("auto") == Device("cuda:0", "cuda", 0, "NVIDIA H200", "0")
    assert machine("cuda") == machine("auto")
    assert machine("cuda:1").label == "NVIDIA A100 \\x1b[31m"


def test_the_cpu_is_taken_when_asked_for(machine):
    assert machine("cpu") == Device("cpu", "cpu", 0, "cpu")


@pytest.mark.parametrize(
    ("visible", "found"),
    [("1", "1"), ("1,0", "1"), ("GPU-bbbb", "1"), ("0", "0"), (" 1 , 0", "1"), ("1,7,0", "1")],
)
def test_cuda_visible_devices_chooses_and_orders(machine, visible, found):
    assert machine("cuda", visible).visible == found


@pytest.mark.parametrize("visible", ["", "-1", "7", "GPU-", "7,0"])
def test_no_visible_gpu_means_the_cpu_for_auto_and_a_fault_for_cuda(machine, visible):
    assert machine("auto", visible).kind == "cpu"
    with pytest.raises(EnvironmentFault, match="device: auto"):
        machine("cuda", visible)


def test_an_index_counts_among_the_visible(machine):
    assert machine("cuda:1", "1,0").visible == "0"
    with pytest.raises(EnvironmentFault, match="only 1 may be used"):
        machine("cuda:1", "0")


def test_without_a_driver_nobody_is_asked(machine, tmp_path):
    environment = {"PATH": str(tmp_path)}
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\ntouch " + str(tmp_path / "asked"))
    assert choose("auto", environment=environment, driver=[tmp_path / "none"]).kind == "cpu"
    with pytest.raises(EnvironmentFault, match="none that may be used"):
        choose("cuda", environment=environment, driver=[tmp_path / "none"])
    assert not (tmp_path / "asked").exists()


def test_a_broken_driver_is_no_gpu(machine):
    (machine.folder / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    assert machine("auto").kind == "cpu"


@pytest.mark.parametrize(
    "name", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "", "cuda:²", "\x1b"]
)
def test_any_other_name_is_a_usage_error(machine, name):
    with pytest.raises(UsageError, match="use auto, cpu, cuda or cuda:1") as raised:
        machine(name)
    assert "\x1b" not in str(raised.value)


def test_choosing_does_not_load_torch():
    program = (
        "import sys, engine.workers.device as d; d.choose('auto'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_processor_tells_its_name_family_and_model(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text(
        "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Intel(R) Xeon(R)\n\n"
        "processor\t: 1\ncpu family\t: 7\nmodel\t\t: 1\nmodel name\t: another\n"
    )
    assert processor(told) == "Intel(R) Xeon(R), family 6, model 207"


def test_a_processor_without_a_name_is_at_least_its_machine(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert processor(told) == platform.machine()
    assert processor(tmp_path / "none")
