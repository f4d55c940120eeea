# One command for each thing a person does here; `make` alone explains them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

CARGO := cargo --locked
# The inputs that are not part of this repository: public market data, venue rules, peer cases.
SHARED := $(CURDIR)/../shared
# Where the local store lives, and which portfolios `make run` rebalances.
STORE ?= .rebalance
CASES ?= fixtures/blue-chip fixtures/moonshot
# The fixtures' day to run on, from 1.
DAY ?= 1
# Cases for each property in `make ci-long`, and the longest that one property may take.
REBALANCE_CASES ?= 10000
# Seeded runs of the simulation in `make ci-long`.
REBALANCE_SEEDS ?= 100000
LONG_LIMIT_SECONDS ?= 3600

# `make run` builds the development profile: it starts sooner from nothing than a release build, and the solver and
# the decimals are optimised in it all the same.
REBALANCE = $(CARGO) run --quiet --bin rebalance --

# What the tests of everything are built with: one set, so that one build serves all of them.
TEST_FEATURES := rehearsal,lambda

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := .tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
FUZZ_TARGETS := event policy grades market venue report input
# Executions of each fuzzer, the memory that one may take, and the longest input.
FUZZ_RUNS ?= 1000000
FUZZ_LIMITS := -rss_limit_mb=512 -max_len=8192 -timeout=10
# Stands in for Secrets Manager in `make rotation`; its own dependencies are pinned in the file.
MOTO_REQUIREMENTS := tests/remote/moto-requirements.txt
MOTO_VERSION := 5.2.5
MOTO := .tools/moto-$(MOTO_VERSION)/bin/moto_server
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := .tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants
MUTANTS := keys transitions verification-numbers verification-limits verification-rest
# The browser of the page test, from the npm package that carries it: needs node, and neither root nor a download besides.
BROWSER := .tools/browser
# What the backtest is timed beside: bt of PyPI, with everything that it needs pinned.
BT_VERSION := 1.4.1
BT := .tools/bt-$(BT_VERSION)/bin/python
# What the function is timed beside: boto3 and SciPy's HiGHS.
BENCH_FUNCTION := .tools/bench-function/bin/python
# What the planner is timed beside, with everything that they need pinned.
PEERS := .tools/peers/bin/python
CHAOS_KILLS ?= 1100
# What HiGHS is built with besides a C++ compiler, which is the developer's: only the targets of the feature `highs` need it.
HIGHS_TOOLS := .tools/highs
HIGHS_INSTALLED := $(HIGHS_TOOLS)/bin/cmake
WITH_HIGHS = PATH="$(CURDIR)/$(HIGHS_TOOLS)/bin:$$PATH" CMAKE_GENERATOR=Ninja \
  LIBCLANG_PATH="$$(echo '$(CURDIR)/$(HIGHS_TOOLS)'/lib/python3*/site-packages/clang/native)"
# What the tests on HiGHS are built with: planning and the seam need no store.
HIGHS_FEATURES := --no-default-features --features highs
# Linters of infra/template.yaml, and the emulator of AWS that it is deployed into, with everything they need pinned.
INFRA_LINT := .tools/infra-lint/bin/python
INFRA_STACK := .tools/infra-stack/bin/python
# What `make package` packs, built for Lambda's machines, and the size that it may have there.
PACKAGE_BIN ?= rebalance-lambda
PACKAGE_FEATURES ?= lambda
PACKAGE_MOST_BYTES ?= 8000000
PACKAGE_NAME ?= bootstrap
# For the linker of the package alone.
PACKAGE_LINK ?=
# C++'s library by itself, so that the linker has no shared one to prefer, and what it wants of a newer C library: Lambda's
# are older than a builder's.
STATIC_CXX := target/static-c++/libstdc++.a
ARM64 := aarch64-unknown-linux-gnu
# Panics name the file that they are in: not by the folders of the machine that built it.
PACKAGE_FLAGS = --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo
# What `make ci-long` runs besides the properties; each ends within LONG_LIMIT_SECONDS.
LONG_PARTS := stack-test-full long-largest-run long-differential long-frontiers $(FUZZ_TARGETS:%=fuzz-%) $(MUTANTS:%=mutants-%) chaos
LONG := --profile long --no-default-features --test properties
LONG_PROTOCOL := --profile long --no-default-features
SKIP_LOG := $(CURDIR)/target/skipped-tests.txt

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z0-9-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables: CASES="fixtures/a fixtures/b"  DAY=2  STORE=directory  REBALANCE_CASES=10000\n'

