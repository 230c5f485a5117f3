# Satchel: `make image` builds a bootable image, `make test` proves it. Every target sets the machine up first.
.DEFAULT_GOAL := help
SHELL := /bin/sh

RECIPE ?= kolibri-pc
# Parameters of the recipe: make image SET="language=fr-fr telemetry=true"; values with spaces need the command itself.
SET ?=
UPGRADE ?=
SPLIT ?=
POINTS ?= 200

# Tests start the command hundreds of times; where this is set, each start compiles all of it once more.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv/.satchel
SATCHEL := .venv/bin/satchel
PYTEST := .venv/bin/python -m pytest

.PHONY: help setup image check plan boot shell audit inspect doctor test lint format type unit golden-test golden \
	integration boot-test power-cuts drills lock bundle verify lock-requirements clean clean-cache

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  RECIPE=NAME chooses the recipe ($(RECIPE)); SET=\"NAME=VALUE ...\" chooses its parameters"

$(VENV): scripts/bootstrap scripts/requirements/build.txt scripts/requirements/all.txt pyproject.toml
	@scripts/bootstrap
	@touch $@

setup: $(VENV) ## Install what this machine lacks, and .venv

image: $(VENV) ## Build the image of RECIPE into dist/RECIPE/; SPLIT=1 leaves it in parts
	@$(SATCHEL) build $(RECIPE) $(foreach setting,$(SET),--set $(setting)) $(if $(SPLIT),--split)

check: $(VENV) ## Find every problem of RECIPE
plan: $(VENV) ## Show what a build of RECIPE would do
check plan:
	@$(SATCHEL) $@ $(RECIPE) $(foreach setting,$(SET),--set $(setting))

boot: $(VENV) ## Run the image of RECIPE; nothing is written to it
inspect: $(VENV) ## Tell what is in the image of RECIPE
audit: $(VENV) ## Look for what must never be in the image of RECIPE
boot inspect audit:
	@$(SATCHEL) $@ $(RECIPE)

shell: $(VENV) ## Open a shell in the built tree of RECIPE
	@$(SATCHEL) shell $(RECIPE)

doctor: $(VENV) ## Check this machine and say what to change
	@$(SATCHEL) doctor

test: $(VENV) ## Everything: lint, types, unit, golden, integration and one boot test
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	@$(PYTEST) --numprocesses 2 --dist loadscope --durations=40

lint: $(VENV) ## Look for mistakes and style
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

format: $(VENV) ## Format the code
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

type: $(VENV) ## Check types
	@.venv/bin/mypy

unit: $(VENV) ## Unit tests: pure, milliseconds
	@$(PYTEST) tests/unit

golden-test: $(VENV) ## Compare what users see with what is recorded
	@$(PYTEST) tests/golden

golden: $(VENV) ## Record anew what users see; review the diff
	@SATCHEL_UPDATE_GOLDEN=1 $(PYTEST) tests/golden -q

integration: $(VENV) ## Tests with real tools, on plain files and loopback
	@$(PYTEST) tests/integration tests/cli

boot-test: $(VENV) ## Prove the image of RECIPE in virtual machines
	@$(SATCHEL) test $(RECIPE)

drills: $(VENV) ## What takes too long for every change: more variants of what boots, a tree by emulation alone; hours
	@$(PYTEST) -m drill --durations=0

power-cuts: $(VENV) ## Cut the power at POINTS points of the first boot of RECIPE; goes on where it was broken off
	@$(SATCHEL) test $(RECIPE) --power-cuts $(POINTS)

lock: $(VENV) ## Write down the exact version of everything in RECIPE; UPGRADE="--upgrade" takes newer ones
	@$(SATCHEL) lock $(RECIPE) $(UPGRADE)

bundle: $(VENV) ## Pack RECIPE, its lock and every input into dist/RECIPE.tar
	@mkdir -p dist
	@$(SATCHEL) bundle $(RECIPE) dist/$(RECIPE).tar

verify: $(VENV) ## Build the image of RECIPE again from nothing and compare
	@$(SATCHEL) verify $(RECIPE)

lock-requirements: $(VENV) ## Resolve the requirements of .venv anew
	@scripts/lock-requirements

clean: ## Remove dist/ and the caches of the tools
	rm -rf dist .pytest_cache .mypy_cache .ruff_cache build *.egg-info

clean-cache: $(VENV) ## Remove from the cache what no running build uses
	@$(SATCHEL) cache gc --all
