# `make` lists the targets. Longer recipes are in scripts/.

GO       ?= go
LINT     := $(GO) tool -modfile=tools/go.mod golangci-lint
FUZZTIME ?= 30s
PACKAGES ?= ./...

.DEFAULT_GOAL := help
.PHONY: help build test test-deps lint fmt tidy golden fuzz bench torture demo check

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build ./funnelweb
	$(GO) build -trimpath -o funnelweb ./cmd/funnelweb

test: ## Run every test, first installing what they run against (PACKAGES=./framework/... for some)
	@GO="$(GO)" scripts/test.sh $(PACKAGES)

test-deps: ## Install what the tests run against: Samba, versitygw, Chromium, spectral
	@GO="$(GO)" scripts/test-deps.sh

lint: ## Check style, import rules, formatting and go.mod (the first run builds the linter, some minutes)
	@GO="$(GO)" scripts/lint.sh

fmt: ## Format the code
	$(LINT) fmt

tidy: ## Tidy go.mod and go.sum here and in examples, after a change of dependencies
	$(GO) mod tidy
	cd examples/privatebuild && $(GO) mod tidy

golden: ## Write the golden files anew; read the difference before committing it
	@GO="$(GO)" scripts/golden.sh

fuzz: ## Ask the judge, and the JSON package in four ways, about 2 million documents each, then run each fuzz test for FUZZTIME (30s)
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" scripts/fuzz.sh

bench: build ## Compare the funnel and the durable accept with others, and time alerts to their tickets, into docs/benchmarks.md, then run every benchmark
	$(GO) run ./internal/bench -write docs/benchmarks.md
	$(GO) run ./internal/bench -accept ./funnelweb -write docs/benchmarks.md
	$(GO) run ./internal/bench -latency -write docs/benchmarks.md
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

torture: ## Kill, cut off, fill up and damage the program TRIALS times (1000) into docs/torture.md (SEED, FROM, ONLY: see the script)
	@GO="$(GO)" TRIALS="$(TRIALS)" SEED="$(SEED)" FROM="$(FROM)" ONLY="$(ONLY)" scripts/torture.sh

demo: ## Show the whole loop against the built-in sandbox
	$(GO) run ./cmd/funnelweb demo

check: lint test ## What must pass before a review
