# The two commands of the README are `make demo` and `make test`. Both need only Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all lint types bench screens numbers docs clean

demo: $(VENV)/installed
	$(BIN)/meta run examples/ladder.yaml

test: $(VENV)/installed-dev lint types
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

# What kills and times out has the machine for itself.
test-all: test
	$(BIN)/python -m pytest -m "slow or gpu"

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/installed-dev
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/allocator.py
	$(BIN)/python -m benchmarks.dashboard

screens: $(VENV)/installed
	$(BIN)/python docs/screens.py

# Hours on two cores for all; `docs/measured.py run NAME` makes one, and what is there is kept.
numbers: $(VENV)/installed
	$(BIN)/python docs/measured.py run
	$(BIN)/python docs/measured.py write

docs: $(VENV)/installed
	$(BIN)/meta stages --markdown > docs/stages.md

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/installed
