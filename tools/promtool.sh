#!/usr/bin/env bash
# Builds promtool (promtool/go.mod: Prometheus' own code at a pinned version, without the discovery of clouds, which nothing here asks for)
# into a cache folder outside the checkout, and prints the folder, the only thing on standard output. The cache is keyed by the pins; two
# builds at once take turns, and an interrupted one leaves nothing that is taken for whole.
# usage: promtool.sh
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
# shellcheck source=tools/cache.sh
. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/promtool"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -trimpath -buildvcs=false -tags=remove_all_sd,grpcnotrace,notest"
command -v go >/dev/null || { say "Go is needed: install it"; exit 1; }
key=$({ cat go.mod go.sum; echo "$GOFLAGS $CGO_ENABLED"; go version; } | sha256sum | cut -c1-16)
out=$cache/promtool-$key
fill "$out"
if [ ! -x "$out/promtool" ]; then
  say "building promtool (once for these pins; minutes, not seconds) …"
  nice go build -ldflags="-s -w" -o "$out/.promtool.part" github.com/prometheus/prometheus/cmd/promtool
  mv "$out/.promtool.part" "$out/promtool"
fi
echo "$out"
