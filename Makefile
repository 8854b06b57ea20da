# modelstrata: `make build` is the main job, `make test` is what CI runs.
# It needs Python 3.11 to 3.13 with pip; everything else is installed into .venv.

-include .env
export

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
STAMP := $(VENV)/.installed
DATA := $(abspath $(or $(MODELSTRATA_DATA),data))
SMOLLM2 := $(DATA)/models/SmolLM2-135M-Instruct.Q4_1.gguf
LINT := $(abspath $(VENV)/lint)
ANALYSIS ?= block_influence
GPU := -m orchestration.run gpu --analysis $(ANALYSIS) --end-with-parent
DBT := cd dbt_project && $(abspath $(BIN))/dbt

.DEFAULT_GOAL := help
.PHONY: help build dev notebook gpu study report refresh freshness test check conventions browser \
  lock clean

help: ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) \
	  else f"modelstrata needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)

$(STAMP)-core: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing the core (once; a minute or two)"
	@$(PIP) --editable .
	@touch $@

$(STAMP)-gpu: $(STAMP)-core
	@echo "Installing the gpu extra (once)"
	@$(PIP) --editable '.[gpu]'
	@touch $@

$(STAMP)-notebook: $(STAMP)-core
	@echo "Installing the notebook extra (once)"
	@$(PIP) --editable '.[notebook]'
	@touch $@

$(STAMP)-all: $(STAMP)-core
	@echo "Installing all extras (once)"
	@$(PIP) --editable '.[gpu,notebook,dev]'
	@touch $@ $(STAMP)-gpu $(STAMP)-notebook

build: $(STAMP)-core ## set up, run the main job on the embedded snapshot, print a summary
	@$(BIN)/python -m orchestration.run build --end-with-parent

dev: $(STAMP)-core ## open the Dagster page on http://127.0.0.1:3000
	@$(BIN)/python -m orchestration.instance
	@DAGSTER_HOME=$(DATA)/dagster $(BIN)/dagster dev --module-name orchestration.definitions

notebook: $(STAMP)-notebook ## open the notebook of five questions in the browser
	@$(BIN)/marimo edit notebooks/explore.py

gpu: $(STAMP)-gpu ## measure a model's layers, rebuild; ANALYSIS=pruning, layer_relevance, … for more
ifeq ($(MODELSTRATA_GPU_MODEL),)
	@$(BIN)/python -m gpu_jobs.fetch_smollm2 --output $(dir $(SMOLLM2))
	@MODELSTRATA_GPU_MODEL=$(SMOLLM2) \
	  MODELSTRATA_GPU_MODEL_ID=HuggingFaceTB/SmolLM2-135M-Instruct \
	  $(BIN)/python $(GPU)
else
	@$(BIN)/python $(GPU)
endif
	@$(BIN)/python -m orchestration.run build --end-with-parent

study: $(STAMP)-core ## fit the full regression study (resumable; some 10 minutes on two cores) and rebuild
	@$(BIN)/python -m orchestration.run study --end-with-parent
	@$(BIN)/python -m orchestration.run build --end-with-parent

report: $(STAMP)-core ## write the report of the published warehouse: page, and figures as PNG and SVG
	@$(BIN)/python -m report

refresh: $(STAMP)-core ## bring in what is new on the Hub (days, the first time), and rebuild
	@$(BIN)/python -m orchestration.run refresh --end-with-parent
	@$(BIN)/python -m orchestration.run build --end-with-parent

freshness: $(STAMP)-core ## tell how old the landed facts are; fails where they are much too old
	@mkdir -p $(DATA)/dev
	@export MODELSTRATA_DATA=$(DATA); $(DBT) source freshness --target-path $(DATA)/dev/target

check: $(STAMP)-all ## format, lint, types, import rules, conventions of the dbt project
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@mkdir -p $(LINT)/dev
	MODELSTRATA_DATA=$(LINT) $(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests
	@$(MAKE) --no-print-directory conventions

conventions: $(STAMP)-all
	@mkdir -p $(LINT)/dev
	@export MODELSTRATA_DATA=$(LINT); $(DBT) --quiet parse --target dev --target-path $(LINT)/target
	DBT_PROJECT_DIR=$(LINT) $(BIN)/dbt-bouncer run --show-all-failures

browser:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	    || { echo "The report's tests need a browser: install the package chromium." >&2; exit 1; }; \
	  echo "Installing Chromium (once)"; export DEBIAN_FRONTEND=noninteractive; apt-get update -qq \
	    && apt-get install -qq --no-install-recommends chromium fonts-liberation >/dev/null; }

test: browser check ## check, build with dbt's tests, pytest with all extras; CI runs it
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lock: ## resolve constraints.txt anew (needs uv)
	@(echo "# Exact versions of everything, resolved together for Python 3.11 to 3.13: \`make lock\`."; \
	  echo "# torch pins its own CUDA packages, so they are left out here."; \
	  uv pip compile pyproject.toml --extra gpu --extra notebook --extra dev --universal \
	    --python-version 3.11 --no-annotate --no-header | grep -vE '^(nvidia-|cuda-|triton)' \
	    | sed -E 's/^torch==([0-9.]+).*/torch==\1/' | uniq) > constraints.tmp
	@mv constraints.tmp constraints.txt

clean: ## remove what was built; the landing zone and .venv stay
	rm -rf $(DATA)/build $(DATA)/dev $(DATA)/docs $(DATA)/release $(DATA)/report \
	  $(DATA)/warehouse.duckdb dbt_project/target
