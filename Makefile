# Everything runs in .venv; each target sets up what it needs.
PYTHON ?= python3.11
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-train demo test test-train soak fuzz fuzz-api check bench clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/.installed  ## Install the product and its development tools

.venv/.installed: pyproject.toml
	@echo "Setting up .venv: about a minute, and once"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || python3 -m venv .venv
	@$(BIN)/pip install -qq --editable '.[dev]'
	@touch $@

# Other people's upload clients and webhook receivers, to be tested against. panoramax_cli wants older libraries than
# ours, so it lives apart; a machine without npm, or without a registry, goes without and the tests that need them say so.
.venv/.clients: .venv/.installed tests/intake/node/package-lock.json tests/webhooks/node/package-lock.json
	@if command -v npm >/dev/null; then for room in intake webhooks; do \
		npm ci --silent --prefix tests/$$room/node || true; done; fi
	@$(PYTHON) -m venv .venv/panoramax && .venv/panoramax/bin/pip install -qq panoramax_cli==1.4.1 || true
	@touch $@

# ultralytics brings opencv-python, which needs libGL; the headless build of the same version goes over it.
setup-train: .venv/.installed-train  ## Install the training framework too (torch, ultralytics)

.venv/.installed-train: .venv/.installed
	@echo "Installing torch and ultralytics into .venv: several gigabytes, and once"
	@$(BIN)/pip install -qq --editable '.[dev,train]'
	@$(BIN)/pip uninstall -qq --yes opencv-python
	@$(BIN)/pip install -qq --force-reinstall --no-deps opencv-python-headless
	@touch $@

demo: setup  ## A survey drive from frames to work orders; FRAMES=folder LIMIT=n SERVE=1
	@$(BIN)/rasid demo --sheets runs/demo $(if $(FRAMES),--frames "$(FRAMES)") $(if $(LIMIT),--limit $(LIMIT)) $(if $(SERVE),--serve)

test: setup .venv/.clients  ## All tests that need no training framework, against a real PostgreSQL
	PATH="$(CURDIR)/.venv/panoramax/bin:$$PATH" $(BIN)/pytest -n 2 --dist loadgroup

test-train: setup-train  ## The tests of training
	$(BIN)/pytest tests/training

soak: setup  ## 10,000 frames of 8 vehicles on breaking links, everything killed at random; FRAMES=n VEHICLES=n
	$(BIN)/python -m tests.soak --frames $(or $(FRAMES),10000) --vehicles $(or $(VEHICLES),8) --json runs/soak.json

fuzz: setup  ## 10,000 broken and hostile files by every way in; FILES=n
	$(BIN)/python -m tests.fuzz --files $(or $(FILES),10000) --json runs/fuzz.json

fuzz-api: setup  ## Random requests to every endpoint of the API; EXAMPLES=n for each, SEED=n
	RASID_FUZZ_EXAMPLES=$(or $(EXAMPLES),100) RASID_FUZZ_SEED=$(or $(SEED),0) $(BIN)/pytest -n0 tests/rights/test_fuzz_api.py

check: setup  ## Lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## Measure this machine; FRAMES=folder PEER=file.pt
	@$(BIN)/rasid bench $(if $(FRAMES),"$(FRAMES)" --as-1080p) $(if $(PEER),--peer "$(PEER)") --json runs/bench.json
	@$(BIN)/rasid bench identity --json runs/identity.json

clean:  ## Remove what the targets made
	rm -rf .venv runs
