#!/usr/bin/env bash
# Prints the path of the certificate authorities that the image trusts: Mozilla's, as Python's package certifi has them, pinned by hash
# (roots.txt). A distribution's package would be another one at each build.
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=${SWITCHBOARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/switchboard}/roots-$(sha256sum roots.txt | cut -c1-16)
if [ ! -s "$out/cacert.pem" ]; then
  part=$(mktemp -d); trap 'rm -rf "$part"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --requirement roots.txt --dest "$part" >&2
  python3 -m zipfile -e "$part"/certifi-*.whl "$part"
  mkdir -p "$out"
  mv "$part/certifi/cacert.pem" "$out/.part" && mv "$out/.part" "$out/cacert.pem"
fi
echo "$out/cacert.pem"
