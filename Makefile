# Each target does all its own set-up: a virtual environment beside the code, dependencies by pip.
PYTHON  ?= python3
VENV    ?= .venv
DATASET ?= digits
STUDY   ?= seed-$(DATASET)
TRIALS  ?= 15
EXTRAS  := dev,postgres,cmaes

BIN    := $(VENV)/bin
RUN    := $(BIN)/python run_study.py
BASE   := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev

.PHONY: study test test-slow test-properties check dashboard clean

study: $(BASE)
	$(RUN) run seed --study $(STUDY) --dataset $(DATASET) --sampler tpe --trials $(TRIALS)

test: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(DEV)
	$(BIN)/python -m pytest -m "slow and not gpu"

test-properties: $(DEV)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --dist worksteal -m "hypothesis and not slow and not gpu"

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dashboard: $(BASE)
	$(RUN) dashboard

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(BASE): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@ $(BASE)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
