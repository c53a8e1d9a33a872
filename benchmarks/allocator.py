"""What glibc's default costs a small net: each large tensor is given back to the kernel when freed.

    python benchmarks/allocator.py [--rounds 7]

One conv4 of width 16 on 28x28 images, one thread, in processes with and without the settings of
our workers, interleaved. Both do the same work: the sums of their outputs are compared first.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from measure import spread, table

# Asked of another process: the script `engine.py` beside this one hides the package here.
SETTINGS = """
import json
from engine.workers.local import MALLOC, THREADS
print(json.dumps([THREADS, MALLOC]))
"""
WORK = """
import json, resource, torch
from engine import learning
torch.set_num_threads(1)
conv4 = {"kind": "conv4", "width": 16, "norm": "group"}
net = learning.models.backbones.build(conv4, (1, 28, 28), 0)
x = torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0))
def seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
def train():
    total = 0.0
    for _ in range(20):
        out = net.backbone(x[:64]).square().sum()
        out.backward()
        total += float(out)
    return total
def judge():
    with torch.no_grad():
        return sum(float(net.backbone(x).sum()) for _ in range(5))
found = {}
for work in (train, judge):
    work()
    began = seconds()
    found[f"{work.__name__} sum"] = work()
    found[work.__name__] = seconds() - began
print(json.dumps(found))
"""


def said(program: str, settings: dict[str, str]) -> Any:
    """What a program prints as JSON."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env={**kept, **settings}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    threads, malloc = said(SETTINGS, {})
    pairs = [(said(WORK, threads), said(WORK, {**threads, **malloc})) for _ in range(rounds)]
    rows = []
    for work, title in (("train", "20 training steps of 64"), ("judge", "5 passes of 1000")):
        if any(plain[f"{work} sum"] != ours[f"{work} sum"] for plain, ours in pairs):
            sys.exit(f"{work}: the two did not do the same work")
        ratio = statistics.median(plain[work] / ours[work] for plain, ours in pairs)
        rows.append(
            [title, spread([p[work] for p, _ in pairs]), spread([o[work] for _, o in pairs]),
             f"{ratio:.2f}"]
        )  # fmt: skip
    header = ["work", "glibc's default", "our workers", "ratio"]
    table(f"CPU seconds, median (least - most) of {rounds} rounds", header, rows)


if __name__ == "__main__":
    main()
