# Two commands are all a user needs: `make serve` and `make test`; `make help` lists the rest.
# What is built is kept: stamps in .venv and cargo's target directory make later runs quick.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
# Cargo profile of the extension: `release`, or `dev-release`, which links faster and runs a little slower.
PROFILE ?= release
# Options for pytest, for example PYTEST_ARGS="-k lifespan -x".
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := examples/taskboard
RUST_SOURCES := $(shell find crates -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
PYTHON_PATHS := python tests benchmarks examples requirements
# cargo-nextest runs test binaries in parallel; plain cargo runs the same tests.
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help serve test retest test-rust test-python test-example test-free-threaded format lint build conformance conformance-quick \
	differential fuzz-apps fuzz-middleware fuzz-router bench bench-quick bench-report bench-check bench-repeat bench-bridge bench-cores bench-plans bench-middleware bench-overload bench-threads bench-micro bench-instructions tutorial-tiers bench-rust soak docs lock system-deps clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  HOST=$(HOST) PORT=$(PORT) PYTHON=$(PYTHON) PROFILE=$(PROFILE)"

# --- Environment ------------------------------------------------------------------------------------------

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.requirements: requirements/dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

# What free-threaded Pythons have no wheel of. Without its C part, psycopg uses libpq through ctypes; orjson is what the
# microbenchmarks have beside the encoders.
$(VENV)/.bench-requirements: requirements/bench.txt $(VENV)/.requirements
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: psycopg-binary==3.3.9
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: orjson==3.13.0
	@touch $@

$(VENV)/.extension-$(PROFILE): $(RUST_SOURCES) pyproject.toml $(VENV)/.requirements
	@rm -f $(VENV)/.extension-*
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --locked --profile $(PROFILE)
	@touch $@

build: $(VENV)/.extension-$(PROFILE) ## Environment and extension

# --- The example --------------------------------------------------------------------------------------------

serve: build ## Serve the example application (HOST=, PORT=)
	@cd $(EXAMPLE) && $(CURDIR)/$(BIN)/python -m taskboard.manage migrate
	@cd $(EXAMPLE) && $(CURDIR)/$(BIN)/python -m taskboard.manage seed
	@echo
	@echo "  Front page   http://$(HOST):$(PORT)/"
	@echo "  API docs     http://$(HOST):$(PORT)/docs"
	@echo
	@exec $(BIN)/turboapi run taskboard.main:app --app-dir $(EXAMPLE) --host $(HOST) --port $(PORT)

# --- Tests ----------------------------------------------------------------------------------------------------

# What the tests can depend on in this checkout: every file that git knows or would add, and the settings.
# Without git there is no telling, so the time makes every run a new one.
DIGEST = { echo '$(PYTHON) $(PROFILE) $(PYTEST_ARGS) $(PYTHON_FT)'; \
	git rev-parse --git-dir >/dev/null 2>&1 || date +%s%N; git ls-files -co --exclude-standard -z \
	| sort -z | xargs -0 sha256sum 2>&1; } | sha256sum

test: ## All tests, unless nothing has changed since they passed (retest: in any case)
	+@digest=$$($(DIGEST)); \
	if [ "$$(cat $(VENV)/.passed 2>/dev/null)" = "$$digest" ]; then \
		echo "make test: nothing has changed since everything passed; 'make retest' runs it all the same"; \
	else \
		$(MAKE) retest && echo "$$digest" > $(VENV)/.passed; \
	fi

retest: test-rust test-python test-example conformance-quick test-free-threaded ## Rust, Python, example, part of the conformance suite
	@echo "make test: everything passed; look above for tests that were skipped (SKIPPED ...)"

test-rust: ## cargo tests, doctests, every benchmark once
ifdef NEXTEST
	cargo nextest run --locked --workspace --exclude turbo-py --all-features --no-fail-fast
	cargo test --locked --workspace --exclude turbo-py --all-features --doc --quiet
	cargo test --locked -p turbo-bench --benches --quiet
else
	cargo test --locked --workspace --exclude turbo-py --all-features --no-fail-fast
	cargo test --locked -p turbo-bench --benches --quiet
endif

test-python: build ## tests/ with the built extension
	$(BIN)/python -m pytest tests $(PYTEST_ARGS)

# Two at a time; where make can, the output of each stays together.
test-example: build ## The example's own suite on four clients
	@$(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),-O) $(EXAMPLE_RUNS)

