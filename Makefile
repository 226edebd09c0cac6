.PHONY: demo test e2e proof lint crds chart image

# The story: a cluster, a provider and the operator on this machine, from `kubectl apply` to an empty provider.
demo:
	tools/build.sh >/dev/null
	cargo build --workspace
	cargo run --quiet --package sandbox -- demo

# Everything, against a real kube-apiserver and the simulator. Needs Rust and Go; the first run builds the control plane. Six tests at
# a time whatever the machine: they wait (for settle times, for budgets) far more than they work.
test:
	tools/build.sh etcd kube-apiserver kube-controller-manager kubectl helm >/dev/null
	RUST_TEST_THREADS=6 cargo test --workspace --features switchboard/failpoints

# The image and the chart as people use them, on a node of its own: kubelet, containerd, the operator as a Pod, providers over TLS. Needs root;
# status 77 says that this machine cannot run a node.
e2e:
	tools/e2e.sh

# The create protocol under the model checker, in larger worlds than `make test`: some minutes. Writes the tables of docs/guarantees.md.
proof:
	cargo run --quiet --package proof -- --write docs/guarantees.md

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features switchboard/failpoints -- -D warnings

# After a change of src/api; a test compares.
crds:
	cargo run --quiet --package switchboard -- crds --dir crds
	$(MAKE) chart

# After a change of crds/ or deploy/: what the chart is made of, and deploy/switchboard.yaml, which is rendered from it; tests compare.
chart:
	tools/chart.sh

# The image as an OCI archive, with its bill of materials, into target/image. Needs no container daemon.
image:
	tools/image.sh
