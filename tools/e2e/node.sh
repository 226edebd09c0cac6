#!/usr/bin/env bash
# Puts what a node needs besides Kubernetes into a cache folder outside the checkout, and prints the folder, the only thing on standard
# output: containerd, runc and the CNI plugins, unpacked (not installed) from Debian's packages, and an image for the container that holds a
# Pod's namespaces. The packages are those of the moment, checked by apt: Debian keeps no old ones that could be pinned.
# Exit status: 0, 77 if apt cannot deliver the packages (no network, or no Debian), which is no verdict; 1 or another one if something is wrong.
# usage: node.sh
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
# shellcheck source=tools/cache.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cache.sh"
cd "$(dirname "${BASH_SOURCE[0]}")"
key=$({ cat node.sh ../image/pack.sh pause/main.go /etc/os-release; go version; } | sha256sum | cut -c1-16)
out=$cache/node-$key
fill "$out"
if [ ! -e "$out/complete" ]; then
  say "fetching containerd, runc and CNI plugins …"
  part=$(mktemp -d); trap 'rm -rf "$part"' EXIT
  packages=(containerd runc containernetworking-plugins)
  fetch() { (cd "$part" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}") >&2; }
  # The lists of packages may be missing, or older than the packages.
  fetch 2>/dev/null || { apt-get -qq update >&2 && fetch; } || {
    echo "e2e: THIS MACHINE CANNOT RUN A NODE: apt cannot deliver ${packages[*]}" >&2
    exit 77
  }
  for package in "$part"/*.deb; do dpkg -x "$package" "$part/root"; done
  mkdir -p "$out/cni"
  install "$part"/root/usr/bin/{containerd,containerd-shim-runc-v2,ctr} "$part"/root/usr/sbin/runc "$out"
  install "$part"/root/usr/lib/cni/{bridge,host-local,loopback} "$out/cni"
  (cd .. && CGO_ENABLED=0 GOWORK=off go build -mod=readonly -buildvcs=false -trimpath -ldflags="-s -w" -o "$part/pause" ./e2e/pause)
  ../image/pack.sh localhost/pause:e2e "$out/pause.tar" "$part/pause=/pause" >&2
  # runc needs a library that not every machine has.
  "$out/runc" --version >/dev/null
  touch "$out/complete"
fi
echo "$out"
