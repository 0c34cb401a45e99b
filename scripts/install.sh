#!/usr/bin/env bash
# Installs the Debian packages that the tests use, and those that its arguments name, as root. Silent and quick where all are there.
set -euo pipefail
packages=(
	ca-certificates debian-archive-keyring mmdebstrap systemd-container apt-utils dpkg-dev gpg gpg-agent gpgv # the lab's nodes
	nftables iproute2 util-linux procps dbus                                                                  # and networks
	createrepo-c rpm dnf zypper pacman-package-manager makepkg libarchive-tools                               # package managers
	e2fsprogs xfsprogs fuse3 acl attr                                                                         # disks, files, faults
	etcd-server etcd-client openssh-server openssh-client git                                                 # what apply talks to
	fish tcsh                                                                                                 # login shells of nodes
	chromium tmux                                                                                             # what people look at it with
	"$@"
)
# The lab downloads from the sources that these lists name.
if ! apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -q .; then
	apt-get -q update
fi
missing=()
for p in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} = 0 ] && exit 0
export DEBIAN_FRONTEND=noninteractive
# Services of packages installed for tests must not start on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
apt-get -q update
apt-get -q install -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"
