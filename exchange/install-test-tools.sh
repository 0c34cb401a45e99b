#!/bin/sh
# Installs what the tests of the exchange run against: a real etcd (the oracle) and a browser (the page).
set -eu
need=
command -v etcd >/dev/null && command -v etcdctl >/dev/null || need="$need etcd-server etcd-client"
command -v chromium >/dev/null || need="$need chromium"
[ -z "$need" ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of packages
exec apt-get install -y -q --no-install-recommends $need
