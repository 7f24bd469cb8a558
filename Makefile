# Everything a person, a commit hook or the continuous integration runs; `make` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Without its bytecode files every start of the interpreter compiles all it imports anew: seconds.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo fmt lint types contracts test floors check matrix bench quality crash torture storm golden lock sbom pictures image clean

BIN := .venv/bin
READY := .venv/.ready
LOG := build/test.log
IMAGE ?= spendwatch:dev
PYTHONS ?= 3.11 3.12 3.13

# The pure core: no input or output, every branch tested. tests/test_house.py keeps this list equal
# to the one in .importlinter that forbids them every import of the kind.
PURE_CORE := \
    detector/attribute.py \
    detector/attribution.py \
    detector/backtest.py \
    detector/baseline.py \
    detector/budget.py \
    detector/checks.py \
    detector/course.py \
    detector/day_windows.py \
    detector/detect.py \
    detector/drivers.py \
    detector/early.py \
    detector/explain.py \
    detector/explanation.py \
    detector/forecast.py \
    detector/groups.py \
    detector/history.py \
    detector/model.py \
    detector/price_advice.py \
    detector/price_chain.py \
    detector/price_check.py \
    detector/price_list.py \
    detector/price_table.py \
    detector/price_usage.py \
    detector/pricing.py \
    detector/quality.py \
    detector/robust/*.py \
    detector/rules.py \
    detector/score.py \
    detector/sources/answer_table.py \
    detector/sources/asking.py \
    detector/sources/carriers.py \
    detector/sources/kql_text.py \
    detector/sources/log_analytics_faults.py \
    detector/sources/log_analytics_results.py \
    detector/sources/log_analytics_stream.py \
    detector/sources/log_analytics_words.py \
    detector/sources/scopes.py \
    detector/sources/slot_sums.py \
    detector/sources/telemetry_sums.py \
    detector/usage.py \
    detector/what_if.py \
    alerts/audit.py \
    alerts/backoff.py \
    alerts/channels/public_addresses.py \
    alerts/codec.py \
    alerts/composing.py \
    alerts/data_words.py \
    alerts/declaring.py \
    alerts/digest.py \
    alerts/digest_words.py \
    alerts/episode.py \
    alerts/facts.py \
    alerts/grouping.py \
    alerts/holds.py \
    alerts/home.py \
    alerts/interim.py \
    alerts/kind_words.py \
    alerts/knowledge.py \
    alerts/letters.py \
    alerts/lifecycle.py \
    alerts/masking.py \
    alerts/messages.py \
    alerts/model.py \
    alerts/notice.py \
    alerts/names.py \
    alerts/numbers.py \
    alerts/outlook.py \
    alerts/phrases.py \
    alerts/policy.py \
    alerts/precision.py \
    alerts/revisions.py \
    alerts/routing.py \
    alerts/service_words.py \
    alerts/suggestions.py \
    alerts/taken.py \
    alerts/verdicts.py \
    alerts/render/*.py \
    spendwatch/azure_words.py \
    spendwatch/clock_guard.py \
    spendwatch/coverage_words.py \
    spendwatch/due.py \
    spendwatch/explain_words.py \
    spendwatch/web/clients.py \
    spendwatch/web/rules.py

empty :=
space := $(empty) $(empty)
comma := ,

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## install everything into .venv, from the hashed locks (PYTHON= names an interpreter)

$(READY): pyproject.toml requirements/dev.txt requirements/uv.txt .ci/set-up
	@PYTHON='$(PYTHON)' .ci/set-up .venv
	@touch $@

demo: $(READY) ## watch the whole thing once on bundled data, in about a minute
	@$(BIN)/spendwatch demo

fmt: $(READY) ## rewrite the code in the house style
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .

lint: $(READY) ## check style and the usual mistakes, and the queries with Microsoft's parser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile
	@if command -v shellcheck >/dev/null; then shellcheck $$(find .ci -maxdepth 1 -type f); fi
	@.ci/check-kql

types: $(READY) ## check the types
	$(BIN)/mypy

contracts: $(READY) ## check who imports whom
	$(BIN)/lint-imports --no-logo

# Databases of tests are real files on a file system in memory: a test waits for no disk.
IN_MEMORY := export TMPDIR=$$(if [ -w /dev/shm ]; then echo /dev/shm; else echo "$${TMPDIR:-/tmp}"; fi)

test: $(READY) ## run all tests, measuring coverage
	@mkdir -p $(dir $(LOG))
	@colour=$$(if [ -t 1 ]; then echo yes; else echo no; fi); \
	$(IN_MEMORY); \
	$(BIN)/pytest -n 2 --color=$$colour --cov --cov-report= | tee $(LOG)

floors: ## check the coverage that the last `make test` measured
	$(BIN)/coverage report --fail-under=95
	@echo 'pure core:'
	@$(BIN)/coverage report --fail-under=100 --include='$(subst $(space),$(comma),$(strip $(PURE_CORE)))'

check: lint types contracts test floors ## everything a change must pass (what .ci/run calls)
	@tail -n 1 $(LOG)

# A shim of pyenv works only where its version is chosen: PYENV_VERSION chooses it.
matrix: ## run all tests on each Python that is supported and installed here
	@for version in $(PYTHONS); do \
	    export PYENV_VERSION=$$version; \
	    if ! python$$version --version >/dev/null 2>&1; then \
	        echo "make matrix: no python$$version here; skipped"; continue; \
	    fi; \
	    PYTHON=python$$version .ci/set-up build/venv-$$version; \
	    echo "make matrix: all tests on $$(build/venv-$$version/bin/python --version)"; \
	    $(IN_MEMORY); build/venv-$$version/bin/pytest -n 2 --quiet; \
	done

# They take long, and need the tests beside them.
CRASHES := azure_pull azure_truth crash_matrix simulated_days torture slack_storm
# How well spend is judged, what with, and detectors of others, whose libraries `make bench` lacks.
QUALITY := clients detectors drawing early_firing flights hours incidents libraries panels quality recording scoring worlds

crash: $(READY) ## kill it at every point and at random times, and live 60 days with a fault each
	$(BIN)/python -m benchmarks.crash_matrix
	$(BIN)/python -m benchmarks.simulated_days

torture: $(READY) ## kill it 1,000 times in storms, all receivers failing, and count what was lost or repeated
	$(BIN)/python -m benchmarks.torture

storm: $(READY) ## ten thousand alerts in Slack at its real pace, and how soon people are answered
	$(BIN)/python -m benchmarks.slack_storm

bench: $(READY) ## run every benchmark
	@for file in $(filter-out $(patsubst %,benchmarks/%.py,$(CRASHES) $(QUALITY)),$(wildcard benchmarks/[a-z]*.py)); do \
	    echo "== $$file"; $(BIN)/python "$$file"; done

quality: ## how well spend is judged, beside detectors of others, on made worlds and real series
	@.ci/set-up build/venv-benchmark benchmark
	build/venv-benchmark/bin/python -m benchmarks.detectors
	build/venv-benchmark/bin/python -m benchmarks.quality
	build/venv-benchmark/bin/python -m benchmarks.flights
	build/venv-benchmark/bin/python -m benchmarks.early_firing

golden: $(READY) ## rewrite the golden files; review the diff before you commit it
	GOLDEN=write $(BIN)/pytest --quiet -p no:randomly $$(grep -rlw GOLDEN tests --include='test_*.py')

lock: $(READY) ## make the five locks again, with the newest versions that fit
	rm -f requirements/*.txt
	echo uv | $(BIN)/uv $(COMPILE) --python-version 3.11 - -o requirements/uv.txt
	echo cyclonedx-bom | $(BIN)/uv $(COMPILE) --python-version 3.11 - -o requirements/sbom.txt
	$(BIN)/uv $(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv $(COMPILE) --group dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv $(COMPILE) -c requirements/runtime.txt --group benchmark pyproject.toml -o requirements/benchmark.txt

COMPILE := pip compile --quiet --generate-hashes --universal --no-header --no-annotate

# Its tool has an environment of its own: nothing of it is needed to work on the code. What holds
# for one Python alone (`; python_version < ...`) is listed too.
sbom: ## write build/sbom.json, the list (CycloneDX) of all packages that ship
	@.ci/set-up build/venv-sbom sbom
	build/venv-sbom/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml \
	    --output-reproducible --validate --output-file build/sbom.json requirements/runtime.txt

pictures: $(READY) ## draw the pictures of the documentation again (needs Chromium, CHROMIUM= names one, and a font with emoji)
	$(BIN)/python -m docs.pictures.draw

# Only Docker's own format knows a health check.
image: ## build the container image (IMAGE= names it, BASE= what it is built on)
	@set -- $(if $(BASE),--build-arg BASE='$(BASE)') -t '$(IMAGE)' .; \
	if docker info >/dev/null 2>&1; then docker build "$$@"; \
	elif command -v podman >/dev/null; then podman build --format docker "$$@"; \
	elif command -v buildah >/dev/null; then buildah build --format docker "$$@"; \
	else echo 'make image: needs a running docker, or podman or buildah' >&2; exit 1; fi

clean: ## remove everything that make made (never your data)
	rm -rf .venv build dist *.egg-info .coverage .coverage.* .hypothesis .import_linter_cache \
	    .mypy_cache .pytest_cache .ruff_cache .ci/kql/node_modules
