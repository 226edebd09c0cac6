#!/usr/bin/env bash
# The scenarios, one after the other, inside run.sh. What was done is asked of the provider's ledger, never of the operator.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/e2e/lib.sh
. tools/e2e/lib.sh
trap ended EXIT

install() {
  # The providers, on the node, with an authority that nobody knows.
  "$SANDBOX" plivo --listen "$NODE_IP:8443" --tls "$E2E_RUN/tls" >"$E2E_RUN/log/plivo.log" 2>&1 &
  "$SANDBOX" carrierx --listen "$NODE_IP:8444" --tls "$E2E_RUN/tls" >"$E2E_RUN/log/carrierx.log" 2>&1 &
  python3 tools/e2e/dns.py "$NODE_IP" >"$E2E_RUN/log/dns.log" 2>&1 &
  eventually 20 "Plivo is there" admin plivo GET /ledger
  eventually 20 "CarrierX is there" admin carrierx GET /ledger

  kubectl create namespace $NAMESPACE >/dev/null
  kubectl label namespace $NAMESPACE pod-security.kubernetes.io/enforce=restricted >/dev/null
  said=$(kubectl -n $NAMESPACE run careless --image=localhost/pause:e2e --dry-run=server 2>&1) && die "Pod Security is not enforced"
  contains "a careless Pod" "violates PodSecurity" "$said"
  kubectl -n $NAMESPACE create configmap sandbox-ca --from-file=ca.crt="$CA" >/dev/null
  # All times of the protocol scale with the settle time; none is left out. The image is that of the chart's own defaults.
  cat >"$VALUES" <<K
installationId: e2e
createNamespaces: true
namespaces: [{name: voice}]
provider: {ca: {configMap: sandbox-ca}}
extraArgs: ["--plivo-url=$PLIVO", "--carrierx-url=$CARRIERX", "--settle=30s", "--sweep-period=2s", "--retry-base=200ms"]
K
  # First to a provider by a name that the cluster's DNS knows and its certificate does not.
  sed "s|$PLIVO|https://plivo.e2e.test:8443|" "$VALUES" >"$VALUES.name"
  helm install switchboard $CHART --namespace $NAMESPACE --values "$VALUES.name" --wait --timeout 150s >/dev/null
  same "Pods" 1 "$(pods -o name | wc -l)"
  pod=$(pods -o name)
  version=$(awk '$1 == "appVersion:" { print $2 }' $CHART/Chart.yaml | tr -d '"')
  same "image" "switchboard.dev/switchboard:$version" "$(kubectl -n $NAMESPACE get "$pod" -o 'jsonpath={.spec.containers[0].image}')"
  same "restarts" 0 "$(kubectl -n $NAMESPACE get "$pod" -o 'jsonpath={.status.containerStatuses[0].restartCount}')"

  # What the kernel says about its process.
  pid=$(ctr --namespace k8s.io tasks ls | awk -v id="$(container "$pod")" '$1 == id { print $2 }')
  facts=$(cat "/proc/$pid/status")
  contains "user" $'Uid:\t65532\t65532\t65532\t65532' "$facts"
  contains "capabilities" $'CapBnd:\t0000000000000000' "$facts"
  contains "privileges" $'NoNewPrivs:\t1' "$facts"
  contains "seccomp" $'Seccomp:\t2' "$facts"
  said=$(touch "/proc/$pid/root/file" 2>&1) && die "its root is not read-only"
  contains "root" "Read-only file system" "$said"
  said=$(kubectl -n $NAMESPACE exec "$pod" -- /bin/sh -c true 2>&1) && die "there is a shell in the image"
  contains "shell" "no such file" "$said"

  # Names are looked up, and the one in the certificate counts.
  secrets voice
  kubectl -n voice apply -f deploy/samples/account.yaml >/dev/null
  eventually 60 "the certificate is refused" reason voice provideraccount/plivo ProviderUnreachable
  contains "the account" "wrong host name in the certificate" "$(condition voice provideraccount/plivo Ready message)"
  same "requests that reached Plivo" 0 "$(admin plivo GET /requests | jq length)"
  deploy upgrade
  ready voice provideraccount/plivo
}

