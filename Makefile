# Everything starts here. Needs Python 3.11 to 3.13 and nothing else: each target makes .venv itself.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

# Commands that DVC starts must find this environment's programs, whatever the caller has activated.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport VIRTUAL_ENV PYTHONHOME

UV_VERSION := 0.13.9
PORT ?= 5000
ARGS ?=

# .venv/ready is written last and holds the folder it was made for: a set-up that broke off, that was moved, or whose
# Python is gone is made anew.
READY := $(shell test "$$(cat .venv/ready 2>/dev/null)" = "$$(pwd -P)" && .venv/bin/python -c '' 2>/dev/null && echo yes)

.PHONY: help setup run demo test chaos ui lint lock clean FORCE

help: ## this list
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { sub("%", "NAME", $$1); printf "  %-15s %s\n", $$1, $$2 }' Makefile

setup: .venv/ready ## .venv, for `maskwright` on the command line (the targets below make it themselves)
	@echo 'Ready. In each terminal: source .venv/bin/activate'

run: .venv/ready ## the whole pipeline: data, training, evaluation, claims (dvc repro; ARGS= for its arguments)
	@maskwright mend
	dvc repro $(ARGS)
	@maskwright differences
	@echo 'All results on one page: results/report.html; every run: make ui'

demo: .venv/ready ## for the impatient: data, a small training, predictions and a report in 3 minutes, in the folder demo
	@maskwright demo

sweep-%: .venv/ready ## train a sweep of the pipeline anew, such as sweep-detection: see docs/experiments.md for the time
	@dvc stage list --name-only | grep -qx 'sweep[-@]$*' || { \
		echo 'make: $@: no such stage in dvc.yaml; `maskwright sweep $*` runs a sweep without one' >&2; exit 1; }
	@maskwright mend
	dvc repro masks digits
	maskwright sweep $*
	dvc commit --force "$$(dvc stage list --name-only | grep -x 'sweep[-@]$*')"
	dvc repro effects claims

test: .venv/ready ## all tests (ARGS= for pytest's arguments, for example ARGS='-m "not slow"')
	python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: .venv/ready ## kill a small pipeline at random moments: nothing may be lost (ARGS='--kills 90 --seed 1', or stages)
	PYTHONPATH=tests python benchmarks/chaos.py $(ARGS)

ui: .venv/ready ## MLflow's pages with every run, on http://127.0.0.1:5000 (PORT= for another port)
	@maskwright ui --port $(PORT)

lint: .venv/ready ## style, formatting and types
	ruff check
	ruff format --check
	pyright

lock: .venv/ready ## requirements.lock from pyproject.toml (ARGS=--upgrade for the newest versions)
	uv pip compile --quiet --universal --extra dev pyproject.toml -o requirements.lock \
		--custom-compile-command "make lock" $(ARGS)

clean: ## delete what the pipeline and the tools made; .venv, MLflow's runs and DVC's cache stay
	rm -rf data/drinks data/crowd data/masks data/instances data/xor data/corner data/digits data/masked_digits data/conditional data/clustering models results/*/plots results/look results/report.html results/effects/*/plots results/*/training.csv results/*/details.json results/*/processor.json checkpoints predictions effects look dvc_plots demo
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

ifneq ($(READY),yes)
.venv/ready: FORCE
endif
.venv/ready: requirements.lock pyproject.toml
	@set -e; \
	if [ "$(READY)" != yes ]; then \
		for name in python3 python3.13 python3.12 python3.11; do \
			if "$$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
				2>/dev/null; then found=$$name; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo 'make: needs Python 3.11, 3.12 or 3.13 with its venv module, as python3 or python3.N on the PATH' >&2; \
			exit 1; \
		fi; \
		echo "Setting up .venv with $$found (once; a few minutes at most)"; \
		"$$found" -m venv --clear .venv; \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	else \
		echo 'Bringing .venv up to date'; \
	fi; \
	rm -f .venv/ready; \
	.venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode -r requirements.lock; \
	.venv/bin/uv pip install --quiet --python .venv/bin/python --no-build-isolation --no-deps -e .; \
	.venv/bin/python -m maskwright offline-plots >/dev/null; \
	pwd -P > .venv/ready
