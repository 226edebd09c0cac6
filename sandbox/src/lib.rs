//! A telephony provider and a Kubernetes control plane on one machine, for trying Switchboard out and for tests.
//!
//! * [`control_plane`]: a real etcd, kube-apiserver and kube-controller-manager on loopback
//! * [`up`]: the commands that keep them running until they are interrupted
//! * [`process`]: child processes that cannot outlive this one

pub mod control_plane;
pub mod process;
pub mod up;
