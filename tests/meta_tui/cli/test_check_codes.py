"""`meta check --json` carries the code of each warning, and none for an error."""

import json
from pathlib import Path

from typer.testing import CliRunner

from meta_tui.cli.app import application

TEXT = """version: 1
name: t
stages:
  low: {uses: dataset, with: {name: digits, task: low, classes: [0, 1]}}
  high: {uses: dataset, with: {name: digits, task: high, classes: [2, 3]}}
  net: {uses: pretrain, from: {data: low}}
  tuned: {uses: finetune, from: {model: net, data: high}, with: {lr: LR}}
"""


def test_check_as_json_carries_codes(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    for lr, codes, exit_code in (("0.5", ["random-head-high-rate"], 0), ("-1", [None], 2)):
        file.write_text(TEXT.replace("LR", lr), encoding="utf-8")
        done = CliRunner().invoke(application("check"), ["check", str(file), "--json"])
        assert done.exit_code == exit_code
        problems = json.loads(done.stdout)["problems"]
        assert [problem["code"] for problem in problems] == codes
