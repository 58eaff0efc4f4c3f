# `make demo` and `make test` are all a newcomer types; the rest is here for those who stay.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
DEMO_ROBOTS ?= 3
DEMO_EPISODES ?= 4
PY := .venv/bin/python
NODE := $(CURDIR)/.venv/bin/python $(CURDIR)/config/node.py

.PHONY: demo setup test check bench starter mutants screenshots lerobot-env test-lerobot clean
.DEFAULT_GOAL := demo

demo:
	@$(PYTHON) config/system_packages.py demo
	@$(MAKE) --no-print-directory .venv/.demo frontend/dist/manifest.json
	@exec $(PY) -m config.demo --port $(PORT) --robots $(DEMO_ROBOTS) --episodes $(DEMO_EPISODES)

# all that tests and benchmarks need, installed and built; again in seconds
setup:
	@$(PYTHON) config/system_packages.py test
	@$(MAKE) --no-print-directory .venv/.dev frontend/dist/manifest.json

UNITS := --ignore=tests/journeys
AGAIN := --last-failed --last-failed-no-failures none
test: setup
	# A machine that stalls for a quarter of a second rightly costs a driver the lease: what failed is run once more, alone.
	$(PY) -m pytest -n 2 --dist loadfile $(UNITS) || $(PY) -m pytest $(UNITS) $(AGAIN)
	$(PY) -m pytest tests/journeys || $(PY) -m pytest tests/journeys $(AGAIN)
	cd frontend && $(NODE) npm test

check: .venv/.dev frontend/dist/manifest.json
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) -m protocol.typescript | diff -u frontend/src/generated/protocol.ts -
	REINS_MODE=test $(PY) manage.py makemigrations --check --dry-run
	$(PY) config/check_production.py
	cd frontend && $(NODE) npm run lint
	cd frontend && $(NODE) npm run typecheck

bench: setup
	$(PY) bench/run_all.py

# the policy that the demo runs, from nothing: demonstrations, training, calibration; about 20 minutes
starter: setup
	$(PY) bench/starter.py

mutants: setup
	$(PY) -m tests.robot.kernel.mutants

# real LeRobot, in an environment of its own: it opens what we export and writes what we import
lerobot-env: .venv-lerobot/.made

test-lerobot: setup lerobot-env
	$(PY) -m pytest tests/lerobot -m lerobot

# from the running demo into docs/images
screenshots: setup
	$(PY) docs/screenshots.py --port $(PORT)
	$(PY) docs/screenshots_runs.py --port $(PORT)

clean:
	rm -rf .venv .venv-lerobot .reins .static frontend/node_modules frontend/dist

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Reins needs Python 3.11 to 3.13; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@touch $@

# a machine without a GPU may set TORCH_INDEX to PyTorch's CPU builds (docs/learning.md)
TORCH := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
.venv/.demo: .venv/.made requirements.txt requirements-demo.txt requirements-learning.txt robot/requirements.txt robot/requirements-simulated.txt
	$(PY) -m pip install --quiet --disable-pip-version-check $(TORCH) -r requirements-demo.txt
	@touch $@

.venv/.dev: .venv/.demo requirements-dev.txt requirements-s3.txt requirements-vla.txt
	$(PY) -m pip install --quiet --disable-pip-version-check $(TORCH) -r requirements-dev.txt
	@touch $@

LEROBOT_PIP := .venv-lerobot/bin/python -m pip install --quiet --disable-pip-version-check
.venv-lerobot/.made: requirements-lerobot.txt
	$(PYTHON) -m venv --clear .venv-lerobot
	$(LEROBOT_PIP) $(TORCH) -r requirements-lerobot.txt
	$(LEROBOT_PIP) --no-deps lerobot==0.4.4 torchvision==0.28.0
	@touch $@

frontend/node_modules/.installed: .venv/.demo frontend/package.json frontend/package-lock.json
	cd frontend && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

FRONTEND_SOURCES := $(shell find frontend/src frontend/public -type f 2>/dev/null) frontend/vite.config.ts frontend/tsconfig.json
frontend/dist/manifest.json: frontend/node_modules/.installed $(FRONTEND_SOURCES)
	cd frontend && $(NODE) npm run build --silent
	@touch $@
