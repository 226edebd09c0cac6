#!/usr/bin/env bash
# The chart and the image as people use them: a cluster of one node with the real kubelet and containerd, the operator as a Pod that Helm
# installs, the simulators beside it over TLS. Builds what is missing, then runs e2e/scenarios.sh. Exit status: 0, 1 if a scenario fails,
# 77 if this machine cannot run a node (root, cgroup v1, Debian's packages), which is no verdict.
# usage: e2e.sh
# E2E_ONLY: the scenarios to run, names with blanks between (default: all); the first, install, is always run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/e2e/able.sh
. tools/e2e/able.sh
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd -- "${CARGO_TARGET_DIR:-target}" && pwd -P)
# As `make test` builds it, so that nothing is built twice.
cargo build --quiet --workspace --features switchboard/failpoints --bin sandbox
E2E_PROGRAMS=$(tools/build.sh etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl helm)
E2E_NODE=$(tools/e2e/node.sh)
# The version of the chart, and a later one to upgrade to.
out=$target/e2e/image; rm -rf "$out"
made=$(tools/image.sh --profile e2e --out "$out")
[ "$(tools/image.sh --profile e2e --out "$out")" = "$made" ] || { echo "e2e: the same program makes another image" >&2; exit 1; }
tools/image.sh --profile e2e --out "$out" --tag next >/dev/null
echo "$made"
E2E_IMAGES=$(echo "$out"/*.oci.tar)
export E2E_PROGRAMS E2E_NODE E2E_IMAGES E2E_RUN=$target/e2e/run SANDBOX=$target/debug/sandbox
exec tools/e2e/run.sh tools/e2e/scenarios.sh
