# One command for each habit. `make demo` and `make test` start from nothing: they make .venv and install into it.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 4

BIN := $(VENV)/bin
VISION := torchvision==0.28.0 timm==1.0.31  # models for tests; apart, because torchvision has no CPU build: see tests/peers.py
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
LOWEST := $(VENV)-lowest
USER_STAMP := $(VENV)/.stamp-user
DEV_STAMP := $(VENV)/.stamp-dev
PYTEST := $(BIN)/python -m pytest -q --numprocesses=logical --maxprocesses=$(JOBS)

.PHONY: help demo test test-long test-lowest stats check lint types floors docstrings format bench bench-auto bench-faults bench-culprits bench-pages bench-scale bench-streaming bench-materialize bench-measure bench-monitor bench-comparison bench-experiments signal-accuracy reproduce zoo docs constraints clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(USER_STAMP)  ## initialize GPT-2 (124 M) from a plan, check it, compare with torch.nn.init
	@$(BIN)/python -m examples.demo

test: $(DEV_STAMP)  ## the tests (the long ones and the statistics have their own commands)
	@$(PYTEST)

test-long: $(DEV_STAMP)  ## tests that take more than a few seconds each
	@$(PYTEST) -m long

test-lowest: $(LOWEST)/.stamp  ## the tests on the lowest versions declared, without any optional library
	@$(LOWEST)/bin/python -m pytest -q --numprocesses=logical --maxprocesses=$(JOBS)

stats: $(DEV_STAMP)  ## the battery of randomness and of laws over large samples
	@$(PYTEST) -m stats

check: lint types floors docstrings  ## lint, format, types, floors, docstring coverage

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_STAMP)
	$(BIN)/mypy

floors: $(DEV_STAMP)
	$(BIN)/lint-imports --no-logo

docstrings: $(DEV_STAMP)
	$(BIN)/interrogate src

format: $(DEV_STAMP)  ## format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP)  ## measure, print the table, write it to benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

bench-auto: $(DEV_STAMP)  ## measure what auto keeps on real models, write benchmarks/auto/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.auto

bench-faults: $(DEV_STAMP)  ## find known faults, stay silent on right models, write benchmarks/faults/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.faults

bench-culprits: $(DEV_STAMP)  ## plant one wrong law in each of sixty models, ask who is to blame, write benchmarks/culprits/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.culprits

bench-comparison: $(DEV_STAMP)  ## hold verdicts, powers and races against simulated truths, write benchmarks/comparison/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.comparison

bench-experiments: $(DEV_STAMP)  ## whole experiments with two workers, timed, write benchmarks/experiments/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.experiments

bench-measure: $(DEV_STAMP)  ## what measure costs against a plain forward and backward, write benchmarks/measuring/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.measuring

bench-materialize: $(DEV_STAMP)  ## materialized models against eager ones, and 405 B parameters on meta, write benchmarks/materialize/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.materialize

bench-monitor: $(DEV_STAMP)  ## what iw.Monitor costs over a run at its default schedule, write benchmarks/monitoring/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.monitoring

bench-pages: $(DEV_STAMP)  ## open reports in headless Chromium, time them, write benchmarks/pages/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.pages

bench-scale: $(DEV_STAMP)  ## what one of eight ranks costs against one process, write benchmarks/scale/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.scale

bench-streaming: $(DEV_STAMP)  ## 70 B drawn into nothing and 7 B onto the disk, write benchmarks/streaming/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.streaming

signal-accuracy: $(DEV_STAMP)  ## score predicted signals against measured ones on 67 models, write benchmarks/signals/RESULTS.md
	@$(BIN)/python -W ignore -m benchmarks.signals --giant $(SIGNALS)

reproduce: $(DEV_STAMP)  ## try seven published claims about training, write benchmarks/reproduce/RESULTS.md
	@$(BIN)/python -m benchmarks.reproduce

zoo: $(DEV_STAMP)  ## read every model of timm, torchvision and transformers on meta, write benchmarks/zoo/RESULTS.md
	@$(BIN)/python -m benchmarks.zoo --jobs $(JOBS)

docs: $(DEV_STAMP)  ## write docs/reference.md from the docstrings and docs/recipes.md from the recipes, docs/findings/ from the codes
	@$(BIN)/python scripts/reference.py
	@$(BIN)/python scripts/recipes_page.py
	@$(BIN)/python scripts/codes_page.py

constraints: $(DEV_STAMP)  ## write constraints.txt anew from what is installed
	@sed -n '/^#/p' constraints.txt > $(VENV)/constraints
	@$(BIN)/python -m pip freeze --exclude-editable --exclude triton | sed 's/+.*$$//' >> $(VENV)/constraints
	@mv $(VENV)/constraints constraints.txt

clean:  ## remove the virtual environment and every cache
	rm -rf $(VENV) $(LOWEST) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(USER_STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("initwise needs Python 3.11 or newer: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV): PyTorch and a few libraries, a minute or two the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

# Triton runs our CUDA kernels in its interpreter on the CPU. It exists for Linux only; elsewhere those tests say so and skip.
$(DEV_STAMP): $(USER_STAMP)
	@echo "Adding the tools for tests and checks to $(VENV)."
	@$(PIP) -e '.[dev,models,compare,monitor]'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --upgrade --target $(VENV)/vision $(VISION)
	@test "$$(uname -s)" != Linux || $(BIN)/python -c 'import triton' 2>/dev/null || $(PIP) triton==3.9.0
	@touch $@

$(LOWEST)/.stamp: pyproject.toml constraints-lowest.txt
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install -qq --disable-pip-version-check -c constraints-lowest.txt -e . pytest pytest-xdist hypothesis
	@touch $@
