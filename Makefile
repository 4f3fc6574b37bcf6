# The only list of development commands. `make` prints it.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV ?= uv
# Tests in so many processes at once: many of them wait for timers. Two cores were idle for a fifth of the time with four.
PROCESSES ?= 5
# The order of the tests and all chance in them: `make test CHANCE=…` runs them once more as that number says.
CHANCE := $(shell date +%s)
PYTEST = $(BIN)/python -m pytest -q -n $(PROCESSES) --dist loadscope --randomly-seed=$(CHANCE) --hypothesis-seed=$(CHANCE)
# Every process of a run imports the same files: compiled once, they are kept.
unexport PYTHONDONTWRITEBYTECODE
SOURCES := orchestrator workers migrations tests $(wildcard benchmarks)

.DEFAULT_GOAL := help
.PHONY: help setup hooks format static check fast test collected chaos zones demo demo-web bench dev lock wheel clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/\1|\2/p' $(MAKEFILE_LIST) | \
	while IFS='|' read -r name what; do printf '  make %-8s %s\n' "$$name" "$$what"; done

setup: $(READY) ## make .venv with everything locked in constraints.txt

# Interpreters by name, because on many systems python3 is still an older one; PYTHON=... overrules.
$(READY): constraints.txt pyproject.toml
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Muster needs Python 3.11 or newer; tried $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11." >&2; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python" >&2; exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "Making $(VENV) with $$("$$found" --version)"; \
		"$$found" -m venv --clear $(VENV) || { \
			echo "$$found cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

hooks: $(READY) ## run the fast checks before every commit of this clone
	@printf '#!/bin/sh\nexec make static\n' > "$$(git rev-parse --git-path hooks)/pre-commit"
	@chmod +x "$$(git rev-parse --git-path hooks)/pre-commit"

format: $(READY) ## let ruff format and mend what it can
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

static: $(READY) ## format, lint, types and import contracts
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

check: $(READY) ## before every commit: static, unit, properties, architecture
	@$(MAKE) --no-print-directory -j 2 static fast

# None of these waits: a process for each processor, as collecting takes each of them five seconds.
fast: PROCESSES := auto
fast: $(READY)
	$(PYTEST) tests/unit tests/properties tests/architecture

test: $(READY) ## before every merge: check, then integration, system, browser and faults
	@$(MAKE) --no-print-directory -j 2 static collected
	$(PYTEST) --costs 20

# In a fresh clone each process of a run would compile every test anew, at the same time. Once beside mypy is enough; a
# test that cannot be collected is reported by the run itself.
collected: $(READY)
	@$(BIN)/python -m pytest --collect-only -q >/dev/null 2>&1 || true

# SEED=… plays one simulated run again, with its log; docs/faults.md has more.
chaos: $(READY) ## break things at random for longer than a test may: SECONDS=60 SEED=… KIND=simulation|processes KILLS=…
	@SECONDS=$(SECONDS) SEED=$(SEED) KIND=$(KIND) KILLS=$(KILLS) $(BIN)/python -m tests.support.chaos

zones: $(READY) ## compare when schedules are due with an oracle, around every transition of every time zone
	$(BIN)/python -m tests.support.cron_oracle

demo-web: $(READY) ## the dashboard on a month of simulated work
	$(BIN)/muster demo --serve

demo: $(READY) ## the main job on 500 simulated devices, faults included
	$(BIN)/muster demo

bench: $(READY) ## measure everything beside bare loops and naive designs; docs/speed.md
	$(BIN)/python -m benchmarks

# The simulator accepts any token that it cannot read.
dev: $(READY) ## the standing service on a simulated Graph, with a database of its own
	@$(BIN)/muster simulator --port 8089 & simulator=$$!; trap 'kill $$simulator' EXIT INT TERM; \
	MUSTER_GRAPH_URL=http://127.0.0.1:8089 MUSTER_ACCESS_TOKEN=simulated \
	MUSTER_DATABASE_URL=sqlite:///$(CURDIR)/$(VENV)/dev.db $(BIN)/muster serve

LOCK := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --quiet

# The image installs what runs and what builds, and nothing else; both are parts of the whole lock.
lock: ## resolve the dependencies again (needs uv)
	$(LOCK) pyproject.toml --group dev -o constraints.txt
	$(LOCK) pyproject.toml --constraints constraints.txt -o constraints-runtime.txt
	echo hatchling | $(LOCK) - --constraints constraints.txt -o constraints-build.txt

wheel: $(READY) ## build dist/muster-*.whl
	$(BIN)/python -m hatchling build -t wheel

clean: ## remove what the other commands made, the environment too
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
