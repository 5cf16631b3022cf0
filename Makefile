# Two commands do all the set-up: `make demo` and `make test`. Nothing is written outside this clone and the cache
# folder of docker/install.sh. PYTHON chooses the interpreter (3.11 or later), ONCE=1 ends the demo after its call.

SHELL := /bin/bash
VENV ?= .venv
PYTHON_IN := $(VENV)/bin/python
INSTALL := docker/install.sh
SCRIPTS := docker/install.sh docker/test-containers.sh .ci/run
DOCKERFILES := docker/Dockerfile.asterisk docker/Dockerfile.controller

# The second interpreter that the tests run on, where the machine has it and the first one is another.
OTHER_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3.13) python3.13)
OTHER_VENV := $(VENV)-other

ON_EVERY_CORE := -n auto
# Tests on a real Asterisk mostly wait. Each worker has an Asterisk of its own; sound that a stall of the machine spoilt
# is judged anew by the tests themselves, whatever else a stall spoilt by running the test once more.
ON_ASTERISK := -n 3 --dist loadfile --reruns 2 --ignore tests/integration/test_wan.py
# What listens through a bad network has the machine to itself.
ALONE := --reruns 3 tests/integration/test_wan.py

.PHONY: help demo test lint test-containers root clean
.DEFAULT_GOAL := help

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a call through Asterisk, controller and agent, then yours; ONCE=1: only the scripted one
	@if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then \
	    docker/demo-in-containers.sh $(if $(ONCE),--once); \
	else \
	    $(MAKE) --no-print-directory $(VENV)/installed root && exec $(PYTHON_IN) -m ari_agent demo $(if $(ONCE),--once); \
	fi

test: lint other-python root ## lint, types and all tests, those on a real Asterisk included
	$(PYTHON_IN) -m pytest -q $(ON_EVERY_CORE) -m 'not asterisk'
	$(PYTHON_IN) -m pytest -q $(ON_ASTERISK) -m asterisk
	$(PYTHON_IN) -m pytest -q $(ALONE)

lint: $(VENV)/installed ## style and types of all files
	$(PYTHON_IN) -m ruff check .
	$(PYTHON_IN) -m ruff format --check .
	$(PYTHON_IN) -m mypy
	$(VENV)/bin/shellcheck $(SCRIPTS)
	if [ -x $(VENV)/bin/hadolint ]; then $(VENV)/bin/hadolint $(DOCKERFILES); fi

.PHONY: other-python
other-python: $(VENV)/installed
	@version=$$($(OTHER_PYTHON) -c 'import sys; print(sys.version_info[:2])' 2>/dev/null) || exit 0; \
	[ "$$version" != "$$($(PYTHON_IN) -c 'import sys; print(sys.version_info[:2])')" ] || exit 0; \
	$(MAKE) --no-print-directory VENV=$(OTHER_VENV) PYTHON=$(OTHER_PYTHON) $(OTHER_VENV)/installed && \
	$(OTHER_VENV)/bin/python -m pytest -q $(ON_EVERY_CORE) -m 'not asterisk' --hypothesis-profile 'second interpreter'

test-containers: ## build and run the Dockerfiles and the compose file, one call through them
	docker/test-containers.sh

root: # the private root with Asterisk, in the cache folder
	@$(INSTALL) root >/dev/null

$(VENV)/installed: pyproject.toml $(INSTALL)
	PYTHON=$(PYTHON) $(INSTALL) venv $(VENV)
	$(PYTHON_IN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean: ## remove what was made in this clone; the cache folder stays
	rm -rf $(VENV) $(OTHER_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find ari_agent tests -name __pycache__ -type d -prune -exec rm -rf {} +
