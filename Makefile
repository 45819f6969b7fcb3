# Everything a developer runs, under the names that CI runs too. `make` lists the targets.
#
# A Rust toolchain, a C and C++ compiler and make are all that must be there. What else is missing is installed, and
# said. Build output goes to a cache outside the clone, so that a fresh clone does not build from nothing; set
# CARGO_TARGET_DIR to have it elsewhere. `eval "$(make -s env)"` gives a shell the same for cargo by hand.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ensue
CARGO_TARGET_DIR ?= $(CACHE)/target
export CARGO_TARGET_DIR

CARGO ?= cargo
ENSUE := $(abspath $(CARGO_TARGET_DIR))/release/ensue
# With what the C++ in RocksDB needs: libclang, and ccache in front of the compiler.
WITH := tools/native.sh with "$(CACHE)"
ALL := --locked --all-features
CORE := --locked --no-default-features --lib

DEMO := $(CACHE)/demo
DEMO_EVENTS ?= 1000000
DEMO_PATTERNS := $(addprefix patterns/,card_testing.cep impossible_travel.cep unconfirmed_pin_change.cep)

CASES ?= 100000
SEED ?= 7
KILLS ?= 200
SECONDS ?= 40

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)$$/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: build ## Generate a million transactions, find the fraud in them, and say what was found and missed
	@mkdir -p "$(DEMO)"
	@echo; echo "# $(DEMO_EVENTS) card transactions with planted fraud, in $(DEMO)"
	"$(ENSUE)" gen --events $(DEMO_EVENTS) --fraud card_testing,impossible_travel,unconfirmed_pin_change \
		--out "$(DEMO)/tx.jsonl" --labels "$(DEMO)/labels.jsonl"
	@echo; echo "# three patterns over them"
	"$(ENSUE)" run $(DEMO_PATTERNS) --in transactions="$(DEMO)/tx.jsonl" --out alert="$(DEMO)/alerts.jsonl"
	@echo; echo "# the first alerts"
	@sed -n '1,3p' "$(DEMO)/alerts.jsonl"
	@echo; echo "# what was planted, and what was found of it"
	"$(ENSUE)" score --labels "$(DEMO)/labels.jsonl" "$(DEMO)/alerts.jsonl"

.PHONY: test
test: install install-prometheus ## Run every test, with all features and of the core alone
	$(WITH) $(CARGO) test $(ALL)
	$(CARGO) test $(CORE)

.PHONY: build
build: install ## Build the release binary, and link it at target/release/ensue
	$(WITH) $(CARGO) build --release $(ALL)
	@mkdir -p target/release
	@[ target/release/ensue -ef "$(ENSUE)" ] || ln -sfn "$(ENSUE)" target/release/ensue

.PHONY: core
core: install-core ## Build and test the core alone: no default features
	$(CARGO) test $(CORE)

.PHONY: lint
lint: install clippy ## Run the linter, with warnings denied
	$(WITH) $(CARGO) clippy $(ALL) --all-targets -- -D warnings
	$(CARGO) clippy $(CORE) -- -D warnings

.PHONY: format
format: rustfmt ## Format the code
	$(CARGO) fmt

.PHONY: format-check
format-check: rustfmt ## Fail if the code is not formatted
	$(CARGO) fmt -- --check

.PHONY: docs
docs: install ## Build the API documentation, with warnings denied
	RUSTDOCFLAGS="-D warnings" $(WITH) $(CARGO) doc $(ALL) --no-deps

.PHONY: tidy
tidy: install ## Check the house rules: layers, file sizes, fixtures
	$(WITH) $(CARGO) test $(ALL) --test it tidy

.PHONY: conformance
conformance: install ## Compare with recorded answers: make conformance FILES="a.jsonl b.jsonl"
	$(WITH) $(CARGO) test $(ALL) --test conformance -- $(FILES)

.PHONY: oracle
oracle: install ## Compare the engine with the oracle: make oracle CASES=100000 SEED=7
	$(WITH) $(CARGO) test $(ALL) --test oracle -- --cases $(CASES) --seed $(SEED)

.PHONY: freeze
freeze: install ## Keep what this format leaves behind, for later versions to read: make freeze FORMAT=2
	FORMAT=$(FORMAT) $(WITH) $(CARGO) test $(ALL) --test it -- --ignored formats::freeze

.PHONY: broken
broken: install ## Break runs off at every write to a simulated store: make broken CASES=10000 SEED=7
	$(WITH) $(CARGO) test $(ALL) --test oracle -- --broken $(CASES) --seed $(SEED)

.PHONY: crash
crash: install ## Kill runs at random instants and compare what they leave: make crash KILLS=200 SEED=7
	$(WITH) $(CARGO) test $(ALL) --test crash -- --kills $(KILLS) --seed $(SEED)

.PHONY: rules
rules: install ## Change random rules while there is state of them: make rules CASES=500 SEED=7
	$(WITH) $(CARGO) test $(ALL) --test rules -- --cases $(CASES) --seed $(SEED)