.PHONY: run
run: ## Rebalance both fixture portfolios on the embedded store; again: nothing is placed twice
	$(CARGO) build --bin rebalance
	$(REBALANCE) run $(CASES) --day $(DAY) --store $(STORE)

.PHONY: next
next: DAY = 2
next: run ## The same on the fixtures' second day, from the holdings that the first one settled

.PHONY: plan
plan: ## Show what `make run` would do; writes nothing
	$(CARGO) build --bin rebalance
	$(REBALANCE) plan $(CASES) --day $(DAY) --store $(STORE)

.PHONY: reset
reset: ## Delete the local store; the next `make run` makes the same keys again
	rm -f '$(STORE)'/store.db*

.PHONY: install
install: ## Install `rebalance` for this user, optimised
	$(CARGO) install --path .

##@ Develop

.PHONY: test
test: ## Run every test; says at the end how many were skipped because ../shared or the browser is missing
	@mkdir -p $(dir $(SKIP_LOG)) && rm -f $(SKIP_LOG)
	@status=0; REBALANCE_SKIP_LOG=$(SKIP_LOG) $(CARGO) test --features $(TEST_FEATURES) --no-fail-fast || status=$$?; \
	  if [ -s $(SKIP_LOG) ]; then sort -u $(SKIP_LOG); fi; \
	  printf 'skipped because ../shared or the browser is missing: %s\n' "$$(sort -u $(SKIP_LOG) 2>/dev/null | wc -l)"; \
	  exit $$status

.PHONY: test-browser
test-browser: $(BROWSER)/installed ## Open pages in a headless browser: content, accessibility, both schemes, every width
	REBALANCE_REQUIRE_SHARED=1 $(CARGO) test --no-default-features --features html,terminal --test browser -- --nocapture

$(BROWSER)/installed: tests/browser/package.json tests/browser/package-lock.json tests/browser/unpack.mjs
	rm -rf $(BROWSER) && mkdir -p $(BROWSER)
	cp tests/browser/package.json tests/browser/package-lock.json $(BROWSER)
	npm ci --prefix $(BROWSER) --ignore-scripts --no-audit --no-fund --loglevel=error
	node tests/browser/unpack.mjs $(BROWSER) && touch $@

.PHONY: simulation
simulation: ## The order protocol under single faults, pairs and seeds, and its model, optimised, with figures
	$(CARGO) test --profile long --no-default-features --test simulation --test model -- --nocapture

.PHONY: fmt
fmt: ## Format the code
	$(CARGO) fmt
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml

# The documentation is for who works here: it covers private items, and links to them are meant.
# Every feature but `highs`, which needs a C++ compiler: `make highs-test` looks at that one.
.PHONY: lint
lint: ## Format check, clippy with every feature but `highs`, of the library with none, documentation links
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path tests/fuzz/Cargo.toml
	$(CARGO) clippy --all-targets --features $(TEST_FEATURES) -- -D warnings
	$(CARGO) clippy --lib --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --no-deps --document-private-items \
	  --features $(TEST_FEATURES)

.PHONY: highs-test
highs-test: $(HIGHS_INSTALLED) ## The feature `highs`: clippy, seam, known answers, planning and properties on HiGHS
	$(WITH_HIGHS) $(CARGO) clippy --all-targets $(HIGHS_FEATURES) -- -D warnings
	$(WITH_HIGHS) $(CARGO) test $(HIGHS_FEATURES) --lib --test solver --test properties --test preparation

$(HIGHS_INSTALLED): infra/requirements/highs.txt
	@command -v c++ > /dev/null || { \
	  echo 'highs: no C++ compiler. Install one: apt-get install g++' >&2; exit 1; }
	python3 -m venv $(HIGHS_TOOLS)
	$(HIGHS_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: deny
deny: $(CARGO_DENY) ## Dependencies: licences, bans and sources
	$(CARGO_DENY) --locked check bans licenses sources

.PHONY: advisories
advisories: $(CARGO_DENY) ## Dependencies: security advisories. Needs the network: the database is on GitHub
	$(CARGO_DENY) --locked check advisories

# Built without optimisation: it runs for two seconds either way and takes half as long to build.
$(CARGO_DENY):
	CARGO_PROFILE_DEV_DEBUG=false cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug \
	  --root .tools/cargo-deny-$(CARGO_DENY_VERSION)

$(CARGO_FUZZ):
	CARGO_PROFILE_DEV_DEBUG=false cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --debug \
	  --root .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)

