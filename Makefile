# Everything happens in .venv beside this file: nothing is installed globally, and every target can be run twice.

SHELL := /bin/sh
.DEFAULT_GOAL := help
CONFIG ?= proxy_config.yaml
ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
# A stamp's name carries the folder: a .venv that was copied or moved along with the tree works no more
# (its scripts hold absolute paths), so it has no stamp here and is made anew.
HERE := $(shell pwd | cksum | cut -d' ' -f1)
RUNTIME := $(VENV)/.installed-runtime-$(HERE)
DEV := $(VENV)/.installed-dev-$(HERE)
SOURCES := pyproject.toml requirements/build.lock
LINGUA_VENV := .venv-llmlingua
LINGUA := $(LINGUA_VENV)/.installed-$(HERE)

.PHONY: help setup setup-dev demo run test test-llmlingua lint format bench bench-cache bench-decision bench-ledger bench-budgets bench-telemetry bench-day bench-review lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-14s %s\n' "$$name" "$$what"; done

setup: $(RUNTIME) ## Make .venv with the locked dependencies and the pack
	@echo "$(VENV) is ready."

setup-dev: $(DEV) ## The same, with what tests and linters need
	@echo "$(VENV) is ready."

demo: $(RUNTIME) ## Ask a stock proxy with the pack a few hundred real questions; no API key needed
	@$(BIN)/litellm-plugins demo $(ARGS)

run: $(RUNTIME) ## Start the proxy on proxy_config.yaml (CONFIG=other.yaml); the first run writes a master key to .env
	@$(BIN)/litellm-plugins run --config $(CONFIG) $(ARGS)

test: $(DEV) ## Run every test (ARGS="-k name" for some, WORKERS=0 for one after the other)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-llmlingua: $(LINGUA) ## Run the tests of LLMLingua-2 on the real package and a tiny model (makes .venv-llmlingua)
	@$(LINGUA_VENV)/bin/python -m pytest --numprocesses 0 -W default $(ARGS) tests/llmlingua

lint: $(DEV) ## ruff, mypy --strict and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

format: $(DEV) ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) ## CPU per request: stock proxy, miss, hit
	@$(BIN)/python benchmarks/overhead.py $(ARGS)

bench-cache: $(DEV) ## Our cache beside GPTCache, redisvl and LiteLLM (ARGS="--requests FILE")
	@$(BIN)/python benchmarks/cache.py $(ARGS)

bench-decision: $(DEV) ## A hit decision among 100,000 entries (ARGS="--requests FILE")
	@$(BIN)/python benchmarks/decision.py $(ARGS)

bench-ledger: $(DEV) ## What a reservation costs on SQLite and Redis, beside stock's own
	@$(BIN)/python benchmarks/ledger.py $(ARGS)

bench-budgets: $(DEV) ## How far spend runs past a budget: LiteLLM's own on a real Postgres, and ours (needs node)
	@$(BIN)/python benchmarks/budgets.py $(ARGS)

bench-telemetry: $(DEV) ## CPU of all sinks together for one request
	@$(BIN)/python benchmarks/telemetry.py $(ARGS)

bench-day: $(DEV) ## A day of mixed traffic: do all sinks say the same of it? (ARGS="--workers 4")
	@$(BIN)/python benchmarks/recorded_day.py $(ARGS)

bench-review: $(DEV) ## What reviewers teach the cache in a simulated fortnight (ARGS="--requests FILE")
	@$(BIN)/python benchmarks/review_fortnight.py $(ARGS)

# The locks hold for Python 3.11 and 3.12 on Linux (x86-64, aarch64) and macOS (Apple silicon). Pins stay as they
# are unless pyproject.toml asks for another; UPGRADE=1 takes the newest of everything.
COMPILE = "$$tools/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --annotation-style line --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
lock: ## Rewrite requirements/*.lock from pyproject.toml (UPGRADE=1: newest versions)
	@python="$$($(FIND_PYTHON))" && tools="$$(mktemp -d)" && trap 'rm -rf "$$tools"' EXIT && \
	"$$python" -m venv "$$tools" && "$$tools/bin/python" -m pip install -qq --disable-pip-version-check 'uv>=0.8' && \
	$(COMPILE) pyproject.toml --extra redis -o requirements/runtime.lock && \
	$(COMPILE) pyproject.toml --extra redis --extra dev -c requirements/runtime.lock -o requirements/dev.lock && \
	$(COMPILE) requirements/build.in -c requirements/dev.lock -o requirements/build.lock && \
	$(COMPILE) requirements/llmlingua.in --override requirements/without-torch.txt -c requirements/dev.lock -o requirements/llmlingua.lock && \
	sed -i.old -e '/^torch==/,/[^\\]$$/d' -e '/^setuptools==.*never/,/[^\\]$$/d' requirements/llmlingua.lock && rm -f requirements/llmlingua.lock.old && \
	echo "requirements/*.lock are up to date."

