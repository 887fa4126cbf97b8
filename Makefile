# The whole project needs Go alone. GNU make.

GO     ?= go
BINARY := build/trailverdict
# Packages with golden files, which `make update` rewrites.
GOLDEN := ./internal/render ./cmd/trailverdict ./docs

.PHONY: help build run test check eval fmt update clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the command into build/trailverdict
	$(GO) build -trimpath -o $(BINARY) ./cmd/trailverdict

run: build ## Build the command and let it decide about the project's own stories
	@$(BINARY) demo events/scenario

test: ## Run all tests
	$(GO) test ./...

check: ## Everything that must hold before a commit: format, vet, staticcheck, build, tests
	@unformatted=$$($(GO) tool gofumpt -l .) && test -z "$$unformatted" || \
		{ echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) build ./...
	$(GO) test ./...

eval: ## Measure how often verdicts are right, and write it to docs/accuracy.md
	$(GO) run ./internal/eval/accuracy -write

fmt: ## Format all Go files
	$(GO) tool gofumpt -w .

update: ## Rewrite golden files; review the difference like code
	$(GO) test $(GOLDEN) -update

clean: ## Remove what was built
	rm -rf build
