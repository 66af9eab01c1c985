# The two commands of the README: `make check` and `make test`. Everything they need they install into .venv.
PYTHON ?= python3
TORCH ?= torch==2.13.0
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find envdoctor checks -name '*.py' -o -name '*.json' 2>/dev/null) pyproject.toml

.PHONY: check test lint format goldens bench clean

check: $(VENV)/installed
	$(BIN)/envdoctor check --fail-on never $(ARGS)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

goldens: $(VENV)/installed-dev
	$(BIN)/python -m pytest tests/test_recorded_machines.py --rewrite-goldens $(ARGS)

bench: $(VENV)/installed
	$(BIN)/python tests/bench.py $(ARGS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and by itself: the extra [torch] is a range, and what is there already satisfies it.
$(VENV)/torch: $(VENV)/bin/python
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pip install --quiet '$(TORCH)' numpy
	touch $@

$(VENV)/installed: $(VENV)/torch $(SOURCES)
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy only-if-needed '.[torch]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet '.[dev]'
	touch $@