.PHONY: workloads
workloads: install ## Measure the six workloads on a file: make workloads INPUT=tx.jsonl
	@[ -f "$(INPUT)" ] || { echo "INPUT=$(INPUT) is not a file; say make workloads INPUT=tx.jsonl" >&2; exit 2; }
	$(WITH) $(CARGO) bench $(ALL) --bench workloads -- "$(abspath $(INPUT))" $(ONLY)

.PHONY: bench-decode
bench-decode: install ## Measure what reading lines, columns and compressed files costs: make bench-decode ONLY=text
	$(WITH) $(CARGO) bench $(ALL) --bench decode -- $(ONLY)

.PHONY: workloads-e2e
workloads-e2e: install ## Measure five of them from file to file: make workloads-e2e INPUT=tx.jsonl
	@[ -f "$(INPUT)" ] || { echo "INPUT=$(INPUT) is not a file; say make workloads-e2e INPUT=tx.jsonl" >&2; exit 2; }
	$(WITH) $(CARGO) bench $(ALL) --bench e2e -- "$(abspath $(INPUT))"

.PHONY: bench-growth
bench-growth: install ## Measure how costs grow with open matches, windows, rules, keys and positions
	$(WITH) $(CARGO) bench $(ALL) --bench growth -- $(ONLY)

.PHONY: bench-micro
bench-micro: install ## Measure the pieces alone: make bench-micro ONLY=keys
	$(WITH) $(CARGO) bench $(ALL) --bench micro -- $(ONLY)

.PHONY: bench-churn
bench-churn: install ## See that memory does not grow with the keys that come and go: make bench-churn EVENTS=1000000000
	$(WITH) $(CARGO) bench $(ALL) --bench churn -- $(EVENTS)

.PHONY: bench-epochs
bench-epochs: install ## Measure what epochs cost over a million keys: make bench-epochs SECONDS=40 ONLY=strict
	$(WITH) $(CARGO) bench $(ALL) --bench epochs -- $(SECONDS) $(ONLY)

.PHONY: bench
bench: install ## Measure workloads and growth, and record it: make bench INPUT=tx.jsonl, or without an input
	@[ -z "$(INPUT)" ] || [ -f "$(INPUT)" ] || { echo "INPUT=$(INPUT) is not a file" >&2; exit 2; }
	CARGO="$(CARGO)" $(WITH) benches/run.sh $(if $(INPUT),"$(abspath $(INPUT))")

.PHONY: bench-peers
bench-peers: install ## Measure the workloads beside other engines: make bench-peers PEERS=FOLDER INPUT=tx.jsonl
	@[ -x "$(PEERS)/esper/run.sh" ] || { echo "PEERS=$(PEERS) has no esper/run.sh; it needs a JDK and Maven" >&2; exit 2; }
	$(WITH) $(CARGO) bench $(ALL) --bench workloads -- "$(abspath $(INPUT))"
	$(WITH) $(CARGO) bench $(ALL) --bench e2e -- "$(abspath $(INPUT))"
	benches/peers.sh "$(abspath $(PEERS))" "$(abspath $(INPUT))"

.PHONY: env
env: ## Print, for a shell, what cargo by hand needs to know
	@tools/native.sh env "$(CACHE)"
	@printf 'export CARGO_TARGET_DIR=%q\n' "$(CARGO_TARGET_DIR)"

# What is missing is installed: the crates of Cargo.lock, of the toolchain what a target needs, what RocksDB is built
# with, and what tests of metrics ask. The core is built without any of it.

.PHONY: install
install: install-core
	@tools/native.sh install "$(CACHE)"

.PHONY: install-core
install-core:
	@command -v $(CARGO) > /dev/null || { echo "a Rust toolchain is missing: see https://rustup.rs" >&2; exit 2; }
	@command -v cc > /dev/null || { echo "a C compiler is missing (Debian: apt-get install gcc)" >&2; exit 2; }
	@host=$$(rustc -vV | sed -n 's/^host: //p'); \
	if ! $(CARGO) fetch --locked --offline --quiet --target "$$host" 2> /dev/null; then \
		echo "installing the crates that Cargo.lock names, into cargo's own cache; nothing else is needed"; \
		$(CARGO) fetch --locked --target "$$host"; \
	fi
	@# cargo tells what is fresh by times alone: what another clone built here would pass for this one's
	@mkdir -p "$(CARGO_TARGET_DIR)"; \
	if [ "$$(cat "$(CARGO_TARGET_DIR)/clone" 2> /dev/null)" != "$(CURDIR)" ]; then \
		$(CARGO) clean --quiet --offline -p ensue; \
		echo "$(CURDIR)" > "$(CARGO_TARGET_DIR)/clone"; \
	fi

# Only tests need it. Where it cannot be had, they say so.
.PHONY: install-prometheus
install-prometheus:
	@tools/prometheus.sh install "$(CACHE)"

.PHONY: clippy rustfmt
clippy rustfmt:
	@$(CARGO) $(@:rustfmt=fmt) --version > /dev/null 2>&1 || { \
		echo "installing $@ with rustup, to check the code"; rustup component add $@; }
