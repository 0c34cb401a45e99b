#!/usr/bin/env bash
# Measures the fleet beside other programs' and writes bench/fleet/README.md. Needs root; installs what it compares with.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
missing=()
for p in taktuk pdsh clustershell ansible iproute2; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} = 0 ] || DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
exec go run ./bench/fleet
