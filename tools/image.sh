#!/usr/bin/env bash
# Makes the operator's image without a container daemon: the static program, the certificate authorities, and nothing else. Writes into
# target/image (or the folder given)
#   switchboard-VERSION-ARCH.oci.tar   an OCI archive, named as the chart names it: switchboard.dev/switchboard:VERSION
#   switchboard-VERSION-ARCH.cdx.json  its bill of materials
# and prints name and digest. The same commit gives the same program on every machine with the same toolchain (reproducible.sh).
# usage: image.sh [--profile PROFILE] [--tag TAG] [--out FOLDER]
# SOURCE_DATE_EPOCH: the time of everything in it, in seconds (default: that of the commit).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=release out='' tag=''
while [ $# -gt 0 ]; do
  case $1 in
    --profile) profile=$2 ;;
    --tag) tag=$2 ;;
    --out) out=$2 ;;
    *) sed -n '2,8s/^# //p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done
version=$(awk -F'"' '/^version = / { print $2; exit }' Cargo.toml)
repository=$(awk '$1 == "repository:" { print $2; exit }' deploy/chart/values.yaml)
tag=${tag:-$version} out=${out:-${CARGO_TARGET_DIR:-target}/image}
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || commit+=-dirty
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

binary=$(tools/image/static.sh "$profile")
roots=$(tools/image/roots.sh)
mkdir -p "$out"
name=$out/switchboard-$tag-$(uname -m)
tools/image/sbom.py "$binary" --check >&2
tools/image/sbom.py "$binary" >"$name.cdx.json"
label=org.opencontainers.image
tools/image/pack.sh \
  --label "$label.title=switchboard" --label "$label.description=Kubernetes operator for SIP endpoints and phone numbers" \
  --label "$label.version=$tag" --label "$label.revision=$commit" --label "$label.licenses=Apache-2.0" --label "$label.url=https://switchboard.dev" \
  --label "$label.created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" \
  "$repository:$tag" "$name.oci.tar" \
  "$binary=/switchboard" "$roots=/etc/ssl/certs/ca-certificates.crt" tools/image/nsswitch.conf=/etc/nsswitch.conf
