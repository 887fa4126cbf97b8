# The project needs Go alone. Its tests also run parts of AWS, for which they need
# Node and Java 17, and leave out what needs them where they are missing. GNU make.

GO     ?= go
BINARY := build/trailverdict
# Folders with Go files of ours; .ci holds others'.
SOURCES := cmd docs events functions infra internal
# Packages with golden files, which `make update` rewrites.
GOLDEN := ./internal/config/file ./internal/render ./internal/render/page ./cmd/trailverdict ./docs ./infra
# What the functions are built with, and the tests build them with: the same source gives the same
# bytes. Lambda's old protocol and HTTP/2 stay out, since nothing that the functions call speaks them alone.
LAMBDA := GOOS=linux GOARCH=arm64 GOARM64=v8.0,lse CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -tags lambda.norpc,nethttpomithttp2
# What make template and make deploy pass to the stack, such as -c trailverdict:email=soc@example.com
CONTEXT ?=
# The stack runs on Node, and jsii speaks about this version's age at each start.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION ?= 20
# Where npm puts what the tests run; npm writes this file last.
PARTS  := .ci/node_modules/.package-lock.json

.PHONY: help build run functions template deploy parts test e2e check eval bench fmt update clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the command into build/trailverdict
	$(GO) build -trimpath -o $(BINARY) ./cmd/trailverdict

run: build ## Build the command and let it decide about the project's own stories
	@$(BINARY) demo events/scenario

functions: ## Build the functions into build/functions
	@for f in functions/*/; do f=$$(basename $$f); echo build/functions/$$f/bootstrap; \
		$(LAMBDA) -o build/functions/$$f/bootstrap ./functions/$$f || exit 1; done

template: functions ## Write templates and archives that need no CDK into build/template
	rm -rf build/template
	$(GO) run ./infra -template build/template $(CONTEXT)

deploy: functions $(PARTS) ## Deploy the stacks with the CDK and your credentials; see docs/deploy.md
	.ci/node_modules/.bin/cdk bootstrap $(CONTEXT)
	.ci/node_modules/.bin/cdk deploy --all $(CONTEXT)

parts: $(PARTS) ## Install the parts of AWS that tests run, and the CDK, into .ci/node_modules

$(PARTS): .ci/package.json .ci/package-lock.json
	cd .ci && npm ci --loglevel=error

test: ## Run all tests
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory parts || \
		{ test "$$CI" != true && echo "NOT TESTED: what runs on the parts of AWS, since npm could not install them"; }; fi
	@for tool in npm java; do command -v $$tool >/dev/null || \
		echo "NOT TESTED: what runs on DynamoDB Local and the SNS emulator, since there is no $$tool"; done
	$(GO) test -timeout 30m ./...

e2e: parts ## Tell all stories to an account made of the synthesised templates; part of make test
	$(GO) test ./internal/e2e -run '^TestAccount$$' -v -count=1 -timeout 20m

check: ## Everything that must hold before a commit: format, vet, staticcheck, build, tests
	@unformatted=$$($(GO) tool gofumpt -l $(SOURCES)) && test -z "$$unformatted" || \
		{ echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) build ./...
	$(MAKE) test

eval: ## Measure how often verdicts are right, and rhythms found, into docs/accuracy.md (20 minutes)
	$(GO) run ./internal/eval/accuracy -write
	$(GO) test ./internal/interval -run 'TestPower|TestFalseAlarms|TestSpikeGoals' -eval -timeout 2h | $(GO) run ./internal/eval/accuracy -rhythms

bench: ## Measure speed, size and cost, and write them to docs/performance.md
	$(GO) test ./internal/bench -run '^TestFigures$$' -v -figures -write -benchtime 100ms -cpu 1 -count=1 -timeout 20m

fmt: ## Format all Go files
	$(GO) tool gofumpt -w $(SOURCES)

update: ## Rewrite golden files; review the difference like code
	$(GO) test $(GOLDEN) -update

clean: ## Remove what was built
	rm -rf build
