SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/installed
LOCKS := requirements.txt requirements-dev.txt
SEEDS ?= 20

# An interpreter counts when it runs (a pyenv shim may only say that it does not) and fits.
PYTHON_BIN ?=
CANDIDATES := $(or $(PYTHON_BIN),python3 python3.13 python3.12 python3.11)
FITS := import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
UV_PIP := uv pip install --quiet --python $(PYTHON)
MKDOCS := NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict
PIP := $(PYTHON) -m pip install -qq --disable-pip-version-check
# An environment whose interpreter has gone (an upgraded Homebrew, say) is made anew.
LOST := $(shell test -x $(PYTHON) || echo lost)

.PHONY: help
help: ## list the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP) ## run the real pipeline for several half hours against the sandbox
	@$(PYTHON) -m sandbox demo

.PHONY: up
up: $(STAMP) ## Airflow and its UI on the sandbox, in the background (UI_PORT=8080 SPEED=15)
	@$(PYTHON) -m sandbox up $(if $(UI_PORT),--port $(UI_PORT)) $(if $(SPEED),--speed $(SPEED))

.PHONY: psql
psql: $(STAMP) ## psql on the warehouse of make up, as an analyst
	@$(PYTHON) -m sandbox psql

.PHONY: shell
shell: $(STAMP) ## a shell with the environment of make up's Airflow
	@$(PYTHON) -m sandbox shell

.PHONY: down
down: $(STAMP) ## end everything that make up started
	@$(PYTHON) -m sandbox down

.PHONY: test
test: $(STAMP) ## run the tests
	@$(PYTHON) -m pytest -n 3

.PHONY: test-fast
test-fast: $(STAMP) ## run the tests that need no server and no other program
	@$(PYTHON) -m pytest tests/unit -n 2 -m 'not server'

.PHONY: soak
soak: $(STAMP) ## run the long simulation (SEEDS=20)
	@$(PYTHON) -m pytest tests/simulation tests/unit/steps -n 2 -m soak --seeds=$(SEEDS)

.PHONY: bench
bench: $(STAMP) ## measure, each figure beside its limit or rival (PARTS="quota cycle" JSON=file)
	@PYTHONPATH=tests $(PYTHON) -m benchmarks $(PARTS) $(if $(JSON),--json $(JSON))

.PHONY: train-texts
train-texts: $(STAMP) ## train the reader of trace texts (domain/texts.npz)
	@OMP_NUM_THREADS=1 PYTHONPATH=plugins $(PYTHON) training/train_texts.py

.PHONY: docs
docs: $(STAMP) ## build the documentation into build/docs
	@$(MKDOCS)
	@echo 'open build/docs/index.html'

.PHONY: dictionary
dictionary: $(STAMP) ## write docs/dictionary.md from the comments of the views
	@PYTHONPATH=plugins:. $(PYTHON) tests/unit/docs/dictionary.py

.PHONY: lint
lint: $(STAMP) ## check style, types, SQL and the documentation's links
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m sqlfluff lint include/sql
	@$(PYTHON) -m check_jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yaml
	@$(MKDOCS)

.PHONY: lock
lock: ## resolve the newest versions into requirements.txt and requirements-dev.txt
	@set -e; \
	if uv --version >/dev/null 2>&1; then \
	    uv=uv; \
	else \
	    $(find_python); \
	    tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	    "$$python" -m venv "$$tmp"; "$$tmp/bin/python" -m pip install -qq uv; uv=$$tmp/bin/uv; \
	fi; \
	echo 'resolving $(LOCKS)'; \
	set -- --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header; \
	"$$uv" pip compile "$$@" pyproject.toml --extra celery --group build --group tested \
	    -o requirements.txt; \
	: 'An old pip takes name[extra] for another package than name, so both are pinned.'; \
	"$$uv" pip compile "$$@" --no-strip-extras --no-annotate -c requirements.txt \
	    pyproject.toml --extra celery --group build --group tested \
	    | awk '/^[^ ]/ { extra = /^[^ ]+\[/ } extra' > requirements-extras.tmp; \
	cat requirements-extras.tmp >> requirements.txt; rm requirements-extras.tmp; \
	"$$uv" pip compile "$$@" --group dev -c requirements.txt -o requirements-dev.txt

.PHONY: clean
clean: ## remove .venv, the sandbox's files and all caches
	@if [ -d .sandbox/up ] && [ -x $(PYTHON) ]; then \
	    $(PYTHON) -m sandbox down; \
	    $(PYTHON) -m sandbox postgres remove --folder .sandbox/up/postgres; \
	fi
	@rm -rf $(VENV) .sandbox build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): $(LOCKS) pyproject.toml $(LOST)
	@set -e; \
	if uv --version >/dev/null 2>&1; then has_uv=yes; else has_uv=; fi; \
	if [ "$$has_uv" ]; then \
	    cache=$$(uv cache dir 2>/dev/null) && mkdir -p "$$cache" 2>/dev/null && [ -w "$$cache" ] \
	        || export UV_NO_CACHE=1; \
	fi; \
	if $(PYTHON) -c '$(FITS)' 2>/dev/null \
	    && { [ "$$has_uv" ] || $(PYTHON) -m pip --version >/dev/null 2>&1; }; then \
	    echo 'updating $(VENV)'; \
	else \
	    $(find_python); \
	    echo "making $(VENV) with $$python, a minute or two"; \
	    if [ "$$has_uv" ]; then \
	        uv venv --quiet --clear --python "$$python" $(VENV); \
	    else \
	        "$$python" -m venv --clear $(VENV); \
	    fi; \
	fi; \
	if [ "$$has_uv" ]; then \
	    $(UV_PIP) --require-hashes $(LOCKS:%=-r %); \
	    $(UV_PIP) --no-deps --no-build-isolation -e .; \
	else \
	    $(PIP) --require-hashes $(LOCKS:%=-r %); \
	    $(PIP) --no-deps --no-build-isolation -e .; \
	fi; \
	touch $@

.PHONY: lost
lost:

define find_python
python=; \
for candidate in $(CANDIDATES); do \
    if "$$candidate" -c '$(FITS)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
    echo 'Python 3.11, 3.12 or 3.13 is needed; tried: $(CANDIDATES).' >&2; \
    echo 'Install one, or name it: make PYTHON_BIN=/path/to/python3' >&2; \
    exit 1; \
fi
endef