$(CARGO_MUTANTS):
	CARGO_PROFILE_DEV_DEBUG=false cargo install cargo-mutants --version $(CARGO_MUTANTS_VERSION) --locked --debug \
	  --root .tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)

$(MOTO): $(MOTO_REQUIREMENTS)
	python3 -m venv .tools/moto-$(MOTO_VERSION)
	$(@D)/pip install --quiet --disable-pip-version-check --requirement $(MOTO_REQUIREMENTS)
	@touch $@

.PHONY: aws-clients
aws-clients: ## Every client of other people's servers, those of AWS too; no secret of the tests in what is printed
	@mkdir -p target
	$(CARGO) test --features $(TEST_FEATURES) --lib --test remote --test alerts -- --nocapture 2>&1 | tee target/remote.log
	@! grep -n canary target/remote.log || { echo 'aws-clients: a secret was printed' >&2; exit 1; }

# On a free port of its own; the server ends with the recipe.
.PHONY: rotation
rotation: $(MOTO) ## A secret's rotation against moto, which stands in for Secrets Manager
	$(CARGO) test --no-run --features $(TEST_FEATURES) --test remote
	@port=$$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'); \
	  $(MOTO) -H 127.0.0.1 -p $$port > target/moto.log 2>&1 & server=$$!; trap "kill $$server" EXIT; \
	  for attempt in $$(seq 100); do \
	    python3 -c "import socket; socket.create_connection(('127.0.0.1', $$port), 1)" 2>/dev/null && break; sleep 0.2; \
	  done; \
	  REBALANCE_MOTO=http://127.0.0.1:$$port $(CARGO) test --features $(TEST_FEATURES) --test remote -- --ignored rotation

.PHONY: readme-output
readme-output: ## Renew the outputs that README.md shows
	UPDATE_EXPECTED=1 $(CARGO) test --test readme readme_shows

.PHONY: doc
doc: ## Build the documentation of this crate
	$(CARGO) doc --no-deps

.PHONY: bench
bench: $(PEERS) ## Time planner and command against HiGHS, SciPy, cvxpy and PyPortfolioOpt, which it installs
	REBALANCE_PEERS=$(CURDIR)/$(PEERS) $(CARGO) bench --bench peers

.PHONY: bench-planning
bench-planning: ## Where planning spends its time, and the raw default solver on the same program
	$(CARGO) bench --no-default-features --bench planning

$(PEERS): benches/peers/requirements.txt
	python3 -m venv .tools/peers
	$(PEERS) -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: bench-batch
bench-batch: ## Time 1,000 portfolios of 100 assets with one worker and with all; shows that memory does not grow
	$(CARGO) bench --no-default-features --bench batch

.PHONY: bench-backtest
bench-backtest: $(BT) ## Time a backtest against bt (PyPI), which it installs; final values must agree to 1e-9
	REBALANCE_BT=$(CURDIR)/$(BT) $(CARGO) bench --no-default-features --bench backtest

# The bench itself is built as the tests are: timed is the package, and the store is optimised in that profile, too.
.PHONY: bench-function
bench-function: package package-full $(BENCH_FUNCTION) ## Time both packages, spawn to orders, against Python with boto3 and HiGHS, which it installs
	REBALANCE_BENCH_PYTHON=$(CURDIR)/$(BENCH_FUNCTION) \
	  $(CARGO) bench --profile dev --features $(TEST_FEATURES) --bench function

$(BENCH_FUNCTION): benches/function-requirements.txt
	python3 -m venv $(dir $(@D))
	$@ -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(BT): benches/bt-requirements.txt
	python3 -m venv .tools/bt-$(BT_VERSION)
	$(BT) -m pip install --quiet --disable-pip-version-check --requirement benches/bt-requirements.txt
	touch $(BT)

.PHONY: clean
clean: ## Delete everything that was built, tools included; the store stays
	$(CARGO) clean
	rm -rf .tools

##@ On AWS