EXAMPLE_PYTEST = cd $(EXAMPLE) && TASKBOARD_CLIENT=$(1) TASKBOARD_SERVER=$(2) $(CURDIR)/$(BIN)/python -m pytest $(PYTEST_ARGS)
EXAMPLE_RUNS := example-stock-client example-our-client example-on-uvicorn example-on-engine
.PHONY: $(EXAMPLE_RUNS)
example-stock-client:
	$(call EXAMPLE_PYTEST,stock,uvicorn)
example-our-client:
	$(call EXAMPLE_PYTEST,turboapi,turboapi)
example-on-uvicorn:
	$(call EXAMPLE_PYTEST,live,uvicorn)
example-on-engine:
	$(call EXAMPLE_PYTEST,live,turboapi)

test-free-threaded: ## tests/ again on the free-threaded Python that PYTHON_FT names
ifdef PYTHON_FT
	$(MAKE) test-python VENV=.venv-ft PYTHON=$(PYTHON_FT)
else
	@echo "SKIPPED: the tests on free-threaded Python; name one with PYTHON_FT=/path/to/python3.14t"
endif

conformance: build ## FastAPI's whole test suite through our TestClient, as served and with every def inline
	$(BIN)/python -m tests.conformance
	$(BIN)/python -m tests.conformance --plans forced

conformance-quick: build ## A representative part of it
	$(BIN)/python -m tests.conformance --quick
	$(BIN)/python -m tests.conformance --quick --plans forced

differential: build ## The request table, byte for byte against uvicorn
	$(BIN)/python -m tests.differential

fuzz-apps: build ## Generated apps and 100,000 requests, byte for byte against uvicorn (SEED=)
	$(BIN)/python -m tests.appfuzz --requests 100000 --seed $(or $(SEED),1) --brief

fuzz-middleware: build ## Generated middleware and 100,000 requests against uvicorn, and Starlette's own tests (SEED=)
	$(BIN)/python -W ignore -m tests.middleware --requests 100000 --seed $(or $(SEED),1)
	$(BIN)/python -m tests.middleware.suite
	$(BIN)/python -m tests.dispatch.suite

fuzz-router: ## The router against a naive one for a minute (FUZZ_SECONDS=); needs nightly Rust and cargo-fuzz
	cd crates/turbo-router && cargo +nightly fuzz run --sanitizer none linear -- -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=600 -timeout=20

soak: build ## Kills, slow readers and SIGTERM under load (about three minutes)
	$(BIN)/python -m tests.soak

# --- Measurements -----------------------------------------------------------------------------------------------

# Minutes that `make bench` may take once the environments of the compared servers are there.
BENCH_MINUTES ?= 25

bench: build $(VENV)/.bench-requirements ## Servers and frameworks end to end, into benchmarks/results/ (BENCH_MINUTES=)
	$(BIN)/python -m benchmarks.compare run --minutes $(BENCH_MINUTES)

bench-quick: build $(VENV)/.bench-requirements ## A part of it in three minutes; prints tables
	$(BIN)/python -m benchmarks.compare run --quick

bench-report: $(VENV)/.bench-requirements ## Tables and charts of benchmarks/results/compare-*.json in docs/benchmarks.md
	$(BIN)/python -m benchmarks.compare report

bench-check: $(VENV)/.bench-requirements ## Fail if NEW= is worse than OLD= by more than twice what both spread (two result files)
	$(BIN)/python -m benchmarks.compare check $(OLD) $(NEW)

bench-repeat: $(VENV)/.bench-requirements ## How many ratios of NEW= are within the spread that OLD= prints (two result files)
	$(BIN)/python -m benchmarks.compare repeat $(OLD) $(NEW)

