# The two commands of the README are `make demo` and `make test`. Both need only Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# `yes`: the versions that constraints/ names for this Python; `no`: the newest that pyproject.toml admits.
LOCK ?= yes
LOCKS := $(wildcard constraints/python*.txt)
# What setuptools says of editable installs is no news here.
PIP = PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-all test-latest lock lint types bench screens numbers docs clean

define install
@version=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
lock=constraints/python$$version.txt; \
build=; \
if [ "$(LOCK)" = no ]; then set -- --upgrade --upgrade-strategy eager; \
elif [ -f $$lock ]; then set -- --constraint $$lock; build="--build-constraint $$lock"; \
else set --; echo "no lock for Python $$version (constraints/):" \
"installing the newest versions that pyproject.toml admits"; fi; \
$(PIP) "$$@" pip && $(PIP) "$$@" $$build --editable '$(1)'
endef

demo: $(VENV)/installed
	$(BIN)/meta run examples/ladder.yaml

# One thread each: more threads only wait for each other on the small tensors of tests. Three workers on
# two cores, as many tests wait for processes.
test: $(VENV)/installed-dev lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile -m "not slow and not gpu"

# What kills and times out has the machine for itself.
test-all: test
	$(BIN)/python -m pytest -m "slow or gpu"

# With the newest versions that pyproject.toml admits, in an environment of its own.
test-latest:
	rm -f .venv-latest/installed .venv-latest/installed-dev
	$(MAKE) test VENV=.venv-latest LOCK=no

# Writes constraints/ anew: the newest versions that fit together, for each Python.
lock:
	$(PYTHON) constraints/lock.py

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

# The page of stage types, and the site, built strictly into site/.
docs: $(VENV)/installed-docs
	$(BIN)/meta stages --markdown > docs/stages.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) .venv-latest site .mypy_cache .pytest_cache .ruff_cache *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(LOCKS) $(VENV)/bin/python
	$(call install,.)
	@touch $@

$(VENV)/installed-dev: pyproject.toml $(LOCKS) $(VENV)/bin/python
	$(call install,.[dev])
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml $(LOCKS) $(VENV)/bin/python
	$(call install,.[docs])
	@touch $@ $(VENV)/installed
