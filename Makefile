# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PY := .venv/bin/python
export PYTHONPATH := layers/core:.
export SAM_CLI_TELEMETRY := 0
# Otherwise each process compiles its imports, which takes longer than most of them run.
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --no-print-directory
DOTENV := set -a; if [ -f .env ]; then text="$$(scripts/dotenv)"; eval "$$text"; fi; set +a
COMPILE := .venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header --no-strip-extras --annotation-style line

.PHONY: help setup lock format demo run chaos load bench cost test test-unit test-contract test-integration test-e2e \
  check lint types architecture template secrets-scan build deploy secrets senders webhook api-key stop start \
  local-env schema openapi dashboard repair republish opt-outs limits forget smoke

help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.ready: requirements-dev.txt scripts/venv
	@scripts/venv .venv requirements-dev.txt

.venv-emulator/.ready: local/requirements.txt scripts/venv
	@scripts/venv .venv-emulator local/requirements.txt

setup: .venv/.ready .venv-emulator/.ready ## create both virtual environments

lock: .venv/.ready ## pin and hash the newest allowed versions
	@rm -f requirements-dev.txt layers/*/requirements.txt local/requirements.txt
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt
	@for layer in core libraries powertools; do \
	  $(COMPILE) -c requirements-dev.txt layers/$$layer/requirements.in -o layers/$$layer/requirements.txt; done
	@$(COMPILE) local/requirements.in -o local/requirements.txt

format: .venv/.ready ## rewrite the code in the project's format
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

demo: setup ## send through every provider on the local stack, check it against the providers' ledgers, exit (PROVIDERS=aws)
	@$(PY) -m local.demo

run: setup ## run the local stack until Ctrl-C (PORT, PUBLIC_BASE_URL, PROVIDERS=live)
	@$(DOTENV); exec $(PY) -m local.run

chaos: setup ## inject many faults at once; check that no message is lost, doubled or wrong (ARGS="--help")
	@$(PY) -m local.chaos $(ARGS)

load: setup ## send messages and signed reports to a stack, check that all arrived (URL, KEY, ARGS="--help")
	@$(DOTENV); $(PY) -m bench.load $(ARGS)

bench: setup ## measure CPU, calls, units, sizes and costs beside plain boto3 and Powertools (ARGS="--help")
	@$(PY) -m bench $(ARGS)

cost: setup ## dollars per million messages (ARGS="--help")
	@$(PY) -m bench.cost $(ARGS)

# Three workers on two cores: an end-to-end test mostly waits.
test: setup ## run every test; domain and providers must be covered to the last branch
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=15 --cov --cov-report=term --cov-fail-under=100

test-unit test-contract test-integration test-e2e: setup ## run one kind of test
	@$(PY) -m pytest tests/$(@:test-%=%)

check: lint types architecture template secrets-scan ## lint, types, architecture, template, secrets; no tests

lint: .venv/.ready
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

types: .venv/.ready
	@.venv/bin/mypy layers/core/sms_tracker functions bench examples local ops scripts tests

architecture: .venv/.ready
	@.venv/bin/lint-imports

template: .venv/.ready
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-$${AWS_REGION:-eu-west-1}} .venv/bin/sam validate --lint
	@.venv/bin/cfn-lint examples/consumers/*.yaml

secrets-scan: .venv/.ready
	@git ls-files -z | xargs -0 .venv/bin/detect-secrets-hook --baseline .secrets.baseline

build: .venv/.ready .aws-sam/cache ## build for AWS; needs Python 3.13 (PYTHON=/path/to/python3.13)
	@scripts/python313 >/dev/null && .venv/bin/sam build

# SAM only looks for changes in a layer's own folder.
.aws-sam/cache: Makefile scripts/package.py
	@rm -rf $@ && mkdir -p $@

# `sam build` runs this for each function and layer of the template, in a copy of its folder.
# Make's own functions would split the path of this file at its spaces.
SCRIPTS = $(shell dirname "$$(printf %s "$(MAKEFILE_LIST)" | sed 's/^ *//')")/scripts
PACKAGE = "$$("$(SCRIPTS)/python313")" -I "$(SCRIPTS)/package.py"
build-%Function:
	@$(PACKAGE) . "$(ARTIFACTS_DIR)" --mount /var/task

