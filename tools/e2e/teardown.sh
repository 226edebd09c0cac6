#!/usr/bin/env bash
# Removes what a run left, also one that was killed: ends the cluster (processes, mounts and interfaces go with it), then its cgroups. Logs
# stay. run.sh calls it before and after.
# E2E_RUN: the folder of the run.
set -uo pipefail
: "${E2E_RUN:?}"
if pid=$(cat "$E2E_RUN/box.pid" 2>/dev/null); then
  case "$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" in
    unshare*/box.sh*)
      init=$(cat "/proc/$pid/task/$pid/children"); init=${init:-$pid}; init=${init% }
      kill -KILL "$init" "$pid" 2>/dev/null
      for _ in $(seq 100); do [ -d "/proc/$init" ] || break; sleep 0.1; done ;;
  esac
  rm -f "$E2E_RUN/box.pid"
fi
[ -e "$E2E_RUN/cgroups" ] || exit 0
for _ in $(seq 100); do
  left=0
  while read -r dir; do
    [ ! -d "$dir" ] || { find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null; [ ! -d "$dir" ] || left=1; }
  done <"$E2E_RUN/cgroups"
  [ $left = 1 ] || { rm -f "$E2E_RUN/cgroups" "$E2E_RUN/controllers"; exit 0; }
  sleep 0.1
done
echo "e2e: cgroups are left:" >&2; xargs -r ls -d <"$E2E_RUN/cgroups" >&2; exit 1