bench-bridge: build $(VENV)/.bench-requirements ## The ASGI bridge and idle connections, into benchmarks/results/
	$(BIN)/python -m benchmarks.bridge_cost
	$(BIN)/python -m benchmarks.idle_connections

bench-cores: build $(VENV)/.bench-requirements ## One and two workers: processes, and threads on free-threaded Python
	$(BIN)/python -m benchmarks.worker_scaling
	@if $(BIN)/python -c 'import sys, sysconfig; sys.exit(not sysconfig.get_config_var("Py_GIL_DISABLED"))'; then \
		$(BIN)/python -m benchmarks.free_threaded_scaling; \
	else echo "this Python has a GIL: worker threads need a free-threaded one (VENV=.venv-ft PYTHON=python3.14t)"; fi

bench-plans: build $(VENV)/.bench-requirements ## Cost table of route plans (half an hour), into benchmarks/results/
	$(BIN)/python -m benchmarks.plan_cost
	$(BIN)/python -m benchmarks.adaptive_sync

bench-middleware: build $(VENV)/.bench-requirements ## What each middleware adds, into benchmarks/results/
	$(BIN)/python -m benchmarks.middleware_cost

bench-overload: build $(VENV)/.bench-requirements ## Load beyond capacity, into benchmarks/results/
	$(BIN)/python -m benchmarks.load_shedding

bench-threads: build $(VENV)/.bench-requirements ## Throughput by worker threads (make VENV=.venv-ft PYTHON=python3.14t bench-threads)
	$(BIN)/python -m benchmarks.free_threaded_scaling

# Cargo's profile for criterion is called `bench` where everything else says `release`.
BENCH_PROFILE = $(if $(filter release,$(PROFILE)),bench,$(PROFILE))

bench-micro: build $(VENV)/.bench-requirements ## Microbenchmarks of crates and Python parts, into benchmarks/results/
	$(BIN)/python -m benchmarks.micro --profile $(BENCH_PROFILE)

# Requests to a whole server that are counted too; empty for the Rust cases alone.
ROWS ?= raw async async-query async-body async-nested
bench-instructions: build ## Instruction counts and what changed (BASE=revision, or SAVE=1 and later none; CHECK=percent, ROWS=, BENCHES=)
	$(BIN)/python -m benchmarks.instruction_deltas --profile $(BENCH_PROFILE) --rows "$(ROWS)" --benches "$(BENCHES)" \
		$(if $(BASE),--base "$(BASE)") $(if $(SAVE),--save) $(if $(CHECK),--check "$(CHECK)")

tutorial-tiers: build ## Which tier the routes of FastAPI's tutorial run in, into benchmarks/results/
	$(BIN)/python -m benchmarks.tutorial_tiers --write

bench-rust: ## Criterion benchmarks of the crates
	cargo bench --locked -p turbo-bench

# --- Housekeeping -----------------------------------------------------------------------------------------------

format: $(VENV)/.requirements ## Format Rust and Python
	cargo fmt --all
	$(BIN)/ruff format $(PYTHON_PATHS)
	$(BIN)/ruff check --fix-only --quiet $(PYTHON_PATHS)

lint: build ## rustfmt, clippy, ruff, mypy, stubtest
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	$(BIN)/ruff format --check $(PYTHON_PATHS)
	$(BIN)/ruff check $(PYTHON_PATHS)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest turboapi._engine

docs: ## API documentation of the crates, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --exclude turbo-py --all-features --no-deps
	@echo "target/doc/turbo_http/index.html; the guides are in docs/"

lock: ## Write requirements/*.txt from requirements/*.in
	$(PYTHON) requirements/lock.py

system-deps: ## What some tests and benchmarks use if it is there (Debian, Ubuntu; needs root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver postgresql redis-server wrk

clean: ## Remove the environment and everything built
	rm -rf $(VENV) .venv-ft target .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -f python/turboapi/*.so
