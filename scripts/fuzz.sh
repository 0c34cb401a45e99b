#!/usr/bin/env bash
# Runs every fuzz target of the repository for some seconds: scripts/fuzz.sh SECONDS
# What one finds is kept by go test below testdata/fuzz of its package, as a row that every later go test runs.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds for each target?}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()
while IFS=: read -r file func; do
	name=${func#func }
	echo "== $(dirname "$file") $name"
	go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" </dev/null 2>&1 | tee "$log" && continue
	# On a busy machine go test may call the end of its own time a failure, with no input to show for it.
	if grep -q '^    context deadline exceeded$' "$log" && ! grep -q 'Failing input written' "$log"; then
		echo "   its time was over; nothing was found"
	else
		failed+=("$(dirname "$file") $name")
	fi
done < <(git grep -o -E '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go')
[ ${#failed[@]} = 0 ] || { printf 'fuzz: %s\n' "${failed[@]}" >&2 && exit 1; }