.PHONY: package
package: ## The function's package, target/lambda/bootstrap.zip: x86-64, the same bytes from the same binary
	RUSTFLAGS="$(PACKAGE_FLAGS)" $(CARGO) rustc --profile lambda --no-default-features \
	  --features $(PACKAGE_FEATURES) --bin $(PACKAGE_BIN) -- $(PACKAGE_LINK)
	cp target/lambda/$(PACKAGE_BIN) target/lambda/$(PACKAGE_NAME)
	python3 infra/function_package.py target/lambda/$(PACKAGE_NAME) target/lambda/$(PACKAGE_NAME).zip \
	  --most-bytes $(PACKAGE_MOST_BYTES)

.PHONY: package-full
package-full: $(HIGHS_INSTALLED) $(STATIC_CXX) ## The same with HiGHS as a second solver, target/lambda/bootstrap-full.zip
	$(WITH_HIGHS) $(MAKE) --no-print-directory package PACKAGE_FEATURES=$(PACKAGE_FEATURES),highs \
	  PACKAGE_NAME=bootstrap-full PACKAGE_MOST_BYTES=14000000 PACKAGE_LINK='-L native=$(CURDIR)/$(dir $(STATIC_CXX))'

$(STATIC_CXX): infra/arc4random.c
	@mkdir -p $(@D)
	cp "$$(c++ -print-file-name=libstdc++.a)" $@
	cc -O2 -fPIC -c $< -o $(@D)/arc4random.o
	ar r $@ $(@D)/arc4random.o

.PHONY: package-arm64
package-arm64: ## The same for arm64, beside it; says what to install where the target is missing
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(ARM64)" || { \
	  printf '%s\n' 'package-arm64: this toolchain has no $(ARM64).' \
	    'Install it:         rustup target add $(ARM64)' \
	    'and a linker for it: apt-get install gcc-aarch64-linux-gnu' >&2; exit 1; }
	@command -v aarch64-linux-gnu-gcc > /dev/null || { \
	  echo 'package-arm64: no linker. Install it: apt-get install gcc-aarch64-linux-gnu' >&2; exit 1; }
	RUSTFLAGS="$(PACKAGE_FLAGS)" CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	  $(CARGO) build --profile lambda --target $(ARM64) --no-default-features \
	  --features $(PACKAGE_FEATURES) --bin $(PACKAGE_BIN)
	python3 infra/function_package.py target/$(ARM64)/lambda/$(PACKAGE_BIN) target/lambda/bootstrap-arm64.zip \
	  --architecture arm64 --most-bytes $(PACKAGE_MOST_BYTES)

