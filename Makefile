# make test   installs what the tests need and runs them all; make bench, make fault, make cluster: see bench/README.md, docs/safety.md, e2e/cluster;
#             make monkey holds every promise against manifests at random, see e2e/monkey;
#             make race, make vuln: the race detector over every package, and known vulnerabilities, where their database can be reached
export CGO_ENABLED ?= 0
SHELL := /bin/bash

.PHONY: build test check bench bench-fleet bench-git fault fleet docs clean bench-exchange cluster monkey oracle race vuln

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

# The fleet's long tests: 128 nodes, 64 of them behind one gateway; kill -9 before every call by which a put, or the program that is brought, changes something.
fleet:
	scripts/install.sh
	APPLY_LAB=require APPLY_FLEET=whole go test -p 1 ./e2e/fleet/... -count=1 -v -timeout 1h

race:
	./scripts/race.sh

vuln:
	./scripts/vuln.sh

# Five nodes at most, whatever happens to one of them, and every input of the module: half an hour. CI runs a sample.
cluster:
	scripts/install.sh
	APPLY_LAB=require APPLY_E2E=whole go test ./e2e/cluster -count=1 -parallel 1 -timeout 2h -v

# Manifests at random, some minutes of other ones each time.
monkey:
	from=$$((RANDOM * 1000)) && APPLY_MONKEY=$$from-$$((from + 999)) go test ./e2e/monkey -count=1 -timeout 1h

# Every resource type that Puppet has against Puppet itself, nearly five hundred manifests: ten minutes. Where Puppet is installed, make test takes a sample.
oracle:
	scripts/install.sh puppet-agent cron puppet-module-puppetlabs-{cron,host,mount,sshkeys}-core
	APPLY_ORACLE=whole go test ./e2e/puppet -count=1 -timeout 65m -v

bench:
	go run ./bench

bench-fleet:
	scripts/bench-fleet.sh

bench-exchange:
	go run ./bench/exchange

bench-git:
	go run ./bench/git

docs:
	go generate ./docs

clean:
	rm -rf bin
	go run ./e2e/lab/labctl clean