life() {
  local plivo carrierx
  admin plivo POST /applications '{"app_name": "reception", "app_id": "16638156474000802"}' >/dev/null
  admin plivo POST /numbers '{"number": "14155550100"}' >/dev/null
  admin carrierx POST /dids '{"phonenumber": "493055550100"}' >/dev/null
  plivo=$(mark plivo) carrierx=$(mark carrierx)
  kubectl -n voice create secret generic carrierx-credentials --from-literal=token=sandbox-token >/dev/null
  endpoint voice alice | kubectl apply -f - >/dev/null
  for sample in binding-application carrierx-account carrierx-peer carrierx-binding-endpoint; do
    kubectl -n voice apply -f "deploy/samples/$sample.yaml" >/dev/null
  done
  ready voice sipendpoint/alice sipendpoint/pbx-berlin phonenumberbinding/hotline phonenumberbinding/berlin
  same "after the creates at Plivo" $'1 create_endpoint\n1 update_number' "$(effects plivo "$plivo")"
  same "after the creates at CarrierX" $'1 create_endpoint\n1 create_trunk\n1 create_trunk_group\n1 update_did' "$(effects carrierx "$carrierx")"
  endpoint voice alice '{"alias": "hall"}' | kubectl apply -f - >/dev/null
  ready voice sipendpoint/alice
  same "alias at Plivo" hall "$(admin plivo GET "/ledger?since=$plivo" | jq -r '.[] | select(.op == "update_endpoint").after.alias')"
  kubectl -n voice delete --timeout=120s phonenumberbindings --all >/dev/null
  kubectl -n voice delete --timeout=120s sipendpoints --all >/dev/null
  same "at Plivo" $'1 create_endpoint\n1 delete_endpoint\n1 update_endpoint\n2 update_number' "$(effects plivo "$plivo")"
  same "at CarrierX" \
    $'1 create_endpoint\n1 create_trunk\n1 create_trunk_group\n1 delete_endpoint\n1 delete_trunk\n1 delete_trunk_group\n2 update_did' \
    "$(effects carrierx "$carrierx")"
}

consent() {
  local since command
  kubectl create namespace sales >/dev/null
  secrets sales
  kubectl -n sales apply -f deploy/samples/account.yaml >/dev/null
  since=$(mark plivo)
  endpoint sales bob | kubectl apply -f - >/dev/null
  for time in "before there is consent" "after it was withdrawn"; do
    eventually 100 "$time, the account says so" reason sales provideraccount/plivo SecretAccessDenied
    eventually 100 "$time, the endpoint says so" reason sales sipendpoint/bob SecretAccessDenied
    # The command that the condition shows, and nothing else.
    command=$(condition sales sipendpoint/bob Ready message | grep -o 'kubectl [^;]*')
    echo "  $time: $command"
    bash -c "$command" >/dev/null
    ready sales provideraccount/plivo sipendpoint/bob
    once_each sales "$since" bob
    [ "$time" = "after it was withdrawn" ] || kubectl -n sales delete rolebinding switchboard-secret-reader >/dev/null
  done
  kubectl -n sales delete --timeout=120s sipendpoint/bob provideraccount/plivo >/dev/null
}

# To the same program: the image "next" has another tag, and nothing else is different. This is about Pods that take turns, and says nothing of
# what another version makes of the objects.
upgrade() {
  local since names=() pod slow
  # Long enough for Helm to come in between: a create may take 2/15 of the settle time, on which old and new Pod have to agree.
  slow=(--set-json "extraArgs=[\"--plivo-url=$PLIVO\", \"--carrierx-url=$CARRIERX\", \"--settle=90s\", \"--sweep-period=2s\"]")
  deploy upgrade "${slow[@]}"
  since=$(mark plivo) pod=$(pods -o name)
  for index in 1 2 3 4 5 6; do names+=("fleet-$index"); done
  # Each create is carried out at once and answered late.
  admin plivo PUT /faults '[{"match": {"method": "POST", "path": "/Endpoint/$"}, "delay_ms": 8000}]' >/dev/null
  for name in "${names[@]}"; do endpoint voice "$name"; done | kubectl apply -f - >/dev/null
  eventually 30 "a create is under way" creating
  helm upgrade switchboard $CHART --namespace $NAMESPACE --values "$VALUES" "${slow[@]}" --set image.tag=next --set log.format=text --set log.filter=debug >/dev/null
  told() { [ -n "$(kubectl -n $NAMESPACE get "$pod" -o 'jsonpath={.metadata.deletionTimestamp}')" ]; }
  eventually 30 "the old Pod is told to stop" told
  creating || die "the old Pod was told to stop after its creates"
  kubectl -n $NAMESPACE rollout status deployment/switchboard --timeout=150s >/dev/null
  same "image" switchboard.dev/switchboard:next "$(pods -o 'jsonpath={.items[0].spec.containers[0].image}')"
  ready voice "${names[@]/#/sipendpoint/}"
  admin plivo DELETE /faults >/dev/null
  once_each voice "$since" "${names[@]}"
  deploy upgrade
}

# name, rule of the fault: the process ends while the create is under way.
killed() {
  local since number pod container restarts
  since=$(mark plivo) number=$(requests) pod=$(pods -o name) container=$(container "$pod")
  restarts=$(kubectl -n $NAMESPACE get "$pod" -o 'jsonpath={.status.containerStatuses[0].restartCount}')
  admin plivo PUT /faults "[{\"match\": {\"method\": \"POST\", \"path\": \"/Endpoint/\$\", \"count\": 1}, $2}]" >/dev/null
  endpoint voice "$1" | kubectl apply -f - >/dev/null
  eventually 30 "the create is under way" creating
  strike "$container"
  restarted() { [ "$(kubectl -n $NAMESPACE get "$pod" -o 'jsonpath={.status.containerStatuses[0].restartCount}')" = $((restarts + 1)) ]; }
  eventually 60 "the kubelet starts it again" restarted
  ready voice "sipendpoint/$1"
  admin plivo DELETE /faults >/dev/null
  once_each voice "$since" "$1"
  same "creates whose answer nobody heard" 1 "$(creates "$number" '(.answered | not)')"
}

