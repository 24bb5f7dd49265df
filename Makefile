# `make run` starts everything with a demo brand; `make test` runs the tests. Both install what they need.
PORT ?= 8000
ARGS ?=
export PATH := $(PATH):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
BIN = .venv/bin

.PHONY: run test check bench screenshots defences dev clean

run:
	@sh .ci/install requirements.txt
	@HELPDESK_DEMO=$${HELPDESK_DEMO:-true} exec $(BIN)/python manage.py up --port $(PORT)

dev:
	@sh .ci/install requirements-dev.txt

test: dev
	@$(BIN)/python -m pytest $(ARGS)

check: dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy .
	$(BIN)/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: dev
	$(BIN)/python -m tests.bench $(ARGS)

defences: dev
	$(BIN)/python -m tests.faults.mutations $(ARGS)

screenshots: dev
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

clean:
	rm -rf .venv var bench.json screenshots .mypy_cache .ruff_cache .pytest_cache .hypothesis
