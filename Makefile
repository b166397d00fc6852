# Every task of the project; each prepares what it needs, so that any of them may be the first.
# Plain `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help setup demo up check test bench chaos docs screenshots vendor format lock clean

bin := .venv/bin
# Each has servers of its own, and much of a test is waiting for what happens.
WORKERS := 2
folders := shared web services cli sandbox bench chaos deploy tests conftest.py

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: PostgreSQL, RabbitMQ, Chromium (apt) and .venv
	@scripts/setup test

demo: ## Run it all on this machine and watch money ring on every tab (ONCE=1: end after the stories)
	@scripts/setup demo
	@exec $(bin)/ledgerbell demo $(if $(ONCE),--once)

up: ## Run it all on this machine, without the story
	@scripts/setup demo
	@exec $(bin)/ledgerbell up

check: ## All that needs no server: format, lint, types, walls, locks, the SDK, unit tests
	@scripts/setup
	@$(bin)/python scripts/lock --check
	@$(bin)/ruff format --check --quiet $(folders) || { echo 'not formatted: run `make format`'; exit 1; }
	@$(bin)/ruff check --quiet $(folders)
	@$(bin)/mypy
	@$(bin)/lint-imports
	@$(bin)/pytest --quiet -m "not servers"

test: ## Every test, against real servers and in a real browser (ARGS='-k name' for some)
	@scripts/setup test
	@$(bin)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: ## Measure, as ratios to hand-written floors, beside peers (ROW=name for one; soak takes MINUTES=60)
	@scripts/setup demo
	@$(bin)/python -m bench $(ROW) $(if $(TABS),--tabs $(TABS)) $(if $(MINUTES),--minutes $(MINUTES))

chaos: ## Break everything for two minutes, count what was lost (MINUTES=30, SEED=n, FAULTS=name,name)
	@scripts/setup test
	@$(bin)/python -m chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS))

docs: ## Generate docs/api: OpenAPI of every service, AsyncAPI of all events
	@scripts/setup
	@$(bin)/ledgerbell docs docs/api

screenshots: ## Take the pictures of docs/screenshots anew
	@scripts/setup test
	@$(bin)/python -m tests.browser.screenshots docs/screenshots

vendor: ## Make the browser's third-party files anew, as web/package-lock.json has them
	@scripts/setup
	@$(bin)/python -m shared.testing.node web scripts/vendor.mjs

format: ## Format the code and mend what ruff can mend
	@scripts/setup
	@$(bin)/ruff format $(folders)
	@$(bin)/ruff check --fix $(folders)

lock: ## Resolve requirements.lock again (UPGRADE=1: with the newest versions)
	@scripts/setup
	@$(bin)/python scripts/lock $(if $(UPGRADE),--upgrade)
	@scripts/setup

clean: ## Remove what was made here: .venv, the demo's servers with their data, caches
	@rm -rf .venv .local web/dist web/node_modules docs/api/validator/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
