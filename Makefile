# Each target sets up what it needs: a virtual environment, made once, and again when pyproject.toml changes.
#   make PYTHON=python3.12 ...             another Python (3.11 or newer)
#   make TORCH='torch>=2.11,<2.14' ...     another torch, such as one with CUDA

VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo test check bench deepeval

help:
	@echo "make demo    judge nine built-in examples"
	@echo "make test    run the tests"
	@echo "make check   lint and check types"
	@echo "make bench   run the benchmarks"
	@echo "make deepeval    set up DeepEval beside, for its test"

$(INSTALLED): pyproject.toml scripts/install.sh
	@sh scripts/install.sh $(VENV)

demo: $(INSTALLED)
	@$(BIN)/themis demo

# A file of tests stays in one process, since its tests share what they have made.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 25

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	@set -e; for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python -m "benchmarks.$$(basename "$$script" .py)"; done

# It would change versions of ours, so it has an environment of its own.
deepeval: $(INSTALLED)
	@test -x .venv-deepeval/bin/python || $(BIN)/python -m venv .venv-deepeval
	@.venv-deepeval/bin/python -m pip install -qq --disable-pip-version-check 'deepeval>=4.3,<5' 'typesafe-sdk>=0.7,<0.8'
