# make test   installs what the tests need and runs them all; make bench, make fault: see bench/README.md, docs/safety.md; make race, make vuln: the race
#             detector over every package, and known vulnerabilities, where their database can be reached
export CGO_ENABLED ?= 0
SHELL := /bin/bash

.PHONY: build test check bench bench-git fault docs clean

build:
	go build -trimpath -ldflags '-s -w' -o bin/apply ./cmd/apply

test:
	./scripts/test.sh

check:
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet ./...
	go tool staticcheck ./...

fault:
	./scripts/fault.sh

race:
	./scripts/race.sh

vuln:
	./scripts/vuln.sh

bench:
	go run ./bench

bench-git:
	go run ./bench/git

docs:
	go generate ./docs

clean:
	rm -rf bin
	go run ./e2e/lab/labctl clean
