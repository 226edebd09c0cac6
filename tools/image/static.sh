#!/usr/bin/env bash
# Builds the operator as one static program and prints its path, the only thing on standard output. Nothing of this machine is in it: the
# paths of the checkout, of Cargo and of the target folder are replaced, so that two builds are the same, byte for byte. What is in it is
# the list of its dependencies (cargo auditable), which sbom.py reads.
# usage: static.sh [PROFILE]    (release; e2e compiles faster and runs slower)
# SWITCHBOARD_CACHE: where cargo-auditable is kept, built once (default: $XDG_CACHE_HOME/switchboard or ~/.cache/switchboard).
set -euo pipefail
profile=${1:-release}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# With a target named, the flags below reach what is shipped only: procedural macros cannot be static.
triple=$(rustc -vV | awk '$1 == "host:" { print $2 }')
auditable=0.7.7
root=${SWITCHBOARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/switchboard}/cargo-auditable-$auditable
[ -x "$root/bin/cargo-auditable" ] || {
  echo "tools/image/static.sh: building cargo-auditable (once; a minute or two) …" >&2
  # Not in the target folder of this project.
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --version "$auditable" --root "$root" cargo-auditable >&2
}
export PATH=$root/bin:$PATH
target=${CARGO_TARGET_DIR:-target}/static
mkdir -p "$target"; target=$(cd -- "$target" && pwd -P)
# The last that fits counts.
flags=(-C target-feature=+crt-static
  "--remap-path-prefix=$(pwd -P)=/switchboard"
  "--remap-path-prefix=$(cd -- "${CARGO_HOME:-$HOME/.cargo}" && pwd -P)=/cargo"
  "--remap-path-prefix=$target=/target")
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
# Compilers of C ask for it, and then build anew when it changes.
export SOURCE_DATE_EPOCH=0
cargo auditable build --locked --package switchboard --bin switchboard --profile "$profile" --target "$triple" --target-dir "$target" >&2
binary=$target/$triple/$profile/switchboard
headers=$(readelf --program-headers --wide "$binary")
[[ $headers == *LOAD* && $headers != *INTERP* ]] || { echo "tools/image/static.sh: $binary is not static" >&2; exit 1; }
! grep -q SWITCHBOARD_FAILPOINT "$binary" || { echo "tools/image/static.sh: $binary has fail points" >&2; exit 1; }
echo "$binary"
