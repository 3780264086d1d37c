# Two commands do all the set-up on a machine with Python 3.11 and pip: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
DEMO := fixtures/bundles/cortex-startup_logfmt_1.11.1/bundle.tar.gz

.PHONY: demo test lint format types check bench bench-fleet fuzz clean

demo: $(VENV)/.run
	@$(BIN)/analyze $(DEMO) || [ $$? -eq 1 ]

test: $(VENV)/.test
	$(BIN)/pytest -n auto

lint: $(VENV)/.test
	$(BIN)/ruff check .

format: $(VENV)/.test
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

check: test lint format types

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

bench-fleet: $(VENV)/.test
	$(BIN)/python -m benchmarks.fleet

# SECONDS for each target, one after the other.
fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz --all --seconds $(SECONDS)

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	$(BIN)/python -m compileall -q analyzer
	@touch $@

$(VENV)/.test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	$(BIN)/python -m compileall -q analyzer
	@touch $@ $(VENV)/.run

$(VENV)/.fuzz: $(VENV)/.test
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fuzz]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
