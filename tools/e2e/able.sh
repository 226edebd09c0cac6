# Read by others: leaves with 77 where this machine cannot run a node, and says why. Nothing is changed by looking.
# shellcheck shell=bash
cannot() { echo "e2e: THIS MACHINE CANNOT RUN A NODE: $*" >&2; exit 77; }

# Where the hierarchy of a controller of cgroup v1 is mounted; nothing if it is not.
hierarchy() {
  awk -v wanted="$1" '$(NF-2) == "cgroup" { n = split($NF, options, ","); for (i = 1; i <= n; i++) if (options[i] == wanted) { print $5; exit } }' /proc/self/mountinfo
}

[ "$(id -u)" = 0 ] || cannot "it needs root"
for program in unshare ip openssl curl jq dpkg apt-get python3; do
  command -v "$program" >/dev/null || cannot "$program is missing"
done
for controller in memory pids cpu devices; do
  [ -n "$(hierarchy "$controller")" ] || cannot "cgroup v1 has no $controller here, and cgroup v2 is not supported by these scripts yet"
done
# What containerd and the bridge plugin will ask of the kernel.
unshare --mount --net --pid --fork bash -c '
  set -e
  mount -t tmpfs tmpfs /mnt; mkdir /mnt/lower /mnt/upper /mnt/work /mnt/all
  mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/all
  ip link add type bridge; ip link add type veth' >/dev/null 2>&1 || cannot "namespaces, overlayfs, bridge or veth are not to be had"