.PHONY: infra-check
infra-check: $(INFRA_LINT) ## Template linter, policy scanner, and tests of what neither sees
	@for parameters in infra/parameters/*.json; do \
	  mapfile -t chosen < <(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' "$$parameters"); \
	  echo "cfn-lint, $$parameters"; \
	  $(dir $(INFRA_LINT))cfn-lint --non-zero-exit-code informational --parameters "$${chosen[@]}" -- infra/template.yaml; \
	done
	$(INFRA_LINT) infra/policy_scan.py
	PYTHONPATH=infra $(INFRA_LINT) -m unittest discover --start-directory infra/tests

.PHONY: stack
stack: $(INFRA_STACK) package ## Everything of AWS on this machine: deploys, loads a fixture, invokes, says where to look
	$(CARGO) build --bin rebalance
	PYTHONPATH=infra $(INFRA_STACK) -m stack

# `rebalance` as the tests have built it: without their dependencies it would be another build of everything.
.PHONY: stack-test
stack-test: $(INFRA_STACK) package ## The template in an emulator, with the real function: orders, dry run, schedules, roles, dead letters
	$(CARGO) test --no-run --features $(TEST_FEATURES) --test runbook
	PYTHONPATH=infra $(INFRA_STACK) -m unittest --verbose stack.test_stack

# The command line that loads a policy must have the solver that it asks for.
.PHONY: stack-test-full
stack-test-full: $(INFRA_STACK) package-full ## The package with HiGHS in the emulator: plans with it, and emits that plan
	$(WITH_HIGHS) $(CARGO) build --features $(TEST_FEATURES),highs --bin rebalance
	PYTHONPATH=infra $(INFRA_STACK) -m unittest --verbose stack.test_full_package

$(INFRA_LINT): infra/requirements/lint.txt
$(INFRA_STACK): infra/requirements/stack.txt
$(INFRA_LINT) $(INFRA_STACK):
	python3 -m venv $(patsubst %/bin/python,%,$@)
	$@ -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

##@ Continuous integration

.PHONY: ci
ci: ## Everything that must hold before a merge: ../shared present, lint, tests, dependencies
	@summary=; total=$$SECONDS; \
	for step in shared-present lint infra-check test-shared highs-test stack-test aws-clients rotation deny; do \
	  printf '\n== %s\n' "$$step"; start=$$SECONDS; \
	  $(MAKE) --no-print-directory "$$step" || { printf '\nci: %s failed\n' "$$step" >&2; exit 1; }; \
	  summary+=$$(printf '  %-16s %5d s' "$$step" "$$((SECONDS - start))")$$'\n'; \
	done; \
	printf '\nci: all steps passed in %d s\n%s' "$$((SECONDS - total))" "$$summary"

.PHONY: shared-present
shared-present:
	@test -d $(SHARED)/data || { \
	  printf '%s\n' 'ci: ../shared/data is missing.' \
	    'The tests on public market data, venue rules and peer cases need it beside this repository.' \
	    'Put it there, or run `make test`, which skips those tests and says how many.' >&2; exit 1; }

.PHONY: test-shared
test-shared: shared-present $(BROWSER)/installed
	@REBALANCE_REQUIRE_SHARED=1 $(MAKE) --no-print-directory test

.PHONY: ci-long
ci-long: ## Every property with REBALANCE_CASES cases, pairs of faults, seeds, model, the largest run, fuzzers, mutants, chaos. One alone: make long-NAME
	@properties=$$($(CARGO) test --quiet $(LONG) -- --list --format terse \
	  | sed -n 's/: test$$//p'); \
	test -n "$$properties" || { echo 'ci-long: tests/properties.rs has no tests' >&2; exit 1; }; \
	pairs=$$($(CARGO) test --quiet $(LONG_PROTOCOL) --test simulation -- --list --format terse \
	  | sed -n 's/^exhaustion::\(pairs_.*\): test$$/\1/p'); \
	test -n "$$pairs" || { echo 'ci-long: tests/simulation has no pairs' >&2; exit 1; }; \
	failed=0; summary=; \
	for part in $$(printf 'long-%s ' $$properties $$pairs seeds model) $(LONG_PARTS); do \
	  start=$$SECONDS; verdict=passed; \
	  $(MAKE) --no-print-directory "$$part" || { verdict=FAILED; failed=1; }; \
	  summary+=$$(printf '  %-60s %s %6d s' "$$part" "$$verdict" "$$((SECONDS - start))")$$'\n'; \
	done; \
	printf '\nci-long: %s cases for each property\n%s' "$(REBALANCE_CASES)" "$$summary"; exit $$failed

long-%:
	REBALANCE_CASES=$(REBALANCE_CASES) timeout $(LONG_LIMIT_SECONDS) \
	  $(CARGO) test --quiet $(LONG) -- --exact '$*' --nocapture

# All pairs of faults of one class of venue.
long-pairs_%:
	REBALANCE_PAIRS=all timeout $(LONG_LIMIT_SECONDS) \
	  $(CARGO) test --quiet $(LONG_PROTOCOL) --test simulation -- --exact 'exhaustion::pairs_$*' --nocapture

.PHONY: long-seeds
long-seeds: ## REBALANCE_SEEDS random plans of faults
	REBALANCE_SEEDS=$(REBALANCE_SEEDS) timeout $(LONG_LIMIT_SECONDS) \
	  $(CARGO) test --quiet $(LONG_PROTOCOL) --test simulation -- --exact 'seeds::random_faults_from_seeds' --nocapture

.PHONY: long-model
long-model: ## The model checker on its longer history
	REBALANCE_MODEL=full timeout $(LONG_LIMIT_SECONDS) \
	  $(CARGO) test --quiet $(LONG_PROTOCOL) --test model -- --nocapture --test-threads 1

.PHONY: long-differential
long-differential: $(HIGHS_INSTALLED) ## MicroLP against HiGHS on 6,000 random programs
	REBALANCE_PROGRAMS=1000 $(WITH_HIGHS) timeout $(LONG_LIMIT_SECONDS) $(CARGO) test --quiet $(HIGHS_FEATURES) \
	  --test solver -- --exact differential::both_backends_say_the_same_of_random_programs --nocapture

.PHONY: long-frontiers
long-frontiers: $(HIGHS_INSTALLED) ## Every frontier of OR-Library, up to 2,000 scenarios, on both backends
	$(WITH_HIGHS) timeout $(LONG_LIMIT_SECONDS) $(CARGO) test --quiet $(HIGHS_FEATURES) --test solver -- \
	  --ignored --exact frontier::tail_risk_approaches_every_frontier --nocapture | tee target/frontiers.txt
	grep -q '^test result: ok. 1 passed' target/frontiers.txt

.PHONY: long-largest-run
long-largest-run: ## A run of 5,000 orders to its end, which takes too long for `make test`
	timeout $(LONG_LIMIT_SECONDS) $(CARGO) test --test execution -- --ignored --exact \
	  many_orders::each_of_five_thousand_orders_has_its_end | tee target/largest-run.txt
	grep -q '^test result: ok. 1 passed' target/largest-run.txt

# What a fuzzer finds on its way is kept under target/: the corpora in tests/fuzz stay small and are read only.
fuzz-%: $(CARGO_FUZZ)
	@mkdir -p target/fuzz/corpus/$* target/fuzz/artifacts/$*
	$(CARGO_FUZZ) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none $* \
	  target/fuzz/corpus/$* tests/fuzz/corpus/$* -- -runs=$(FUZZ_RUNS) $(FUZZ_LIMITS) \
	  -artifact_prefix=target/fuzz/artifacts/$*/ -print_final_stats=1

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS:%=fuzz-%) ## Fuzz every reader of outside input, FUZZ_RUNS executions each. One alone: make fuzz-NAME

