#!/usr/bin/env bash
# Runs every fuzz target of the repository for some seconds: scripts/fuzz.sh SECONDS
# What one finds is kept by go test below testdata/fuzz of its package, as a row that every later go test runs.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds for each target?}
git grep -o -E '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | while IFS=: read -r file func; do
	name=${func#func }
	echo "== $(dirname "$file") $name"
	go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s"
done
