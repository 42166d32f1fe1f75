# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PY := .venv/bin/python
export PYTHONPATH := layers/core:.
export SAM_CLI_TELEMETRY := 0
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-strip-extras --annotation-style line

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.ready: requirements-dev.txt scripts/venv
	@scripts/venv .venv requirements-dev.txt

.venv-emulator/.ready: local/requirements.txt scripts/venv
	@scripts/venv .venv-emulator local/requirements.txt

.PHONY: setup
setup: .venv/.ready .venv-emulator/.ready ## create both virtual environments

.PHONY: lock
lock: .venv/.ready ## pin and hash the newest allowed versions
	@rm -f requirements-dev.txt layers/core/requirements.txt local/requirements.txt
	@$(COMPILE) --generate-hashes requirements-dev.in -o requirements-dev.txt
	@$(COMPILE) -c requirements-dev.txt layers/core/requirements.in -o layers/core/requirements.txt
	@$(COMPILE) --generate-hashes local/requirements.in -o local/requirements.txt

.PHONY: format
format: .venv/.ready ## rewrite the code in the project's format
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .
