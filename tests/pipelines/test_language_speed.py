"""Checking is fast, linear, and loads nothing heavy."""

import subprocess
import sys
import time

from stand_ins import checked


def chain(blocks: int) -> str:
    """Blocks that each read one before, with parameters of their own."""
    lines = ["  s0: {uses: dataset, with: {name: a}}"]
    lines += [
        f"  s{i}: {{uses: subset, from: {{data: s{i // 2}}}, with: {{train: {i}}}}}"
        for i in range(1, blocks)
    ]
    return "version: 1\nname: chain\nstages:\n" + "\n".join(lines) + "\n"


def seconds(blocks: int) -> float:
    """CPU seconds of a check, the best of three."""
    text = chain(blocks)
    found = []
    for _ in range(3):
        started = time.process_time()
        assert len(checked(text).cells) == blocks
        found.append(time.process_time() - started)
    return min(found)


def test_a_thousand_blocks_are_checked_in_a_fraction_of_a_second() -> None:
    assert seconds(1000) < 0.3


def test_the_time_is_linear_in_the_blocks() -> None:
    seconds(10)
    assert seconds(1200) < 12 * seconds(200)


def test_a_thousand_cells_of_few_blocks_are_as_fast() -> None:
    text = """
seeds: 100
stages:
  d: {uses: dataset, with: {name: a}}
  m: {uses: pretrain, from: {data: d}}
  t: {uses: finetune, from: {model: m, data: d}, matrix: {lr: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}
  r: {uses: compare, from: {scores: t}}
"""
    started = time.process_time()
    assert len(checked(text).cells) == 1002
    assert time.process_time() - started < 0.3


def test_importing_the_checker_loads_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.pipeline\n"
        "heavy = {'torch', 'numpy', 'textual', 'rich', 'typer', 'scipy', 'engine', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
