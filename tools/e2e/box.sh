#!/usr/bin/env bash
# The inside of run.sh: process 1 of its namespaces. When it ends, the kernel removes the rest.
set -euo pipefail
export PATH=$E2E_PROGRAMS:$E2E_NODE:$PATH NODE_IP=10.99.0.1
NODE=e2e SERVICE_IP=10.96.0.1 LOG=$E2E_RUN/log RUN=/run/e2e PKI=/run/e2e/pki
now() { date +%s%3N; }
begin=$(now)
said() { echo "e2e: $* after $(($(now) - begin)) ms"; }

# Mounts are shared inside, as the kubelet needs it, and unknown outside. /run, the cluster's data and what is written below /var stay in memory.
mount --make-rshared /
mount -t sysfs sysfs /sys; mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while read -r dir controller; do
  mkdir "/sys/fs/cgroup/$dir"; mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$dir"
done <"$E2E_RUN/controllers"
mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/var/up /run/var/work $PKI $RUN/fake; chmod 700 $PKI
mount -t overlay -o lowerdir=/var,upperdir=/run/var/up,workdir=/run/var/work overlay /var
# The kubelet sets these for the whole kernel; let it write to copies.
for file in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  cat "/proc/sys/$file" >"$RUN/fake/${file//\//.}"; mount --bind "$RUN/fake/${file//\//.}" "/proc/sys/$file"
done
hostname $NODE
# The API server listens on port 443 of every address, so its Service address needs no proxy.
ip link set lo up; ip addr add $NODE_IP/32 dev lo; ip addr add $SERVICE_IP/32 dev lo

spawn() { local name=$1; shift; "$@" >"$LOG/$name.log" 2>&1 </dev/null & eval "pid_${name//-/_}=$!"; }
# Passes while this program runs and the start has not taken three minutes.
alive() {
  local pid=pid_${1//-/_} why=died
  [ $(($(now) - begin)) -lt 180000 ] || why="is not ready after 180 s"
  if [ "$why" != died ] || ! kill -0 "${!pid}" 2>/dev/null; then tail -20 "$LOG/$1.log" >&2; echo "e2e: $1 $why" >&2; exit 1; fi
}
token() { openssl rand -hex 24; }
kubeconfig() { # token file
  cat >"$2" <<K
apiVersion: v1
kind: Config
current-context: e2e
clusters: [{name: e2e, cluster: {server: "https://$NODE_IP:443", certificate-authority-data: $(base64 -w0 $PKI/apiserver.crt)}}]
users: [{name: e2e, user: {token: $1}}]
contexts: [{name: e2e, context: {cluster: e2e, user: e2e}}]
K
  chmod 600 "$2"
}
quiet() { "$@" 2>/dev/null; }

EC=(-pkeyopt ec_paramgen_curve:prime256v1 -nodes)
quiet openssl ecparam -name prime256v1 -genkey -noout -out $PKI/sa.key; quiet openssl ec -in $PKI/sa.key -pubout -out $PKI/sa.pub
quiet openssl req -x509 -newkey ec "${EC[@]}" -days 2 -subj /CN=e2e-ca -keyout $PKI/ca.key -out $PKI/ca.crt
quiet openssl req -newkey ec "${EC[@]}" -subj /O=system:masters/CN=apiserver -keyout $PKI/kubelet-client.key -out $PKI/kubelet-client.csr
quiet openssl x509 -req -in $PKI/kubelet-client.csr -CA $PKI/ca.crt -CAkey $PKI/ca.key -CAcreateserial -days 2 -out $PKI/kubelet-client.crt
ADMIN=$(token) CONTROLLERS=$(token) SCHEDULER=$(token) KUBELET=$(token)
cat >$PKI/tokens.csv <<K
$ADMIN,admin,admin,"system:masters"
$CONTROLLERS,system:kube-controller-manager,controllers
$SCHEDULER,system:kube-scheduler,scheduler
$KUBELET,system:node:$NODE,kubelet,"system:nodes"
K
chmod 600 $PKI/*

spawn etcd etcd --name=e2e --data-dir=$RUN/etcd --unsafe-no-fsync --listen-client-urls=unix://$RUN/etcd.sock \
  --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:0 --log-level=warn
cat >$RUN/containerd.toml <<K
version = 2
root = "$RUN/containerd"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:e2e"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$E2E_NODE/cni"
conf_dir = "$RUN/cni"
K
mkdir $RUN/cni; cat >$RUN/cni/10-bridge.conflist <<K
{"cniVersion": "1.0.0", "name": "e2e", "plugins": [{"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]]}}]}
K
spawn containerd containerd --config $RUN/containerd.toml
until [ -S $RUN/etcd.sock ]; do alive etcd; sleep 0.02; done
spawn apiserver kube-apiserver --etcd-servers=unix://$RUN/etcd.sock --secure-port=443 --advertise-address=$NODE_IP --cert-dir=$PKI \
  --token-auth-file=$PKI/tokens.csv --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=$PKI/sa.pub --service-account-signing-key-file=$PKI/sa.key \
  --service-cluster-ip-range=10.96.0.0/16 --kubelet-client-certificate=$PKI/kubelet-client.crt --kubelet-client-key=$PKI/kubelet-client.key \
  --kubelet-preferred-address-types=InternalIP --enable-aggregator-routing=true
until [ -s $PKI/apiserver.crt ]; do alive apiserver; sleep 0.02; done
export KUBECONFIG=$E2E_RUN/kubeconfig
kubeconfig "$ADMIN" "$KUBECONFIG"
for client in "$CONTROLLERS controllers" "$SCHEDULER scheduler" "$KUBELET kubelet"; do kubeconfig "${client% *}" "$PKI/${client#* }"; done
until quiet ctr version >/dev/null; do alive containerd; sleep 0.05; done
for image in "$E2E_NODE/pause.tar" ${E2E_IMAGES:-}; do ctr -n k8s.io images import "$image" >>"$LOG/import.log" 2>&1; done
said "containerd ready, images loaded"
ready() { curl -s --max-time 5 --cacert $PKI/apiserver.crt -H "Authorization: Bearer $ADMIN" https://$NODE_IP/readyz 2>/dev/null || true; }
until [ "$(ready)" = ok ]; do alive apiserver; sleep 0.05; done
said "API server ready"
spawn controllers kube-controller-manager --kubeconfig=$PKI/controllers --secure-port=0 --leader-elect=false --service-account-private-key-file=$PKI/sa.key \
  --root-ca-file=$PKI/apiserver.crt --use-service-account-credentials --kube-api-qps=500 --kube-api-burst=1000
spawn scheduler kube-scheduler --kubeconfig=$PKI/scheduler --secure-port=0 --leader-elect=false
echo "nameserver $NODE_IP" >$RUN/resolv.conf
cat >$RUN/kubelet.yaml <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
resolvConf: $RUN/resolv.conf
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
localStorageCapacityIsolation: false
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
volumePluginDir: /var/lib/kubelet/volume-plugins
K
spawn kubelet kubelet --config=$RUN/kubelet.yaml --kubeconfig=$PKI/kubelet --hostname-override=$NODE --node-ip=$NODE_IP
until quiet kubectl get node $NODE -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -q True; do
  for name in kubelet controllers scheduler containerd; do alive $name; done; sleep 0.1
done
said "node ready"
until quiet kubectl -n default get serviceaccount/default configmap/kube-root-ca.crt >/dev/null; do alive controllers; sleep 0.05; done
said "cluster ready"
status=0; "$@" || status=$?
said "command ended with $status"
exit $status