# Each target must end within an hour. A mutant costs a build of the library and of the tests that judge it: those made for
# it are asked first, in seconds, and the unit tests around it only about what survives them.
MUTANTS_keys := -f src/planning/idempotency.rs
MUTANTS_transitions := -f src/execution/transition.rs -f src/execution/gate.rs \
  -f src/execution/claim.rs -f src/execution/settlement.rs -f src/execution/attempt.rs
# In parts by file: a share that is counted would be counted anew among what the first judges left over.
VERIFICATION_numbers := arithmetic enclosure concave reach prospect
VERIFICATION_limits := limits permission risk scenarios wholes
verifier = $(patsubst %,$(1) src/planning/verification/%.rs,$(VERIFICATION_$(2)))
MUTANTS_verification-numbers := $(call verifier,-f,numbers)
MUTANTS_verification-limits := $(call verifier,-f,limits)
MUTANTS_verification-rest := -f 'src/planning/verification/*.rs' $(call verifier,-e,numbers) $(call verifier,-e,limits)
MUTANTS_TESTS_keys := -C=--test=idempotency -C=--test=alerts
MUTANTS_TESTS_transitions := $(addprefix -C=--test=execution_,decisions boundaries settlement)
MUTANTS_UNITS_keys := planning::idempotency
MUTANTS_UNITS_transitions := execution
$(foreach part,numbers limits rest,$(eval MUTANTS_TESTS_verification-$(part) := -C=--test=verification) \
  $(eval MUTANTS_UNITS_verification-$(part) := planning))

# cargo-mutants answers 2 when something survived and 3 when a test hung: whether that is explained is asked below.
mutants-%: $(CARGO_MUTANTS)
	@rm -rf target/mutants/$*; mkdir -p target/mutants/$*
	for judges in '$(MUTANTS_TESTS_$*)' '--iterate -C=--lib -- $(MUTANTS_UNITS_$*)'; do \
	  status=0; CARGO_PROFILE_DEV_DEBUG=false timeout $(LONG_LIMIT_SECONDS) $(CARGO_MUTANTS) mutants --jobs 2 \
	    --output target/mutants/$* $(MUTANTS_$*) $$judges || status=$$?; test $$status -le 3 || exit $$status; \
	done
	@survivors=$$(sed -E 's/:[0-9]+:[0-9]+:/:/' target/mutants/$*/mutants.out/missed.txt \
	  | grep -vxFf <(grep -v '^#' .cargo/mutants-explained.txt | sed '/^$$/d') || true); \
	test -z "$$survivors" || { printf 'no test notices, and nobody has explained:\n%s\n' "$$survivors" >&2; exit 1; }

.PHONY: mutants
mutants: $(MUTANTS:%=mutants-%) ## Deliberate faults in keys, transitions and verification: some test must notice each

.PHONY: chaos
chaos: ## Kill real workers 1,000 times between store and venue, then judge what is left; ends within 15 minutes
	$(CARGO) test --features $(TEST_FEATURES) --test chaos -- kills=$(CHAOS_KILLS) between=800 each=10 minutes=15
