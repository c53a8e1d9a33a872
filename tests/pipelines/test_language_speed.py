"""Checking is linear, in steps of Python that are counted, and loads nothing heavy."""

import subprocess
import sys

from stand_ins import checked


def chain(blocks: int) -> str:
    """Blocks that each read one before, with parameters of their own."""
    lines = ["  s0: {uses: dataset, with: {name: a}}"]
    lines += [
        f"  s{i}: {{uses: subset, from: {{data: s{i // 2}}}, with: {{train: {i}}}}}"
        for i in range(1, blocks)
    ]
    return "version: 1\nname: chain\nstages:\n" + "\n".join(lines) + "\n"


def steps(work, text: str, cells: int) -> int:
    """Lines of Python that a check runs."""
    checked(text)  # What is imported and cached once is not counted.
    with work.counting():
        assert len(checked(text).cells) == cells
    return work.steps


def test_the_work_is_linear_in_the_blocks(work) -> None:
    few, many = (steps(work, chain(blocks), blocks) for blocks in (100, 400))
    assert many < 4.1 * few
    assert many < 2000 * 400


def test_the_work_is_linear_in_the_cells_and_a_cell_costs_less_than_a_block(work) -> None:
    text = """
seeds: {seeds}
stages:
  d: {uses: dataset, with: {name: a}}
  m: {uses: pretrain, from: {data: d}}
  t: {uses: finetune, from: {model: m, data: d}, matrix: {lr: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}
  r: {uses: compare, from: {scores: t}}
"""
    few, many = (steps(work, text.replace("{seeds}", str(n)), 10 * n + 2) for n in (15, 60))
    assert many < 4.1 * few
    assert many < 500 * 602


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
