# Everything sets itself up: `make demo` and `make test` need Python 3.11 or later, make and a package index, nothing else.
# Variables: PYTHON (the interpreter), VENV (where it goes), PYTEST_ARGS, DEMO_ARGS, BENCH_ARGS, WORKERS (parallel test processes).
# For a service: PREFIX (/usr/local), DESTDIR, WHEELHOUSE (a folder of wheels in the place of a package index), EXTRAS (sandbox).

VENV ?= .venv
BENCH_ARGS ?= --plot tests/bench/growth.png
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$p" && break; done)
BIN := $(VENV)/bin
# A short test waits half its time, so that two cores take four. Long ones measure, and kill in time.
AT_ONCE = $(or $(WORKERS),2)
test: AT_ONCE = $(or $(WORKERS),4)
PYTEST = $(BIN)/python -m pytest -n $(AT_ONCE) --dist worksteal --durations=25
# Services want the system's own Python, so only one that was asked for is passed on.
SERVICE = PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" WHEELHOUSE="$(WHEELHOUSE)" EXTRAS="$(EXTRAS)" \
	PYTHON="$(if $(filter-out file,$(origin PYTHON)),$(PYTHON))" sh systemd/setup.sh
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # or each process compiles every test

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-long coverage test-clients test-system check bench soak format clean setup install uninstall wheelhouse

help: ## Show what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(VENV)/.demo-ready ## A local OSS and VOD, sample media, one scan, the result
	@$(BIN)/oss-vod-watcher demo $(DEMO_ARGS)

test: $(VENV)/.test-ready ## Every promise in small, in under four minutes on two cores (PYTEST_ARGS="-k word")
	$(PYTEST) -m "not long" $(PYTEST_ARGS)

test-all: $(VENV)/.test-ready ## Every test but those of test-system
	$(PYTEST) $(PYTEST_ARGS)

test-long: $(VENV)/.test-ready ## What test leaves out of test-all
	$(PYTEST) -m long $(PYTEST_ARGS)

coverage: $(VENV)/.test-ready ## Lines and branches that test-all runs, in all processes
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -n $(AT_ONCE) --dist worksteal $(PYTEST_ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: $(VENV)/.test-ready ## Format, lint, types, import layers, generated docs, then test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	COLUMNS=80 NO_COLOR=1 $(BIN)/cog --check -P -I . docs/*.md
	$(MAKE) test

test-system: $(VENV)/.test-ready ## A fresh Debian, a real systemd, browser and Prometheus (as root; says what it cannot run)
	@if [ "$$(id -u)" = 0 ]; then \
		for each in debootstrap:debootstrap systemd-nspawn:systemd-container chromium:chromium promtool:prometheus faketime:faketime tmux:tmux; do \
			command -v "$${each%%:*}" >/dev/null || missing="$$missing $${each#*:}"; done; \
		[ -z "$$missing" ] || (apt-get -qq update && apt-get -qq -y install --no-install-recommends $$missing) >/dev/null 2>&1 \
		|| echo "test-system: apt-get could not install$$missing" >&2; fi
	$(BIN)/python -m pytest tests/system --timeout 1200 $(PYTEST_ARGS)

test-clients: $(VENV)/.clients-ready ## Unchanged clients of other authors against the sandbox (needs Node.js; installs it as root)
	$(BIN)/python -m pytest tests/clients $(PYTEST_ARGS)

bench: $(VENV)/.bench-ready ## Ours beside rclone, s5cmd, obstore and the obvious script (BENCH_ARGS="--quick")
	@if [ "$$(id -u)" = 0 ] && ! command -v rclone >/dev/null; then \
		(apt-get -qq update && apt-get -qq -y install --no-install-recommends rclone) >/dev/null 2>&1 \
		|| echo "bench: apt-get could not install rclone" >&2; fi
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

soak: $(VENV)/.test-ready ## A daemon under load and faults for 20 minutes: nothing may grow (SOAK_ARGS="--minutes 3")
	@$(BIN)/python -m tests.bench.soak $(SOAK_ARGS)

format: $(VENV)/.test-ready ## Rewrite the code as `check` wants it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

install: ## As a service: program, units, user, example configuration (as root; PREFIX, DESTDIR, WHEELHOUSE)
	@$(SERVICE) install

uninstall: ## Take that away again; configuration and ledger stay
	@$(SERVICE) uninstall

wheelhouse: ## All packages into dist/wheelhouse, for an installation without a network
	@$(SERVICE) wheelhouse

clean: ## Remove the virtual environment and the caches
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

setup: $(VENV)/.test-ready

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(if $(PYTHON),$(PYTHON) is,On PATH there is) no Python 3.11 or later: install one, or say 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
	@test ! -e "$(VENV)" || { echo "$(VENV) is there but holds no working Python: remove it and try again." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || { \
		v=$$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		echo "$(PYTHON) cannot make virtual environments; as root: apt-get install python3-venv (or $$v)." >&2; exit 1; }
	@"$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; exit 1; }

# One stamp for each set of packages: a second run is instant, a changed pin installs again.
$(VENV)/.demo-ready: EXTRAS = sandbox
$(VENV)/.test-ready: EXTRAS = sandbox,dev
$(VENV)/.bench-ready: EXTRAS = sandbox,dev,bench
$(VENV)/.demo-ready $(VENV)/.test-ready $(VENV)/.bench-ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV), which takes about a minute ..." >&2
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

# Clients whose packages overwrite those of this program have environments of their own.
$(VENV)/.clients-ready: pyproject.toml constraints.txt $(wildcard tests/clients/apart/*.txt tests/clients/node/package*.json) | $(BIN)/python
	@if [ "$$(id -u)" = 0 ] && ! { command -v node && command -v npm; } >/dev/null; then \
		echo "Installing Node.js ..." >&2; \
		(apt-get -qq update && apt-get -qq -y install --no-install-recommends nodejs npm) >/dev/null 2>&1 \
		|| echo "test-clients: apt-get could not install nodejs and npm" >&2; fi
	@echo "Installing the clients into $(VENV), which takes about a minute ..." >&2
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[sandbox,dev,clients]'
	@for each in oss-v2 ossfs; do \
		$(BIN)/python -m venv "$(VENV)/clients/$$each" && \
		"$(VENV)/clients/$$each/bin/python" -m pip install --quiet -r "tests/clients/apart/$$each.txt" || exit 1; done
	@mkdir -p "$(VENV)/clients/node" && cp tests/clients/node/package*.json "$(VENV)/clients/node"
	@npm ci --prefix "$(VENV)/clients/node" --no-audit --no-fund --loglevel error
	@touch $@
