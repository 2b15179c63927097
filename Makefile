# make test passes all tests on a machine that has Go, a C compiler, git and make. Every tool is pinned here or in go.mod.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SOURCES := bench boost cmd examples internal metric stat test
export GOTOOLCHAIN ?= auto
export CGO_ENABLED ?= 1

# Packages with a goroutine, a lock or an atomic of their own are tested once more under the race detector.
RACING = $(addprefix ./,$(sort $(patsubst %/,%,$(dir $(shell grep -rlE 'go func|[.]Go\b|"sync"|"sync/atomic"|errgroup' --include='*.go' internal boost)))))
NOT_RACING = ./internal/house ./boost
# What links C: DuckDB and SQLite. Everything else has to build without a C compiler.
LINKS_C := duckdb-go|go-sqlite3

.PHONY: help test lint unit race points docs crash demo python bench benchtrees benchmarks secondopinion fuzz tidy

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

test: lint unit race points docs ## all tests but kill loops and measurements
	@echo "make test: lint, unit, race, points and docs passed"

lint: ## gofmt, vet, builds without C, staticcheck
	@test -z "$$(gofmt -l $(SOURCES) | tee /dev/stderr)" || { echo "gofmt -w the files above"; exit 1; }
	go vet ./...
	go vet -tags failpoints ./...
	CGO_ENABLED=0 go build $$(go list -f '{{if .GoFiles}}{{.ImportPath}} {{join .Deps " "}}{{end}}' ./... | grep -vE '$(LINKS_C)' | cut -d' ' -f1)
	go run $(STATICCHECK) ./...

unit: ## every package's own tests
	go test -timeout 20m $$(go list ./... | grep -v '^rondo.dev/rondo/test/')

race: ## packages with goroutines, under the race detector
	go test -race -timeout 20m $(filter-out $(NOT_RACING),$(RACING))
	go test -race -timeout 20m -run 'AnyCrew|RowByRow|FewHistograms|Cancelled' ./boost # its crews; the long trainings run above

points: ## the places where a test may kill the program
	go test -tags failpoints -timeout 5m ./internal/lib/fail

bin/rondo: FORCE
	@go build -o bin/ ./cmd/rondo
FORCE:

docs: bin/rondo ## every command of README, docs and examples; the generated reference
	RONDO_BIN=$(CURDIR)/bin go test -count=1 -timeout 20m ./test/docs ./test/story

crash: bin/rondo ## kill loops and whatever else under test takes minutes
	RONDO_BIN=$(CURDIR)/bin go test -count=1 -timeout 40m $$(go list ./test/... | grep -vE '/(docs|story)$$' || echo ./test/crash)

demo: bin/rondo ## the whole loop on real flights, and whether its promises held
	rm -rf bin/story.json
	timeout 300 bin/rondo demo --home bin/demo --fresh -o json > bin/story.json
	go run ./test/story < bin/story.json
	rm -rf bin/demo

python:
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3 python3-venv; } || { \
		echo "this needs Python 3.11 or newer with venv; on Debian: apt-get install python3 python3-venv"; exit 1; }

bench: python ## measurements beside their bounds
	go run ./bench/bounds

benchtrees: python ## boosted trees beside XGBoost and LightGBM in all cases, about 15 minutes
	go run ./bench/trees -long

benchmarks: demo python ## docs/benchmarks.md, measured here and now
	go run ./bench/bounds -write docs/benchmarks.md -story bin/story.json

secondopinion: python ## history and AUC of the flights, computed again by DuckDB and LightGBM from the declaration alone
	bench/secondopinion/run

FUZZTIME ?= 10s
fuzz: ## every parser of outside bytes, $(FUZZTIME) each
	@grep -rlE '^func Fuzz' --include='*_test.go' $(SOURCES) | xargs -n1 dirname | sort -u | while read -r dir; do \
		grep -rhoE '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' $$dir | sed 's/func //' | sort -u | while read -r name; do \
			echo "== $$dir $$name"; go test ./$$dir -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME); done; done

tidy: ## what lies below bin and was made by make
	rm -rf bin