clean: ## Remove .venv and caches (keeps .env and data/)
	rm -f $(VENV)/.complete $(VENV)/.installed-*
	rm -rf $(VENV) $(LINGUA_VENV) build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find litellm_plugins tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(RUNTIME): requirements/runtime.lock $(SOURCES)
	@$(call install,runtime.lock,$(RUNTIME),one to four minutes and 900 MB)

$(DEV): requirements/dev.lock requirements/runtime.lock $(SOURCES)
	@$(call install,dev.lock,$(DEV) $(RUNTIME),one to four minutes and 1 GB)

# On top of .venv, whose packages it sees: only what the model needs is installed a second time nowhere. torch comes from
# pip's own sources: where PIP_FIND_LINKS or pip.conf names a CPU wheel of this version that is taken (a local version is
# the newer one), else the registry's, which on Linux brings gigabytes of CUDA.
TORCH ?= torch==2.13.0
$(LINGUA): requirements/llmlingua.lock $(DEV)
	@set -e; rm -rf $(LINGUA_VENV); began="$$(date +%s)"; unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX; \
	$(BIN)/python -m venv $(LINGUA_VENV); \
	site='import sysconfig; print(sysconfig.get_paths()["purelib"])'; \
	echo "import site; site.addsitedir('$$($(BIN)/python -c "$$site")')" >"$$($(LINGUA_VENV)/bin/python -c "$$site")/pack.pth"; \
	export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1; \
	$(LINGUA_VENV)/bin/python -m pip install -qq --require-hashes --no-deps -r requirements/llmlingua.lock; \
	$(LINGUA_VENV)/bin/python -m pip install -qq '$(TORCH)'; \
	ln -sf "$$PWD/$(BIN)/litellm" $(LINGUA_VENV)/bin/litellm; \
	touch $(LINGUA); echo "$(LINGUA_VENV) is ready after $$(($$(date +%s) - began)) s."

# Prints a Python that will do: $PYTHON if it is given, else the first that really runs (a pyenv shim may not).
FIND_PYTHON = for p in $${PYTHON:-python3.11 python3.12 python3 python}; do \
	  "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1 && { command -v "$$p"; exit 0; }; \
	done; \
	echo "Python 3.11 or 3.12 is needed, and none of these is one: $${PYTHON:-python3.11 python3.12 python3 python}." >&2; \
	echo "Install one (Debian: apt-get install python3 python3-venv; macOS: brew install python@3.12), or say where it is: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

# $(1): the lock, $(2): the stamps, $(3): what to expect. .venv/.complete names the folder the environment was finished
# in. It is absent while pip works, so an interrupted install, whose packages may be half there, starts over. The link
# .venv.lock names the process at work: a second make waits for it, and takes over from one that died.
define install
set -e; \
until ln -s $$$$ $(VENV).lock 2>/dev/null; do \
  kill -0 "$$(readlink $(VENV).lock)" 2>/dev/null || rm -f $(VENV).lock; sleep 1; \
done; \
trap 'rm -f $(VENV).lock' EXIT; \
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX; \
if [ -e $(VENV) ] && { [ "$$(cat $(VENV)/.complete 2>/dev/null)" != "$$PWD" ] || ! $(BIN)/python -c '' 2>/dev/null; }; then \
  echo "$(VENV) is unfinished or was made for another folder: starting it over."; rm -rf $(VENV); \
fi; \
began="$$(date +%s)"; \
if [ ! -e $(VENV) ]; then \
  python="$$($(FIND_PYTHON))"; \
  echo "Setting up $(VENV) with $$("$$python" -V): LiteLLM's proxy and the pack, every file checked against requirements/$(1)."; \
  echo "The first time takes $(3) on disk; most of both is LiteLLM's own."; \
  "$$python" -m venv $(VENV) || { rm -rf $(VENV); echo "$$python has no working venv module (Debian: apt-get install python3-venv)." >&2; exit 1; }; \
else \
  echo "Bringing $(VENV) up to requirements/$(1)."; rm -f $(VENV)/.complete; \
fi; \
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1; \
$(BIN)/python -m pip install -qq --require-hashes -r requirements/$(1) -r requirements/build.lock; \
$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .; \
echo "$$PWD" >$(VENV)/.complete; \
touch $(2); \
echo "Ready after $$(($$(date +%s) - began)) s."
endef
