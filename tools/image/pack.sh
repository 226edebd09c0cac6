#!/usr/bin/env bash
# Makes a one-layer OCI image from files, with no container tool and no daemon. The same input gives the same bytes.
# `ctr images import` takes the archive, as do other tools that read an oci-archive (podman, skopeo).
# usage: pack.sh [--label K=V]... [--layout] NAME:TAG OUT SRC=DST...
#   NAME      with a host part: localhost/operator. The first DST is the entrypoint; it runs as 65532, which is nobody.
#   --layout  leaves OUT as a folder (an OCI layout) instead of packing it into an archive.
# SOURCE_DATE_EPOCH: the time of everything in it, in seconds (default 0).
# Needs GNU tar, gzip, sha256sum, jq.
set -euo pipefail
layout='' labels=() files=()
while [ $# -gt 0 ]; do
  case $1 in
    --label) labels+=("$2"); shift 2 ;;
    --layout) layout=1; shift ;;
    *) files+=("$1"); shift ;;
  esac
done
name=${files[0]} out=${files[1]}; files=("${files[@]:2}")
epoch=${SOURCE_DATE_EPOCH:-0}
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/root" "$dir/oci/blobs/sha256"
for file in "${files[@]}"; do
  install -D -m "$([ -x "${file%%=*}" ] && echo 755 || echo 644)" "${file%%=*}" "$dir/root/${file#*=}"
done
chmod -R u=rwX,go=rX "$dir/root"

archive() { tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu -C "$1" -c "${@:2}"; }
# Files a blob under its digest, and prints that.
blob() { local digest; digest=$(sha256sum "$1" | cut -d' ' -f1); mv "$1" "$dir/oci/blobs/sha256/$digest"; echo "$digest"; }
size() { stat -c %s "$dir/oci/blobs/sha256/$1"; }

archive "$dir/root" . >"$dir/layer"
diff=$(sha256sum "$dir/layer" | cut -d' ' -f1)
gzip -n -6 "$dir/layer"
layer=$(blob "$dir/layer.gz")
jq -cnS --arg entrypoint "/${files[0]#*=/}" --arg diff "sha256:$diff" --arg architecture "$architecture" \
  --arg created "$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)" '{
    architecture: $architecture, os: "linux", created: $created,
    config: {Entrypoint: [$entrypoint], User: "65532:65532", Env: ["PATH=/"], WorkingDir: "/",
             Labels: ([$ARGS.positional[] | index("=") as $at | {key: .[:$at], value: .[$at + 1:]}] | from_entries)},
    rootfs: {type: "layers", diff_ids: [$diff]}, history: [{created: $created, created_by: "tools/image/pack.sh"}]
  }' --args "${labels[@]}" >"$dir/config"
config=$(blob "$dir/config")
jq -cnS --arg config "sha256:$config" --argjson config_size "$(size "$config")" --arg layer "sha256:$layer" --argjson layer_size "$(size "$layer")" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
    layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size}]
  }' >"$dir/manifest"
manifest=$(blob "$dir/manifest")
jq -cnS --arg manifest "sha256:$manifest" --argjson size "$(size "$manifest")" --arg name "$name" --arg architecture "$architecture" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, size: $size,
                 platform: {architecture: $architecture, os: "linux"},
                 annotations: {"io.containerd.image.name": $name, "org.opencontainers.image.ref.name": ($name | split(":") | last)}}]
  }' >"$dir/oci/index.json"
echo -n '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci/oci-layout"
mkdir -p "$(dirname "$out")"
if [ -n "$layout" ]; then rm -rf "$out"; cp -r "$dir/oci" "$out"; else archive "$dir/oci" oci-layout index.json blobs >"$out"; fi
echo "$name sha256:$manifest"
