#!/usr/bin/env bash
# Brings into the chart what it is made of (definitions, rights, policies, alerts, dashboard: Helm reads no file outside the chart), and renders
# deploy/switchboard.yaml, for those who have no Helm. Tests compare both.
# usage: chart.sh [--render]   (--render: print deploy/switchboard.yaml as it has to be, and change nothing)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
helm=$(tools/build.sh helm)/helm
files=deploy/chart/files

render() {
  cat <<'HEAD'
# Made by `make chart` from deploy/chart with its default values; edit that.
#
#   kubectl apply --server-side -f deploy/switchboard.yaml
#
# Do not delete with it: the definitions are in here, and all objects would go with them.
apiVersion: v1
kind: Namespace
metadata:
  name: switchboard-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
HEAD
  # Hooks are for Helm: applied with the rest, the check before an uninstall would run at once.
  "$helm" template switchboard deploy/chart --namespace switchboard-system --no-hooks
}

if [ "${1:-}" != --render ]; then
  mkdir -p "$files/crds" "$files/namespaced"
  rm -f "$files"/crds/*.yaml
  cp crds/*.yaml "$files/crds/"
  cp deploy/namespaced/*.yaml "$files/namespaced/"
  cp deploy/rbac.yaml deploy/admission.yaml deploy/prometheus/alerts.yaml "$files/"
  cp deploy/grafana/switchboard.json "$files/dashboard.json"
  render >deploy/.switchboard.yaml.part
  mv deploy/.switchboard.yaml.part deploy/switchboard.yaml
else
  render
fi
