#!/usr/bin/env bash
# Starts a Kubernetes cluster of one node in its own namespaces (process, mount, network, cgroup, IPC, UTS), runs a command beside it, and
# removes all of it: real kubelet, real containerd, no Docker. Exits with the command's status, or with 77 where this machine cannot.
# usage: run.sh COMMAND [ARG]...
# The command runs as root inside, with KUBECONFIG, NODE_IP, and kubectl, helm, ctr on PATH. It sees the file system as outside (but for
# /run, and what is written below /var), and another network: only lo and the Pods. A server that listens on $NODE_IP is reached by Pods.
# There is no kube-proxy: of the Services only the API server's address works.
#   E2E_PROGRAMS  the folder that tools/build.sh prints
#   E2E_NODE      the folder that node.sh prints
#   E2E_IMAGES    image archives to load before, blanks between them
#   E2E_RUN       where logs and the kubeconfig go; kept after the run, emptied before the next
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${E2E_PROGRAMS:?}" "${E2E_NODE:?}" "${E2E_RUN:?}"
[ $# -gt 0 ] || { sed -n '2,13s/^# //p' "$0"; exit 2; }
# shellcheck source=tools/e2e/able.sh
. "$here/able.sh"
"$here/teardown.sh"; rm -rf "$E2E_RUN"; mkdir -p "$E2E_RUN/log"; chmod 700 "$E2E_RUN"

# One cgroup below our own in each hierarchy: inside it is the root, and it can be removed as a whole.
name=switchboard-e2e-$$
while IFS=: read -r _ controller path; do
  [ -n "$controller" ] || continue
  top=$(hierarchy "$controller")
  [ -n "$top" ] || continue
  dir=${top}${path%/}/$name; mkdir "$dir"; echo "$dir" >>"$E2E_RUN/cgroups"
  if [ "$controller" = cpuset ]; then for file in cpuset.cpus cpuset.mems; do cat "${dir%/*}/$file" >"$dir/$file"; done; fi
  echo "${controller#name=} $controller" >>"$E2E_RUN/controllers"
done </proc/self/cgroup

trap '"$here/teardown.sh"' EXIT; trap 'exit 143' TERM; trap 'exit 130' INT
( while read -r dir; do echo "$BASHPID" >"$dir/cgroup.procs"; done <"$E2E_RUN/cgroups"
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child --mount-proc bash "$here/box.sh" "$@" ) <&0 &
echo $! >"$E2E_RUN/box.pid"
status=0; wait $! || status=$?
exit $status
