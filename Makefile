# Two commands do all the set-up: `make demo` and `make test`. Nothing is written outside this clone and the cache
# folder of docker/install.sh. PYTHON chooses the interpreter (3.11 or later), ONCE=1 ends the demo after its calls, and
# JSON=1 has it print one JSON object at its end.

SHELL := /bin/bash
# Where an environment forbids to keep compiled code, every process compiles all of it, and pytest rewrites every test.
unexport PYTHONDONTWRITEBYTECODE
VENV ?= .venv
PYTHON_IN := $(VENV)/bin/python
INSTALL := docker/install.sh
SCRIPTS := docker/install.sh docker/run-kamailio.sh docker/test-containers.sh .ci/run
DOCKERFILES := docker/Dockerfile.asterisk docker/Dockerfile.controller docker/Dockerfile.kamailio

# The demo needs no tools of development: it has an environment of its own, unless the whole one is there.
DEMO_VENV := $(if $(wildcard $(VENV)/installed),$(VENV),$(VENV)-demo)

# The second interpreter that the tests run on, where the machine has it and the first one is another.
OTHER_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3.13) python3.13)
OTHER_VENV := $(VENV)-other
VERSION_OF = $$($(1) -c 'import sys; print(sys.version_info[:2])' 2>/dev/null)
HAS_OTHER = other="$(call VERSION_OF,$(OTHER_PYTHON))"; [ -n "$$other" ] && [ "$$other" != "$(call VERSION_OF,$(PYTHON_IN))" ]

# pip compiles on one core; we do on each, and not what nothing here imports.
NEVER_IMPORTED := /(pip|setuptools|mypy|mypyc|onnxruntime/(transformers|quantization|tools)|geodata|carrierdata|tzdata|tests$\
    |openai/resources|pygments/lexers|graphql|filelock|coverage|semconv|numpy/(distutils|f2py|polynomial)$\
    |sqlalchemy/testing|pydantic/v1|schemathesis/cli|moonshine_voice|cffi|pycparser|markdown_it)/

# More workers than there are cores: many tests wait. Twice more, where a machine that has too much to do failed one.
ON_EVERY_CORE := -n $(shell expr $$(nproc) + 2) --reruns 2 -m 'not asterisk'
# Which branches they take. Measuring doubles the time of what is pure Python, so it is done where properties have few
# examples: on the second interpreter, or by `make coverage`. Prints the figure, and fails where a pure module has a gap.
MEASURED := --hypothesis-profile quick -p pytest_cov --cov --cov-report=
FIGURE := -m tests.coverage_of_pure
# What takes longer than `make check` may as a whole folder; single files and tests are marked `slow`.
SLOW := $(addprefix --ignore=tests/,conformance demo docker field integration store)
# Fewer examples of each property, no second attempts.
QUICK := -n $(shell nproc) -m 'not asterisk and not slow' --hypothesis-profile quick $(SLOW)
# Where such tests are, files and the folders whose conftest.py marks them: workers need not read the others.
WITH_ASTERISK := $(sort $(patsubst %/conftest.py,%,$(shell grep -rlE 'mark\.asterisk' --include='*.py' tests)))
# Tests on a real Asterisk mostly wait: one after another they took 38 minutes, and 10 of a processor. Each worker has an
# Asterisk of its own; sound that a stall of the machine spoilt is judged anew by the tests themselves, whatever else a
# stall spoilt by running the test once more.
ON_ASTERISK := -n 5 --dist loadfile --no-loadscope-reorder --reruns 2 --timeout 180 -m asterisk \
    --ignore tests/integration/test_wan.py $(WITH_ASTERISK)
# What listens through a bad network has the machine to itself.
ALONE := --reruns 3 --timeout 180 tests/integration/test_wan.py
# Runs beside others: what it says comes at its end, in one piece.
QUIETLY := log=$$(mktemp) && trap 'rm -f $$log' EXIT && run() { "$$@" >$$log 2>&1; status=$$?; cat $$log; return $$status; }
# Whatever else wants to run goes before it, at once.
IN_IDLE_TIME := $(if $(shell command -v chrt),chrt --idle 0,nice -n 19)
BESIDE := $(MAKE) --no-print-directory -j

.PHONY: help demo check coverage schemas test lint test-containers test-clouds root chromium clean
.DEFAULT_GOAL := help

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## calls through Asterisk, controller and agent, then yours; ONCE=1: only the scripted ones
	@if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then \
	    docker/demo-in-containers.sh $(if $(ONCE),--once) $(if $(JSON),--json); \
	else \
	    $(MAKE) --no-print-directory $(DEMO_VENV)/installed root && \
	    exec $(DEMO_VENV)/bin/python -m ari_agent demo $(if $(ONCE),--once) $(if $(JSON),--json); \
	fi

