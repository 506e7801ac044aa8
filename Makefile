# What a contributor types. `make check` is what must hold before a change lands.

GO ?= go
GOLANGCI_VERSION := v2.15.0
HISTORIES ?= 10000

.PHONY: check build test long race lint simulate simulate-restores mutations scale fill bench performance fuzz dist tools

check: build test long lint race simulate simulate-restores mutations

build:
	$(GO) build ./...

test:
	$(GO) test ./...

# The packages in which goroutines meet; the simulations have runs of their own, and the
# commands run the stack. -short omits tests that repeat the same thousands of times.
race:
	$(GO) test -race -short -timeout 30m . ./archive/... ./paramstore/... ./recorder/... ./restore/... ./verify/... ./internal/awsconn/... ./internal/cli/... ./internal/emulator/... ./internal/function/... ./internal/ui/...
	$(GO) test -race ./internal/simulation/recording -run TestSimulation -histories 200
	$(GO) test -race -short ./internal/simulation/restoring

lint: tools
	$(GO) vet ./...
	$(GO) vet -tags aws ./internal/acceptance
	.bin/golangci-lint run ./...
	$(GO) mod tidy -diff

tools: .bin/golangci-lint

.bin/golangci-lint:
	GOBIN=$(CURDIR)/.bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

# Random histories against the real recorder and archive: HISTORIES=100000 plays
# more of them.
simulate:
	$(GO) test ./internal/simulation/recording -run TestSimulation -v -histories $(HISTORIES) -timeout 30m

# The tests that try some of many cases otherwise: each fault of each request, a create, a
# restore and an undo killed at each request, fills of thousands of secrets, and each broken
# thing on moto.
long:
	SSMBAK_LONG=1 $(GO) test ./internal/simulation/sweep -timeout 30m
	SSMBAK_LONG=1 $(GO) test ./archive/internal/legacy ./internal/release ./internal/stack/code ./internal/simulation/mutate -timeout 30m
	SSMBAK_LONG=1 $(GO) test ./archive ./cmd/ssmbak ./internal/stack ./recorder ./restore ./verify -timeout 30m \
		-run '^(TestBusyParameter|TestAttacks|TestMemory|TestTerminal|TestOrganization|TestApplyRate|TestRestoreRate|TestCreateKilled|TestUndoKilled|TestUndoKilledAndFinished|TestUndoKilledItself|TestFillInRuns|TestFillWritesLinearly|TestApplicationIsServed|TestUnreadableStarveNobody|TestPairsLint|TestForgedFacts|TestReplayed)$$'
	SSMBAK_LONG=1 $(GO) test ./internal/cli/stack ./internal/ui -run '^(TestBrokenOnMoto|TestDocumentsOnMoto|TestLargeInBrowser)$$'

# Random restores and reverts, killed at any request, and undone.
SEEDS ?= 3000
simulate-restores:
	$(GO) test ./internal/simulation/restoring -run 'TestSimulation|TestReverts' -v -histories $(SEEDS) -timeout 2h

# Breaks the code in known ways and demands that the simulation finds each.
PART ?= 1/1
mutations:
	$(GO) run ./internal/simulation/mutate -part $(PART)

# An account of 100,000 parameters, 10 ms for each request.
PARAMETERS ?= 100000
scale:
	SSMBAK_SCALE=$(PARAMETERS) $(GO) test ./cmd/ssmbak -run TestScale -v -timeout 3h

# A first fill of so many secrets in virtual time, in runs of 15 minutes.
fill:
	SSMBAK_FILL=$(PARAMETERS) $(GO) test ./recorder -run TestFillInRuns -v -timeout 3h

bench:
	$(GO) test ./archive -run '^$$' -bench . -benchtime 3x
	$(GO) test ./recorder -run '^$$' -bench . -benchtime 100x
	$(GO) test ./internal/ui -run '^$$' -bench . -benchtime 1x
	SSMBAK_LONG=1 $(GO) test ./restore -run TestRestoreRate -count 1 -v
	$(GO) test ./internal/bench -count 1 -v

# The rows of docs/performance.md at their sizes, as lines that benchstat reads: about 15
# minutes.
performance:
	SSMBAK_BENCH=1 $(GO) test ./internal/bench -count 1 -timeout 1h
	SSMBAK_BENCH=1 $(GO) test ./internal/ui -run '^TestLarge(InBrowser)?$$' -v -count 1 -timeout 1h

# So many inputs for each decoder; FUZZTIME=5000000x looks longer. Numbers, not a
# duration: until Go 1.27 the end of a duration can fail a run that found nothing
# (https://go.dev/issue/75804).
FUZZTIME ?= 60000x
fuzz:
	@set -e; out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; cache=$$($(GO) env GOCACHE)/fuzz; \
	for d in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		$(GO) test $$d -c -fuzz . -o $$out/fuzz; \
		for f in $$(grep -h '^func Fuzz' $$d/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do \
			echo "$$d $$f"; \
			(cd $$d && $$out/fuzz -test.run '^$$' -test.fuzz "^$$f$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 20x -test.fuzzcachedir $$cache/$$d -test.timeout 20m); \
		done; \
	done

# The files of a release: VERSION=v1.2.3 make dist. The programs for every system, with
# the functions' zips inside; packages, archives, licences and checksums, see
# internal/release. The same commit gives the same bytes. SSMBAK_SIGNING_KEY signs them.
VERSION ?= (devel)
REVISION ?= $(shell git rev-parse HEAD)
DATE ?= $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
STAMPED := -X github.com/ssmbak/ssmbak/internal/version.stamped
STAMPS = $(STAMPED)=$(VERSION) $(STAMPED)Revision=$(REVISION) $(STAMPED)Date=$(DATE)
dist:
	rm -rf dist && mkdir -p dist
	$(GO) run -ldflags '$(STAMPS)' ./internal/stack/code/makezips
	cp internal/stack/code/zips/*.zip dist/
	@set -e; for p in $(PLATFORMS); do \
		os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
		for c in ssmbak ssmbak-stack; do \
			echo "$$c for $$os $$arch"; \
			CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -buildid= $(STAMPS)' -o dist/$$c-$$os-$$arch$$ext ./cmd/$$c; \
		done; \
	done
	$(GO) run -ldflags '$(STAMPS)' ./internal/release dist
