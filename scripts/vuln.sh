#!/usr/bin/env bash
# Looks for known vulnerabilities in what the program calls, as govulncheck finds them. Its database is on the network: where it cannot be reached
# nothing was checked, which is said, and is no failure unless VULN=require.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(go tool govulncheck ./... 2>&1)
code=$?
printf '%s\n' "$out"
case $code in
0) exit 0 ;;
3) exit 1 ;; # vulnerabilities
esac
if grep -q -E 'fetching vulnerabilities|dial tcp|no such host|i/o timeout|connection refused' <<<"$out"; then
	echo "vulnerabilities: NOT CHECKED, because the database cannot be reached" >&2
	[ "${VULN:-}" != require ]
	exit
fi
exit 1
