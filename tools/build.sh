#!/usr/bin/env bash
# Builds the pinned control plane (go.mod) into a cache folder outside the checkout and prints the folder with the programs, the
# only thing on standard output. The cache is keyed by the pins, so a second checkout finds it and a changed pin never meets an old
# binary; two builds at once take turns, and an interrupted one leaves nothing that is taken for whole.
# usage: build.sh [etcd kube-apiserver kube-controller-manager kubectl]   (default: all)
# KUBEBUILDER_ASSETS: what this folder holds is taken as it is and only the rest is built (Go is needed for that only).
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
say() { echo "tools/build.sh: $*" >&2; }
want=("$@"); [ $# -gt 0 ] || want=(etcd kube-apiserver kube-controller-manager kubectl)
assets=${KUBEBUILDER_ASSETS:-}
[ -z "$assets" ] || assets=$(cd -- "$assets" 2>/dev/null && pwd -P) || { say "KUBEBUILDER_ASSETS is no folder"; exit 1; }
cache=${SWITCHBOARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/switchboard}
mkdir -p "$cache"; cache=$(cd -- "$cache" && pwd -P)
cd "$(dirname "${BASH_SOURCE[0]}")"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -trimpath -buildvcs=false -tags=grpcnotrace,notest"

given() { [ -n "$assets" ] && [ -x "$assets/$1" ]; }
pin() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' go.mod; }
# The controllers must not be newer than the API server: where ours would be, the API server given is left alone.
if given kube-apiserver && ! given kube-controller-manager; then
  has=$("$assets/kube-apiserver" --version | awk '{ print $2 }'); needs=$(pin k8s.io/kubernetes)
  if [ "$(printf '%s\n' "$has" "$needs" | sort -V | head -n 1)" != "$needs" ]; then
    say "kube-apiserver $has of KUBEBUILDER_ASSETS is older than our kube-controller-manager $needs: both are ours now"
    given() { [ -n "$assets" ] && [ "$1" != kube-apiserver ] && [ -x "$assets/$1" ]; }
  fi
fi
build=()
for name in "${want[@]}"; do
  case $name in etcd | kube-apiserver | kube-controller-manager | kubectl) ;; *) say "unknown program: $name"; exit 2 ;; esac
  given "$name" || build+=("$name")
done
[ ${#build[@]} -gt 0 ] || { echo "$assets"; exit; }

compile() { # program file
  local major minor version package flags=
  case $1 in
    etcd) go build -ldflags="-s -w -X go.etcd.io/etcd/api/v3/version.GitSHA=module" -o "$2" go.etcd.io/etcd/server/v3 ;;
    *)
      version=$(pin k8s.io/kubernetes)
      IFS=. read -r major minor _ <<<"${version#v}"
      for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
        flags+=" -X $package.gitTreeState=archive -X $package.gitCommit=module"
      done
      go build -ldflags="-s -w$flags" -o "$2" "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

command -v go >/dev/null || { say "Go is needed to build ${build[*]}: install it, or set KUBEBUILDER_ASSETS"; exit 1; }
# The recipe counts, the rest of this file does not.
key=$({ cat go.mod go.sum; declare -f compile; echo "$GOFLAGS $CGO_ENABLED"; go version; } | sha256sum | cut -c1-16)
out=$cache/tools-$key
mkdir -p "$out"
# Run by the sandbox, the compiler dies with this script as this script dies with the sandbox.
go() { "${SWITCHBOARD_SANDBOX_BIN:?}" __child $$ "$(type -P go)" "$@"; }
[ -n "${SWITCHBOARD_SANDBOX_BIN:-}" ] || unset -f go
# The compiler inherits the lock: should this script be killed, the next one waits until nothing runs any more.
exec 9>"$out/.lock"
flock 9
rm -f "$out"/.*.part
for name in "${build[@]}"; do
  [ ! -x "$out/$name" ] || continue
  say "building $name (once for these pins; minutes, not seconds) …"
  compile "$name" "$out/.$name.part"
  mv "$out/.$name.part" "$out/$name"
done
if [ -n "$assets" ]; then
  # One folder with both: links, replaced in one step each since others may be using them.
  both=$cache/with-$(echo "$key $assets" | sha256sum | cut -c1-16)
  mkdir -p "$both"
  for name in "${want[@]}"; do
    if given "$name"; then target=$assets/$name; else target=$out/$name; fi
    [ "$(readlink "$both/$name" || true)" = "$target" ] || { ln -sf "$target" "$both/.$name" && mv -T "$both/.$name" "$both/$name"; }
  done
  out=$both
fi
echo "$out"