check: ## lint, types and the quick tests, within a minute: what one runs all day
	$(BESIDE) $(VENV)/installed
	$(BESIDE) check-lint check-tests

.PHONY: check-lint check-tests
check-lint:
	@$(QUIETLY); run $(MAKE) --no-print-directory lint

check-tests:
	$(PYTHON_IN) -m pytest -q $(QUICK)

# Tests on a real Asterisk mostly wait, and go before the others, which take what time is left.
test: ## lint, types and all tests, those on a real Asterisk included
	$(BESIDE) $(VENV)/installed root chromium
	$(BESIDE) test-on-asterisk test-beside lint-beside
	$(PYTHON_IN) -m pytest -q $(ALONE)

.PHONY: lint-beside test-beside test-on-asterisk
lint-beside:
	@$(QUIETLY); run $(IN_IDLE_TIME) $(MAKE) --no-print-directory lint

test-beside: $(VENV)/installed
	@$(QUIETLY); run $(IN_IDLE_TIME) $(PYTHON_IN) -m pytest -q $(ON_EVERY_CORE)

coverage: $(VENV)/installed chromium ## tests that need no Asterisk, and how many branches they take
	$(PYTHON_IN) -m pytest -q $(ON_EVERY_CORE) --ignore tests/docker $(MEASURED)
	@$(PYTHON_IN) $(FIGURE)

schemas: $(VENV)/installed ## docs/schemas, from the models of the agents' messages
	$(PYTHON_IN) -m ari_agent.agents.schema.schema_files docs/schemas

test-on-asterisk: $(VENV)/installed root
	$(PYTHON_IN) -m pytest -q $(ON_ASTERISK)

lint: $(VENV)/installed ## style and types of all files
	$(PYTHON_IN) -m ruff check .
	$(PYTHON_IN) -m ruff format --check .
	$(PYTHON_IN) -m mypy
	$(VENV)/bin/shellcheck $(SCRIPTS)
	if [ -x $(VENV)/bin/hadolint ]; then $(VENV)/bin/hadolint $(DOCKERFILES); fi

.PHONY: other-installed test-other-python
other-installed: $(VENV)/installed
	@! { $(HAS_OTHER); } || $(MAKE) --no-print-directory VENV=$(OTHER_VENV) PYTHON=$(OTHER_PYTHON) $(OTHER_VENV)/installed

test-other-python: other-installed chromium ## the same on a second interpreter, as CI does before `make test`
	@! { $(HAS_OTHER); } || { $(OTHER_VENV)/bin/python -m pytest -q $(ON_EVERY_CORE) --ignore tests/docker $(MEASURED) \
	    && { $(OTHER_VENV)/bin/python $(FIGURE) || true; }; } # printed here; `make coverage` fails where a pure module has a gap

test-containers: ## build and run the Dockerfiles and the compose file, one call through them
	docker/test-containers.sh

# Servers of S3 and Azure by others, for the store of artefacts. Hundreds of megabytes, so `make test` does without.
CLOUDS := $(VENV)-clouds
test-clouds: $(VENV)/installed $(CLOUDS)/installed ## recordings kept in S3, Google Cloud Storage and Azure, by moto and azurite; needs npm
	TEST_CLOUDS=$(CLOUDS)/bin:$(CLOUDS)/node_modules/.bin $(PYTHON_IN) -m pytest -q tests/artefacts/test_clouds.py

$(CLOUDS)/installed: Makefile
	PYTHON=$(PYTHON) $(INSTALL) venv $(CLOUDS)
	$(CLOUDS)/bin/python -m pip install --quiet --disable-pip-version-check 'moto[s3,server]==5.2.5'
	npm install --silent --no-fund --no-audit --prefix $(CLOUDS) azurite@3.37.0
	touch $@

root: # the private root with Asterisk, in the cache folder
	@$(INSTALL) root >/dev/null

chromium: # a browser for the tests of the console, which say it where there is none
	-@$(INSTALL) chromium >/dev/null

$(VENV)/installed: pyproject.toml $(INSTALL)
	PYTHON=$(PYTHON) $(INSTALL) venv $(VENV)
	-@$(PYTHON_IN) -m pip install --quiet --disable-pip-version-check --no-compile --upgrade 'pip>=26' # a third faster
	$(PYTHON_IN) -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	-@$(PYTHON_IN) -m compileall -qq -j 0 -x '$(NEVER_IMPORTED)' $(VENV)/lib
	touch $@

$(VENV)-demo/installed: pyproject.toml $(INSTALL)
	PYTHON=$(PYTHON) $(INSTALL) venv $(VENV)-demo
	$(VENV)-demo/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

clean: ## remove what was made in this clone; the cache folder stays
	rm -rf $(VENV) $(VENV)-demo $(OTHER_VENV) $(CLOUDS) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find ari_agent tests -name __pycache__ -type d -prune -exec rm -rf {} +
