# `make` alone says what there is. Everything is installed into .venv, from the hash-pinned lists in requirements/.

PYTHON ?= python3
UV ?= uv
PYTEST_ARGS ?= -n 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --fork-strategy fewest \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev demo serve test crashes drill check format schema bench lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.runtime ## Create .venv and install what the product runs on

setup-dev: .venv/.dev ## The same, and what tests and checks need

demo: setup ## Run everything on this machine, with simulated investors (FIX=1: shares over FIX)
	@exec $(BIN)/wealthgraph demo $(if $(FIX),--fix)

serve: setup ## Run the server (settings come from the environment)
	@exec $(BIN)/wealthgraph serve

test: setup-dev ## Run the tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

crashes: setup-dev ## Kill processes at every commit on an order's way, by the hundred
	@CRASHES=$${CRASHES:-300} $(BIN)/python -m pytest -s tests/orders/test_crashes.py

drill: setup ## Lose a server under load, restore it, measure what was lost and how long it took
	@exec $(BIN)/wealthgraph drill

check: setup-dev ## Lint, format, types, floors, committed schema
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/wealthgraph schema --check

format: setup-dev ## Rewrite the code in its one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: setup ## Write the GraphQL schema to schema/schema.graphql
	@$(BIN)/wealthgraph schema > .venv/schema.graphql
	@mv .venv/schema.graphql schema/schema.graphql
	@echo "schema/schema.graphql is up to date"

bench: setup-dev ## Run the benchmarks
	@exec $(BIN)/python -m benchmarks

lock: ## Choose and pin the newest versions again (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	$(LOCK) --upgrade requirements/main.in requirements/build.in -o requirements/main.txt
	$(LOCK) --upgrade requirements/dev.in -o requirements/dev.txt
	$(LOCK) --upgrade --no-deps requirements/assets.in -o requirements/assets.txt

clean: ## Remove .venv and every cache (data in .wealthgraph stays)
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path "./node_modules/*" -prune -exec rm -rf {} +

# python3 if it is new enough, otherwise the newest that is there under its own name.
.venv/bin/python:
	@for python in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Creating .venv with $$("$$python" --version)"; \
	    "$$python" -m venv --clear .venv && exit 0; \
	    echo "$$python cannot create a virtual environment (Debian: apt-get install python3-venv)" >&2; \
	    rm -rf .venv; exit 1; \
	  fi; \
	done; \
	echo "Wealthgraph needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; \
	echo "Name one: make setup PYTHON=/path/to/python3.11" >&2; \
	exit 1

.venv/.runtime: requirements/main.txt requirements/assets.txt pyproject.toml .venv/bin/python
	@echo "Installing $$(grep -c == requirements/main.txt) packages into .venv: a minute, once"
	@$(PIP) install --require-hashes -r requirements/main.txt
	@$(PIP) install --require-hashes --no-deps -r requirements/assets.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "Installing the tools for tests and checks"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
