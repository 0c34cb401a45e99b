#!/bin/sh
# Installs what the lab needs on this machine, as root. Silent and quick when everything is there.
# Does nothing where there is no apt or no root: the tests that need a lab then skip, or fail with APPLY_LAB=require.
set -eu
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	exit 0
fi
packages="mmdebstrap systemd-container iproute2 nftables util-linux apt-utils dpkg-dev gpg gpg-agent createrepo-c rpm openssh-client
	debian-archive-keyring ca-certificates"
missing=""
for package in $packages; do
	case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
# The lab downloads from the sources that these lists name.
if ! apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -q .; then
	apt-get update -qq
fi
[ -n "$missing" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -qq -y --no-install-recommends $missing >/dev/null || {
	apt-get update -qq
	apt-get install -qq -y --no-install-recommends $missing >/dev/null
}
