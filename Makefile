# The project's commands. `make` alone lists them.
#
# Everything is installed into .venv, from lock files with hashes, out of the package index that pip is set up
# to use. Stamp files in .venv say what is installed already, so that a second `make run` starts at once.

.DEFAULT_GOAL := help
.PHONY: help run test soak soak-crash fuzz bench lint format docs images deploy lock build clean

PYTHON ?= python3
TEST_WORKERS ?= 2
LEAST_COVERAGE ?= 90

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Where packages come from is the environment's to say; where they go to, and what is checked, is not.
unexport PIP_BREAK_SYSTEM_PACKAGES PIP_CONSTRAINT PIP_DRY_RUN PIP_EDITABLE PIP_FORCE_REINSTALL PIP_IGNORE_INSTALLED
unexport PIP_LOG PIP_NO_BINARY PIP_NO_BUILD_ISOLATION PIP_NO_DEPS PIP_ONLY_BINARY PIP_PREFIX PIP_PYTHON PIP_REPORT
unexport PIP_REQUIRE_HASHES PIP_REQUIREMENT PIP_ROOT PIP_SRC PIP_TARGET PIP_UPGRADE
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS PYTHONOPTIMIZE
export PIP_USER := 0
export PIP_NO_INPUT := 1

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: $(VENV)/run.stamp ## Start the daemon on ./jobs.d, with a stand-in for Explorer inside
	@exec $(BIN)/reconciler run --sandbox

test: lint ## Check format, lint, types and behaviour, as CI does
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --cov --cov-report=term --cov-fail-under=$(LEAST_COVERAGE)

soak: $(VENV)/test.stamp ## Simulate the engine in SEEDS worlds (10000) from FROM on, on all cores
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),10000) --from $(or $(FROM),0)

soak-crash: $(VENV)/test.stamp ## Kill and disturb the daemon in SEEDS times (5) as many ways as `make test` does
	@CRASH_SEEDS=$(or $(SEEDS),5) $(BIN)/python -m pytest -n $(TEST_WORKERS) tests/crash

fuzz: $(VENV)/fuzz.stamp ## Search for inputs that break TARGET (reader; large, replies), INPUTS many or until Ctrl-C
	@exec $(BIN)/python -m tests.fuzz $(or $(TARGET),reader) $(if $(INPUTS),--inputs $(INPUTS))

bench: $(VENV)/test.stamp ## Measure beside rivals: ONLY=name,… SIZES=1000,… ROUNDS=5 JSON=1
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(SIZES),--sizes $(SIZES)) \
	  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json)

lint: $(VENV)/test.stamp ## Check format, lint and types
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

format: $(VENV)/test.stamp ## Format the code, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/test.stamp ## Write the pages that are generated from the code
	@$(BIN)/python -c 'from reconciler.setting_page import reference_page; print(reference_page(), end="")' > docs/settings.md
	@$(BIN)/python -m reconciler.core.reference > docs/manifest.md
	@$(BIN)/python -m reconciler.ops.reference > docs/metrics.md

images: $(VENV)/test.stamp ## Take the pictures of the status page in docs/images (needs Chromium)
	@$(BIN)/python -m tests.ops.screenshots

deploy: $(VENV)/test.stamp ## Write the files in deploy/ that are made from others
	@$(BIN)/python -m deploy.monitoring

# The index is uv's own to know (UV_DEFAULT_INDEX). The test lock comes first, and the other one follows its
# versions, so that what is tested is what runs.
lock: $(VENV)/test.stamp ## Choose the newest versions, and write the lock files
	@$(BIN)/uv pip compile $(LOCK_OPTIONS) --extra test --output-file requirements-test.lock pyproject.toml
	@printf 'hatchling\neditables\n' | \
	  $(BIN)/uv pip compile $(LOCK_OPTIONS) --constraints requirements-test.lock --output-file requirements.lock pyproject.toml -
	@printf 'hatchling\neditables\n' | \
	  $(BIN)/uv pip compile $(LOCK_OPTIONS) --extra fuzz --constraints requirements-test.lock --output-file requirements-fuzz.lock pyproject.toml -

# Extras stay: without them pip takes `coverage[toml]` for unpinned as soon as a newer coverage is out.
LOCK_OPTIONS := --quiet --upgrade --universal --generate-hashes --no-strip-extras --no-header --no-annotate

build: $(VENV)/test.stamp ## Build the wheel and the source archive into dist/
	@$(BIN)/hatchling build

clean: ## Remove what can be made again (the state in .reconciler stays)
	rm -rf $(VENV) dist .bench .coverage .coverage.* .fuzz .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/run.stamp: requirements.lock pyproject.toml $(VENV)/python.stamp
	$(call install,requirements.lock)
	@touch $@

$(VENV)/test.stamp: requirements-test.lock pyproject.toml $(VENV)/python.stamp
	$(call install,requirements-test.lock)
	@touch $@

$(VENV)/fuzz.stamp: requirements-fuzz.lock pyproject.toml $(VENV)/python.stamp
	$(call install,requirements-fuzz.lock)
	@touch $@

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Name another by: make PYTHON=...")'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

define install
	@echo "Installing $(1) into $(VENV) ..."
	@$(PIP) install --require-hashes --requirement $(1)
	@$(PIP) install --no-deps --no-build-isolation --editable .
endef
