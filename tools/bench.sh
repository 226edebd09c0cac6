#!/usr/bin/env bash
# How long N endpoints take from apply to all ready, and what they cost: provider calls and API writes, counted by the provider's
# request log and by kube-apiserver, never by the operator. No figure here is a test: machines differ, ratios less so.
# usage: bench.sh [N]    (default 300; the simulator's rate limit is Plivo's, 300 calls per 5 s; the operator's budget its default)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
n=${1:-300}
cargo build --quiet --release --locked --workspace
dir=$(mktemp -d)
trap 'kill "${operator:-}" "${sandbox:-}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
target/release/sandbox up --dir "$dir/sandbox" >"$dir/ready" 2>"$dir/sandbox.log" &
sandbox=$!
until grep -q '^ready' "$dir/ready"; do kill -0 "$sandbox"; sleep 0.2; done
# shellcheck disable=SC1091
. "$dir/sandbox/env"
rss() { awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$1/status"; }
writes() { kubectl get --raw /metrics | awk '/^apiserver_request_total/ && /resource="sipendpoints"/ && /verb="PATCH"/ { sum += $2 } END { print sum + 0 }'; }
calls() { curl -s "$SWITCHBOARD_PLIVO_URL/_sandbox/requests" | python3 -c '
import collections, json, sys
requests = json.load(sys.stdin)
kinds = collections.Counter()
for request in requests:
    item = request["path"].rstrip("/").split("/")
    name = {"POST": "create" if item[-1] == "Endpoint" else "update", "DELETE": "delete"}.get(request["method"], "list" if item[-1] == "Endpoint" else "read")
    kinds[name + (" (429)" if request["status"] == 429 else "")] += 1
print(", ".join(f"{count} {name}" for name, count in sorted(kinds.items())), f"({len(requests)} in all)")'; }
KUBECONFIG=$dir/sandbox/operator.kubeconfig target/release/switchboard run --health-listen 127.0.0.1:0 2>"$dir/operator.log" &
operator=$!
kubectl create namespace bench >/dev/null
kubectl -n bench create secret generic plivo-credentials --from-literal=auth_id=MASANDBOX00000000000 --from-literal=auth_token=sandboxsandboxsandboxsandboxsandboxtoken >/dev/null
kubectl -n bench create secret generic sip --from-literal=password=hunter22hunter22 >/dev/null
kubectl -n bench apply -f deploy/samples/consent.yaml -f deploy/samples/account.yaml >/dev/null
kubectl -n bench wait --for=condition=Ready provideraccount/plivo --timeout=90s >/dev/null
sleep 5
echo "operator with 0 endpoints: $(rss "$operator"); binary $(du -h target/release/switchboard | cut -f1)"
for i in $(seq "$n"); do
  printf -- '---\napiVersion: switchboard.dev/v1alpha1\nkind: SipEndpoint\nmetadata: {name: desk%s, namespace: bench}\nspec: {accountRef: {name: plivo}, plivo: {alias: desk-%s, passwordSecretRef: {name: sip, key: password}}}\n' "$i" "$i"
done >"$dir/endpoints.yaml"
before=$(writes)
start=$(date +%s.%N)
kubectl create -f "$dir/endpoints.yaml" >/dev/null
applied=$(date +%s.%N)
# `kubectl wait` looks at one object after the other, slowly: count instead.
ready() { kubectl -n bench get sipendpoints -o jsonpath='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True || true; }
until [ "$(ready)" -eq "$n" ]; do sleep 0.2; done
end=$(date +%s.%N)
after=$(writes)
python3 - "$n" "$start" "$applied" "$end" "$before" "$after" <<'PY'
import math, sys
n, start, applied, end, before, after = (float(x) for x in sys.argv[1:])
bound = 5 * (math.ceil(n / 300) - 1)
print(f"{n:.0f} endpoints: {end - start:.1f} s from the first apply to all ready ({applied - start:.1f} s of it until kubectl had sent them)")
print(f"bound of the sliding window {bound:.1f} s, N/60 = {n / 60:.1f} s: ratio to N/60 {(end - start) / (n / 60):.2f}; at the default budget of 150 per 5 s the creates alone take {max(0, math.ceil(n / 142) - 1) * 5:.0f} s")
print(f"API writes of the operator: {after - before:.0f} = {(after - before) / n:.2f} for each")
PY
echo "provider calls since the start: $(calls)"
echo "operator with $n endpoints: $(rss "$operator")"
