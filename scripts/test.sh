#!/usr/bin/env bash
# Installs what the tests need and runs them all. As root on Debian everything runs for real: nodes with systemd, loop disks, package managers,
# browsers. For another user the tests that need root say what they leave out and why.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	scripts/install.sh
	export APPLY_LAB=require # a missing lab is a failure here, not a reason to skip
fi

test -z "$(gofmt -l $(git ls-files '*.go'))" || { echo "gofmt would change:" && gofmt -l $(git ls-files '*.go') && exit 1; }
go vet ./...
go tool staticcheck ./...
scripts/vuln.sh
# One package at a time beside another: the nodes of the end-to-end tests want the cores for themselves.
go test -p 2 -timeout 25m "$@" ./...
# Every parser is fuzzed for a moment; make fault does so for minutes.
scripts/fuzz.sh 2