build-%Layer:
	@$(PACKAGE) . "$(ARTIFACTS_DIR)/python" --mount /opt/python --platform manylinux2014_aarch64

deploy: .venv/.ready ## deploy the build, in the region of the other commands (ARGS="--guided", ARGS="--config-env prod")
	@$(PY) -m ops.deploy $(ARGS)

# Only some commands read .env: an AWS setting there would apply to these alone.
PROVIDERS_ENV := if [ -f .env ]; then ! grep -Eo '^[[:space:]]*(export[[:space:]]+)?AWS_[A-Z_]+' .env >&2 || \
  { echo "error: set these in the shell: .env is for the providers" >&2; exit 2; }; fi; $(DOTENV)

secrets: .venv/.ready ## write the providers' credentials from .env to AWS (ARGS="--help")
	@$(PROVIDERS_ENV); $(PY) -m ops.secrets $(ARGS)

senders: .venv/.ready ## show or set the sender of each country (ARGS="show", ARGS="set FILE --apply")
	@$(PY) -m ops.senders $(ARGS)

webhook: .venv/.ready ## register, test, rotate, re-enable the endpoint of a provider that has one (ARGS="--help")
	@$(PY) -m ops.webhook $(ARGS)

api-key: .venv/.ready ## create, list, rotate, revoke keys of clients (ARGS="--client shop", ARGS="list", ARGS="--help")
	@$(PY) -m ops.api_key $(ARGS)

stop start: .venv/.ready ## stop the sending of a client or of all, start it again (ARGS="--client shop --by … --why …", "--help")
	@$(PY) -m ops.sending $@ $(ARGS)

local-env: .venv/.ready ## write a deployed stack's variables to env.json, for sam local invoke (ARGS="--stack …")
	@$(PY) -m ops.local_env $(ARGS)

schema: .venv/.ready ## write the published events' JSON Schema, and the registry's
	@$(PY) -m ops.schema

openapi: .venv/.ready ## write the API's description and its page
	@$(PY) -m ops.openapi

dashboard: .venv/.ready ## draw the CloudWatch dashboard with sample data: docs/dashboard.svg
	@$(PY) -m local.dashboard $(ARGS)

# Any other word than 1 is a mistake: APPLY=no must not apply.
APPLIED = $(if $(filter-out 1,$(APPLY)),$(error APPLY is 1 or not set, not $(APPLY)))$(if $(APPLY),--apply)

repair: .venv/.ready ## rebuild, redrive, republish, stuck: operators' repairs (ARGS="--help")
	@$(PY) -m ops.repair $(ARGS) $(APPLIED)

republish: .venv/.ready ## publish events again for messages created in a time span (FROM= TO=, APPLY=1)
	@$(PY) -m ops.repair republish --from "$(FROM)" --to "$(TO)" $(APPLIED) $(ARGS)

opt-outs: .venv/.ready ## who may not be sent to, as CSV (ARGS="export", ARGS="list bird", ARGS="import FILE --apply")
	@$(PY) -m ops.opt_outs $(ARGS)

limits: .venv/.ready ## show or set the limits of sending, approve a country (ARGS="show", ARGS="set FILE --apply", ARGS="--help")
	@$(PY) -m ops.limits $(ARGS)

forget: .venv/.ready ## erase one person's data from records and queues (TO=+…, APPLY=1)
	@$(PY) -m ops.forget --to "$(TO)" $(APPLIED) $(ARGS)

smoke: .venv/.ready ## check a deployment at its public address (URL=… KEY=…, TO=+… sends a message, ARGS="--help")
	@$(PROVIDERS_ENV); $(PY) -m ops.smoke $(ARGS)
