# Everything a newcomer needs: `make run` and `make test`. Each makes .venv first when it is missing or stale.
# PYTHON lists the interpreters tried in turn for .venv; name one with make PYTHON=...
PYTHON ?= python3.14 python3.13 python3.12 python3.11 python3 python
VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help venv run test lint bench lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## Make .venv from the pinned lock when it is missing or stale
	@if ! $(VENV_PYTHON) tools/make_venv.py --check 2>/dev/null; then \
	  for python in $(PYTHON); do \
	    if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then \
	      exec "$$python" tools/make_venv.py; \
	    fi; \
	  done; \
	  echo "Chipscape needs Python 3.11 to 3.14. Tried: $(PYTHON). Name another with make PYTHON=..." >&2; \
	  exit 1; \
	fi

run: venv ## Open the window on an example design; without a display, leave a picture and a report in out/
	@$(VENV_PYTHON) -m explorer.run

test: venv ## Check style and types, then run every test
	@$(VENV_PYTHON) tools/run_tests.py

lint: venv ## Check style (ruff) and types (mypy)
	@$(VENV_PYTHON) tools/run_tests.py --lint

bench: venv ## Time evaluation, batches, the window and start-up
	@$(VENV_PYTHON) -m explorer bench --ui

lock: ## Renew requirements.lock (needs uv on the PATH)
	@tools/renew_lock.sh
