# Read by scenarios.sh: what they are told in.
# shellcheck shell=bash
NAMESPACE=switchboard-system CHART=deploy/chart VALUES=$E2E_RUN/values.yaml
PLIVO=https://$NODE_IP:8443 CARRIERX=https://$NODE_IP:8444 CA=$E2E_RUN/tls/ca.pem
export HELM_CACHE_HOME=$E2E_RUN/helm HELM_CONFIG_HOME=$E2E_RUN/helm HELM_DATA_HOME=$E2E_RUN/helm

PASSED=() CURRENT=''
# name, sentence: runs the function of that name.
scenario() {
  case " install ${E2E_ONLY:-$1} " in *" $1 "*) ;; *) return 0 ;; esac
  local begin=$SECONDS
  CURRENT=$2
  "$1"
  PASSED+=("$2"); CURRENT=''
  echo "ok - $2 ($((SECONDS - begin)) s)"
}

# What is needed to understand a failure goes to standard error; the logs of the cluster stay in the folder of the run.
ended() {
  local status=$?
  set +e
  [ -n "$CURRENT" ] || [ $status -ne 0 ] || { echo "e2e: ${#PASSED[@]} scenarios passed, 0 failed"; return 0; }
  {
    echo "not ok - $CURRENT"
    kubectl get pods,jobs --all-namespaces -o wide
    kubectl get sipendpoints,phonenumberbindings,provideraccounts --all-namespaces -o wide
    kubectl get events --all-namespaces --sort-by=.metadata.creationTimestamp | tail -n 25
    for pod in $(kubectl -n $NAMESPACE get pods -o name); do
      kubectl -n $NAMESPACE logs "$pod" --previous --tail=60 2>/dev/null | sed "s|^|$pod, before: |"
      kubectl -n $NAMESPACE logs "$pod" --tail=150 | sed "s|^|$pod: |"
    done
    echo "e2e: ${#PASSED[@]} scenarios passed, 1 failed: $CURRENT; logs of the cluster are in $E2E_RUN/log"
  } >&2
  exit 1
}

die() { echo "e2e: $*" >&2; exit 1; }
same() { [ "$2" = "$3" ] || die "$1: wanted ${2@Q}, there is ${3@Q}"; }
contains() { grep -qF -- "$2" <<<"$3" || die "$1: no ${2@Q} in: $3"; }
# Seconds, what, command: until it succeeds. What it prints is in $SAID.
eventually() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until SAID=$("$@" 2>&1); do
    [ $SECONDS -lt $end ] || die "not in time: $what: $SAID"
    sleep 0.2
  done
}

# install or upgrade, more arguments of helm.
deploy() { helm "$1" switchboard $CHART --namespace $NAMESPACE --values "$VALUES" --wait --timeout 150s "${@:2}" >/dev/null; }
pods() { kubectl -n $NAMESPACE get pods --selector app.kubernetes.io/name=switchboard --field-selector status.phase=Running "$@"; }
# The container of a Pod, as containerd calls it.
container() { local id; id=$(kubectl -n $NAMESPACE get "$1" -o 'jsonpath={.status.containerStatuses[0].containerID}'); echo "${id#containerd://}"; }
# Container: ends its process without a word, as the kernel would.
strike() { ctr --namespace k8s.io tasks kill --signal SIGKILL "$1"; }

# Provider, method, path, body: the admin interface of its simulator.
admin() {
  local url=$PLIVO
  [ "$1" = plivo ] || url=$CARRIERX
  curl --silent --show-error --fail-with-body --max-time 10 --cacert "$CA" --request "$2" ${4:+--data "$4"} "$url/_sandbox$3"
}
# Provider: the number of the last effect so far.
mark() { admin "$1" GET /ledger | jq 'map(.seq) | max // 0'; }
# Provider, mark: what the operator has done since, sorted, one effect in a line.
effects() { admin "$1" GET "/ledger?since=$2" | jq -r '.[] | select(.actor == "api").op' | sort | uniq -c | awk '{ print $1, $2 }'; }
# Number, filter of jq: creates at Plivo since this request that are so.
creates() {
  admin plivo GET "/requests?since=$1" | jq "[.[] | select(.method == \"POST\" and (.path | endswith(\"/Endpoint/\")) and $2)] | length"
}
# A create is under way.
creating() { [ "$(creates 0 '.duration_ms == null')" -gt 0 ]; }
requests() { admin plivo GET /requests | jq length; }

# namespace, object, type of the condition, member.
condition() { kubectl -n "$1" get "$2" -o "jsonpath={.status.conditions[?(@.type==\"$3\")].$4}"; }
reason() { [ "$(condition "$1" "$2" Ready reason)" = "$3" ]; }
gone() { ! kubectl -n "$1" get "$2" >/dev/null 2>&1; }
# namespace, objects: until they are ready, as of their last change.
ready() { kubectl -n "$1" wait --for=condition=Ready --timeout=120s "${@:2}" >/dev/null; }
# namespace, name, more of spec.plivo.
endpoint() {
  jq -n --arg namespace "$1" --arg name "$2" --argjson more "${3:-{\}}" '{apiVersion: "switchboard.dev/v1alpha1", kind: "SipEndpoint",
    metadata: {name: $name, namespace: $namespace},
    spec: {accountRef: {name: "plivo"}, plivo: ({alias: $name, passwordSecretRef: {name: "sip", key: "password"}} + $more)}}'
}
# namespace: what accounts and endpoints at Plivo need there.
secrets() {
  kubectl -n "$1" create secret generic plivo-credentials --from-literal=auth_id=MASANDBOX00000000000 \
    --from-literal=auth_token=sandboxsandboxsandboxsandboxsandboxtoken >/dev/null
  kubectl -n "$1" create secret generic sip --from-literal=password="$(LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 24)" >/dev/null
}
# namespace, mark, names: each of these has one endpoint at Plivo that was created once since, and nothing else was done.
once_each() {
  local namespace=$1 since=$2
  shift 2
  same "effects at Plivo" "$# create_endpoint" "$(effects plivo "$since")"
  same "endpoints of the objects and of the provider" \
    "$(admin plivo GET "/ledger?since=$since" | jq -r '.[].id' | sort)" \
    "$(for name in "$@"; do kubectl -n "$namespace" get sipendpoint "$name" -o 'jsonpath={.status.endpoint_id}{"\n"}'; done | sort)"
}
