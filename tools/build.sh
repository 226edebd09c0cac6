#!/usr/bin/env bash
# Builds the pinned control plane (go.mod) and helm (helm/go.mod: its own pins of the same libraries) into cache folders outside the
# checkout and prints the folder with the programs asked for, the only thing on standard output. The cache is keyed by the pins, so a
# second checkout finds it and a changed pin never meets an old binary; two builds at once take turns, and an interrupted one leaves
# nothing that is taken for whole.
# usage: build.sh [etcd kube-apiserver kube-controller-manager kubectl kube-scheduler kubelet helm]   (default: the first four)
# KUBEBUILDER_ASSETS: what this folder holds is taken as it is and only the rest is built (Go is needed for that only).
# SWITCHBOARD_CACHE: the cache folder (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
# shellcheck source=tools/cache.sh
. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"
want=("$@"); [ $# -gt 0 ] || want=(etcd kube-apiserver kube-controller-manager kubectl)
assets=${KUBEBUILDER_ASSETS:-}
[ -z "$assets" ] || assets=$(cd -- "$assets" 2>/dev/null && pwd -P) || { say "KUBEBUILDER_ASSETS is no folder"; exit 1; }
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
  case $name in etcd | kube-apiserver | kube-controller-manager | kubectl | kube-scheduler | kubelet | helm) ;; *) say "unknown program: $name"; exit 2 ;; esac
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

compile_helm() { # file
  local version=; version=$(cd helm && awk '$1 == "helm.sh/helm/v4" { print $2; exit }' go.mod)
  (cd helm && go build -ldflags="-s -w -X helm.sh/helm/v4/internal/version.version=$version" -o "$1" helm.sh/helm/v4/cmd/helm)
}

command -v go >/dev/null || { say "Go is needed to build ${build[*]}: install it, or set KUBEBUILDER_ASSETS"; exit 1; }
# The recipe counts, the rest of this file does not.
key=$({ cat go.mod go.sum; declare -f compile; echo "$GOFLAGS $CGO_ENABLED"; go version; } | sha256sum | cut -c1-16)
helm=$({ cat helm/go.mod helm/go.sum; declare -f compile_helm; echo "$GOFLAGS $CGO_ENABLED"; go version; } | sha256sum | cut -c1-16)
home() { if [ "$1" = helm ]; then echo "$cache/helm-$helm"; else echo "$cache/tools-$key"; fi; }
# Run by the sandbox, the compiler dies with this script as this script dies with the sandbox.
go() { "${SWITCHBOARD_SANDBOX_BIN:?}" __child $$ "$(type -P go)" "$@"; }
[ -n "${SWITCHBOARD_SANDBOX_BIN:-}" ] || unset -f go
for name in "${build[@]}"; do
  out=$(home "$name")
  fill "$out"
  [ ! -x "$out/$name" ] || continue
  say "building $name (once for these pins; minutes, not seconds) …"
  if [ "$name" = helm ]; then compile_helm "$out/.$name.part"; else compile "$name" "$out/.$name.part"; fi
  mv "$out/.$name.part" "$out/$name"
done
exec 9>&-
# One folder with all of them: links, replaced in one step each since others may be using them.
target() { if given "$1"; then echo "$assets/$1"; else echo "$(home "$1")/$1"; fi; }
folders=$(for name in "${want[@]}"; do dirname "$(target "$name")"; done | sort -u)
if [ "$(wc -l <<<"$folders")" -gt 1 ]; then
  out=$cache/with-$(echo "$key $helm $assets" | sha256sum | cut -c1-16)
  mkdir -p "$out"
  for name in "${want[@]}"; do
    target=$(target "$name")
    [ "$(readlink "$out/$name" || true)" = "$target" ] || { ln -sf "$target" "$out/.$name" && mv -T "$out/.$name" "$out/$name"; }
  done
else
  out=$folders
fi
echo "$out"
