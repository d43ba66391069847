# Everything runs in a private .venv, which the first command makes. `make` alone lists the commands.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help lab test check results submit clean
# BEGIN STAFF
.PHONY: lint style types marks fix mutants record release lock
# END STAFF
.DELETE_ON_ERROR:

help:  ## List these commands
	@echo "make COMMAND [PYTHON=python3.12]"
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-11s%s\n", $$1, $$2 }'

lab: $(READY)  ## Open the notebooks in JupyterLab, Part 1 first
	$(BIN)/course lab

test: $(READY)  ## Run all quick tests (ARGS="-k linear" narrows them down)
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: $(READY)  ## Check your code (ARGS="part1" or ARGS="p1.linear")
	$(BIN)/course check $(ARGS)

results: $(READY)  ## Run the experiments of Part 5 that have no result yet (ARGS="exp1_1 --jobs 2")
	$(BIN)/python -m hw.experiments run-grid $(or $(ARGS),all)

submit: $(READY)  ## Pack submission.zip (ARGS="--partial" if it is not finished)
	$(BIN)/course submit $(ARGS)

# BEGIN STAFF
lint: style types marks  ## Look for problems of style, types, notebooks and solution marks

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

marks: $(READY)
	$(BIN)/python -m cs_helpers.nbtools check
	$(BIN)/python -m cs_helpers.regions lint

fix: $(READY)  ## Repair what lint can repair by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m cs_helpers.nbtools fix

mutants: $(READY)  ## Show which wrong implementations the checks catch and name
	$(BIN)/python -m tests.mutants $(ARGS)

record: $(READY)  ## Write the expected tensors in tests/assets again
	$(BIN)/python -m cs_helpers.checks.record

release: $(READY)  ## Write the tree for students (ARGS=FOLDER, or ARGS=NAME.zip)
	$(BIN)/course release $(ARGS)

lock: $(READY)  ## Pin the newest allowed versions in requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra staff --upgrade --universal --python-version 3.10 \
	  --no-emit-index-url --custom-compile-command "make lock" --quiet -o requirements.txt

# END STAFF
clean:  ## Remove .venv and everything else that can be made again
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -o -name .ipynb_checkpoints | while IFS= read -r folder; do rm -rf "$$folder"; done

# Small networks run fastest on one thread, and the tests use every core already.
test: export OMP_NUM_THREADS ?= 1
# BEGIN STAFF
mutants record: export OMP_NUM_THREADS ?= 1
# END STAFF

# Compiled at once, also where PYTHONDONTWRITEBYTECODE is set: importing torch from source takes twice as long.
# The fast installer reads no pip configuration, so pip finishes the job where it cannot.
$(READY): pyproject.toml requirements.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
	  || echo "The fast installer uv cannot be had: plain pip does its work, in minutes."
	@if $(BIN)/uv --version >/dev/null 2>&1 \
	  && $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -r requirements.txt \
	  && $(BIN)/uv pip install --python $(BIN)/python --no-deps -e . \
	  && test -x $(BIN)/course; \
	then :; else \
	  $(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt \
	  && $(BIN)/python -m pip install --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "make: $(PYTHON) not found. Install Python 3.10 or newer, or name yours: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "make: Python 3.10 or newer is needed, $(PYTHON) is" \
	    "$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])'). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
