#!/usr/bin/env bash
# Breaks runs of apply in every way that docs/safety.md speaks of, writes its table of figures anew, and fuzzes every parser. Needs root. Takes
# about half an hour on two cores: a quarter of an hour for the faults, and for each parser FUZZ_SECONDS (60).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
APPLY_FAULT=whole APPLY_FAULT_TABLE="$PWD/docs/safety.md" go test ./e2e/fault -count=1 -timeout 3h -v "$@"
scripts/fuzz.sh "${FUZZ_SECONDS:-60}"
