#!/usr/bin/env bash
# Builds the pinned control plane (go.mod) into a cache folder outside the checkout and prints that folder, the only thing on
# standard output. The folder is keyed by the pins, so a second checkout finds it and a changed pin never meets an old binary.
# usage: build.sh [etcd kube-apiserver kube-controller-manager kubectl]   (default: all)
# KUBEBUILDER_ASSETS: what this folder holds is taken as it is and never built.
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -trimpath -buildvcs=false -tags=grpcnotrace,notest"
want=("$@"); [ $# -gt 0 ] || want=(etcd kube-apiserver kube-controller-manager kubectl)
command -v go >/dev/null || { echo "tools/build.sh: Go is needed to build the control plane: install it, or set KUBEBUILDER_ASSETS" >&2; exit 1; }
key=$({ cat go.mod go.sum build.sh; go version; } | sha256sum | cut -c1-16)
cache=${SWITCHBOARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/switchboard}
out=$cache/tools-$key
mkdir -p "$out"
# One builder at a time: the second one waits here, then finds everything made. The lock goes with the process.
exec 9>"$out/.lock"
flock 9
version() { go list -m -f '{{.Version}}' "$1"; }
for name in "${want[@]}"; do
  [ -x "$out/$name" ] && continue
  if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$name" ]; then continue; fi
  echo "building $name (once for these pins; minutes, not seconds) …" >&2
  part=$out/.$name.$$                 # renamed when whole: an interrupted build leaves no half binary behind
  case $name in
    etcd) go build -ldflags="-s -w -X go.etcd.io/etcd/api/v3/version.GitSHA=module" -o "$part" go.etcd.io/etcd/server/v3 ;;
    kube-* | kubectl)
      kv=$(version k8s.io/kubernetes); IFS=. read -r major minor _ <<<"${kv#v}"; x=
      for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        x+=" -X $p.gitVersion=$kv -X $p.gitMajor=$major -X $p.gitMinor=$minor -X $p.gitTreeState=archive -X $p.gitCommit=module"
      done
      go build -ldflags="-s -w$x" -o "$part" "k8s.io/kubernetes/cmd/$name" ;;
    *) echo "tools/build.sh: unknown program: $name" >&2; exit 2 ;;
  esac
  mv "$part" "$out/$name"
done
echo "$out"
