# The verbs of the project. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

UV_VERSION := 0.13.8
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
LTS := .venv-lts
LTS_INSTALLED := $(LTS)/.installed
# Tests that mark themselves `every_lane` are the lane's whole loads.
LANE_TESTS := tests/spark tests/integration/test_load.py tests/integration/test_travel.py
TEST_DATA ?= ../shared/data
# Spark 4.0 starts on Java 17 to 21 only; the newest of a machine may be newer.
WITH_JAVA = JAVA_HOME=$$($(BIN)/python -m dev spark-java); export JAVA_HOME;
export TEST_DATA

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'

$(INSTALLED): pyproject.toml constraints/main.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d: set PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q uv==$(UV_VERSION); }
	@echo "installing into .venv …"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python -c constraints/main.txt -e ".[spark,connect,model,openvino,weights,dev]"
	@touch $@

install: $(INSTALLED)

# Python 3.11 as on 15.4 LTS: pandas 1.5 has no wheel for a newer one. Without torch and MLflow.
$(LTS_INSTALLED): pyproject.toml constraints/lts.txt | $(INSTALLED)
	@test -x $(LTS)/bin/python || $(BIN)/uv venv -q --python 3.11 $(LTS)
	@echo "installing into $(LTS) …"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(LTS)/bin/python -c constraints/lts.txt -e ".[spark,dev]"
	@touch $@

up: install ## Start Neo4j and the model server (or use the ones configured)
	@$(BIN)/python -m dev up

down: install ## Stop what `up` started
	@$(BIN)/python -m dev down

status: install ## Show what runs
	@$(BIN)/python -m dev status

demo: up ## Load the sample tables, show the summary and a search
	@$(WITH_JAVA) $(BIN)/python -m dev demo

unit: install ## The fast tests, under 30 s
	@$(BIN)/python -m pytest -q -n 2 tests/unit

# In the order of the files: reordered by their number of tests, a file of one long test runs alone at the end.
test: install ## Every test, on both Neo4j lines
	@$(WITH_JAVA) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not deep" tests

test-lts: install $(LTS_INSTALLED) ## Unit and Spark tests and whole loads with the libraries of 15.4 and 16.4 LTS
	@$(WITH_JAVA) $(LTS)/bin/python -m pytest --lane lts tests/unit $(LANE_TESTS)

test-connect: install ## Spark tests and whole loads through Spark Connect
	@$(WITH_JAVA) $(BIN)/python -m pytest --lane connect $(LANE_TESTS)

test-deep: install ## The kill matrix: a kill at every step of a micro-batch
	@$(WITH_JAVA) $(BIN)/python -m pytest -m deep tests

check: install ## Lint, types, imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/shellcheck setup_secrets.sh .ci/run tests/support/bare_python.sh
	@$(BIN)/python -m pytest -q tests/unit/test_architecture.py

bench-quick: install ## Benchmarks on few rows
	@$(WITH_JAVA) $(BIN)/python -m benchmarks.write --rows 20000

bench: install ## Benchmarks
	@$(WITH_JAVA) $(BIN)/python -m benchmarks.write
	@$(WITH_JAVA) $(BIN)/python -m benchmarks.memory
	@$(WITH_JAVA) $(BIN)/python -m benchmarks.embedding
	@$(WITH_JAVA) $(BIN)/python -m benchmarks.text_nodes
	@$(WITH_JAVA) $(BIN)/python -m benchmarks.cache
	@$(BIN)/python -m benchmarks.embedding_faults

constraints: ## Resolve the pins anew
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate constraints/main.in pyproject.toml --all-extras -o constraints/main.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate constraints/lts.in pyproject.toml --extra spark --extra dev -o constraints/lts.txt

.PHONY: help install up down status demo unit test test-lts test-connect test-deep check bench bench-quick constraints
