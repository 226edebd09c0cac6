#!/usr/bin/env bash
# Builds the committed state twice, in two folders of different names, from nothing, and compares the programs byte for byte.
# Prints the digest. Two full release builds take half an hour on two cores; .ci/run compares those of the profile e2e, which take minutes.
# usage: reproducible.sh [PROFILE]
set -euo pipefail
profile=${1:-release}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# It takes long, and somebody may commit meanwhile.
commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || echo "tools/reproducible.sh: $commit is built, without what is not committed" >&2
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
digests=()
for folder in first "somewhere else/and deeper"; do
  mkdir -p "$dir/$folder"
  git archive "$commit" | tar -x -C "$dir/$folder"
  binary=$(cd "$dir/$folder" && env -u CARGO_TARGET_DIR tools/image/static.sh "$profile")
  digests+=("$(sha256sum <"$binary" | cut -d' ' -f1)")
  mv "$binary" "$dir/program-${#digests[@]}"
  rm -rf "${dir:?}/$folder"
done
if [ "${digests[0]}" != "${digests[1]}" ]; then
  echo "The two programs differ: ${digests[*]}" >&2
  cmp "$dir/program-1" "$dir/program-2" | head -n 1 >&2
  exit 1
fi
echo "Two builds in two folders ($profile): sha256:${digests[0]}"
