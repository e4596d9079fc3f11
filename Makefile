# Sayso's commands; `make` alone lists them. They need Python 3.11 to 3.13, git and make, and write to this folder only.

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench soak lint format lock clean dev
# Their steps build on each other; only pytest itself works in parallel.
.NOTPARALLEL:

export PYTHON CHROMIUM
BIN := .venv/bin
TYPED := bot integrations tests $(if $(wildcard skills/*.py skills/*/*.py),skills)
COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with the pinned requirements and the `sayso` command (PYTHON=... chooses a Python)
	@sh deploy/setup/setup.sh

demo: setup ## try Sayso: a chat, a real pipeline and a deployed service on this machine
	@exec $(BIN)/sayso demo $(ARGS)

dev:
	@sh deploy/setup/setup.sh dev

lint: dev ## check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict $(TYPED)
	$(BIN)/lint-imports

test: lint ## check everything and run all tests (ARGS=... goes to pytest; CHROMIUM=... names a browser)
	@SAYSO_CHROMIUM=$$(sh deploy/setup/browser.sh) || [ "$${CI:-}" != true ] || exit 1; \
	export SAYSO_CHROMIUM; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --basetemp "$$scratch/tests" $(ARGS)

bench: dev ## measure, each figure beside a baseline taken in the same run
	@exec $(BIN)/python -m tests.bench $(ARGS)

soak: dev ## run the long tests (hours)
	@exec $(BIN)/pytest -m soak --timeout 0 $(ARGS)

format: dev ## put every file into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: dev ## pin the newest requirements that pyproject.toml allows, with hashes
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet uv
	$(COMPILE) --upgrade --group dev --output-file requirements-dev.txt
	$(COMPILE) --upgrade --group build --constraint requirements-dev.txt --output-file requirements.txt

clean: ## remove .venv and everything else that these commands made
	rm -rf .venv .setup .sayso build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find $(wildcard bot integrations skills deploy tests) -name __pycache__ -type d -prune -exec rm -rf {} +