node_kill() {
  # Carried out after the process is gone, and before.
  killed killed-early '"execute_delay_ms": 2000, "delay_ms": 3500'
  killed killed-late '"delay_ms": 3500'
}

leader() {
  local since number names=() pod container
  deploy upgrade --set replicas=2
  two() { [ "$(pods -o 'jsonpath={range .items[*]}{.status.containerStatuses[0].ready}{"\n"}{end}' | grep -c true)" = 2 ]; }
  eventually 120 "two Pods are ready" two
  # The Pod that holds the Lease; without one there is nothing to be tested.
  leading() {
    local holder each
    holder=$(kubectl -n $NAMESPACE get lease switchboard -o 'jsonpath={.spec.holderIdentity}')
    for each in $(pods -o name); do case $holder in *"${each#pod/}"*) echo "$each"; return ;; esac; done
    echo "the Lease is held by ${holder:-nobody}"; return 1
  }
  eventually 60 "one of the Pods leads" leading
  pod=$SAID
  echo "  killed: $pod, which leads according to the Lease"
  since=$(mark plivo) number=$(requests) container=$(container "$pod")
  for index in 1 2 3 4; do names+=("shared-$index"); done
  admin plivo PUT /faults '[{"match": {"method": "POST", "path": "/Endpoint/$"}, "delay_ms": 3500}]' >/dev/null
  for name in "${names[@]}"; do endpoint voice "$name"; done | kubectl apply -f - >/dev/null
  eventually 60 "a create is under way" creating
  strike "$container"
  kubectl -n $NAMESPACE delete "$pod" --grace-period=0 --force >/dev/null 2>&1
  ready voice "${names[@]/#/sipendpoint/}"
  admin plivo DELETE /faults >/dev/null
  once_each voice "$since" "${names[@]}"
  [ "$(creates "$number" '(.answered | not)')" -gt 0 ] || die "the leader was lost after its creates"
  eventually 120 "two Pods are ready again" two
}

uninstall() {
  local since count said left
  deploy upgrade
  endpoint voice last | kubectl apply -f - >/dev/null
  ready voice sipendpoint/last
  since=$(mark plivo) count=$(kubectl get sipendpoints --all-namespaces -o name | wc -l)
  said=$(helm uninstall switchboard --namespace $NAMESPACE --wait --timeout 120s 2>&1) && die "it was uninstalled although there are objects"
  contains "what helm says" "Left are $count SipEndpoint" "$said"
  contains "the log of the Job" "SipEndpoint voice/last" "$(kubectl -n $NAMESPACE logs job/switchboard-uninstall-check)"
  contains "the status of its Pod, for those who may not read logs" "kubectl delete sipendpoints" "$(kubectl -n $NAMESPACE get pods \
    --selector app.kubernetes.io/name=switchboard-uninstall-check -o 'jsonpath={.items[0].status.containerStatuses[0].state.terminated.message}')"
  one() { [ "$(pods -o name | wc -l)" = 1 ]; }
  eventually 60 "the operator goes on as before" one
  left=$(effects plivo "$since")
  same "effects of the refusal" "" "$left"
  # The same look by hand, for those whose tool runs no hooks.
  said=$(kubectl -n $NAMESPACE exec deploy/switchboard -- /switchboard uninstall-check 2>&1) && die "the look by hand finds nothing"
  contains "the look by hand" "Left are $count SipEndpoint" "$said"

  # In the order that the documentation gives.
  kubectl delete --timeout=120s sipendpoints,phonenumberbindings --all --all-namespaces >/dev/null
  kubectl delete --timeout=120s provideraccounts --all --all-namespaces >/dev/null
  same "effects" "$count delete_endpoint" "$(effects plivo "$since")"
  helm uninstall switchboard --namespace $NAMESPACE --wait --timeout 120s >/dev/null
  none() { [ -z "$(kubectl -n $NAMESPACE get pods,jobs,deployments -o name)" ]; }
  eventually 90 "nothing is left in its namespace" none
  same "definitions" 4 "$(kubectl get crds -o name | grep -c 'switchboard\.dev$')"
  left=$(kubectl get clusterroles -o name)
  same "ClusterRoles" "" "$(grep switchboard <<<"$left" || true)"
  same "endpoints at Plivo" 0 "$(admin plivo GET /state | jq '[.accounts[].endpoints | length] | add')"
}

scenario install "Helm installs it where Pod Security is restricted; names, certificates, user and root are as they should be"
scenario life "an endpoint and a number at each provider are made once, changed, and removed once"
scenario consent "consent is missing, given by the command that is shown, withdrawn, and given again"
scenario upgrade "an upgrade to the same program under another tag, while creates are under way, leaves one endpoint for each object"
scenario node_kill "a process killed in the middle of a create leaves one endpoint"
scenario leader "of two replicas the one that leads is lost in the middle of creates: one endpoint for each object"
scenario uninstall "an uninstall is refused while there are objects, and leaves nothing when there are none"
