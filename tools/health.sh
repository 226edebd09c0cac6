#!/usr/bin/env bash
# Builds the programs that say how GitOps tools read the health of objects (health/argocd, health/flux: the tools' own code, pinned in
# their go.mod) into a cache folder outside the checkout, and prints the folder, the only thing on standard output. The cache is keyed by
# pins and sources; two builds at once take turns, and an interrupted one leaves nothing that is taken for whole.
# usage: health.sh
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
# shellcheck source=tools/cache.sh
. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/health"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -trimpath -buildvcs=false -tags=grpcnotrace,notest"
command -v go >/dev/null || { say "Go is needed: install it"; exit 1; }
key=$({ cat -- */go.mod */go.sum */main.go; echo "$GOFLAGS $CGO_ENABLED"; go version; } | sha256sum | cut -c1-16)
out=$cache/health-$key
fill "$out"
for name in flux argocd; do
  [ ! -x "$out/$name" ] || continue
  say "building $name (once for these pins; minutes, not seconds) …"
  (cd "$name" && nice go build -ldflags="-s -w" -o "$out/.$name.part" .)
  mv "$out/.$name.part" "$out/$name"
done
echo "$out"
