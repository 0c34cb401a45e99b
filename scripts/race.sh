#!/usr/bin/env bash
# Runs the tests of every package but the nodes of the lab and the benchmarks under the race detector, one package after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v gcc >/dev/null || { echo "race: the race detector needs a C compiler (gcc)" >&2 && exit 1; }
export CGO_ENABLED=1
failed=()
for package in $(go list ./... | grep -v -E '/(e2e|bench)(/|$)'); do
	go test -race -timeout 15m "$@" "$package" || failed+=("$package")
done
[ ${#failed[@]} = 0 ] || { printf 'race: %s\n' "${failed[@]}" >&2 && exit 1; }
