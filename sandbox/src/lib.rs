//! A telephony provider and a Kubernetes control plane on one machine, for trying Switchboard out and for its tests.
//!
//! * [`control_plane`]: a real etcd, kube-apiserver and kube-controller-manager on loopback
//! * [`plivo`]: the Plivo simulator, with a ledger of what was really done; [`faults`]: scripts of what goes wrong;
//!   [`admin_client`]: the interface for tests; [`http`]: a server that can cut connections
//! * [`up`], [`cli_plivo`]: the commands that keep them running until they are interrupted
//! * [`demo`]: the story that `make demo` tells
//! * [`canaries`]: secrets that tests look for where they have no business
//! * [`process`]: child processes that cannot outlive this one

pub mod admin_client;
pub mod canaries;
pub mod cli_plivo;
pub mod control_plane;
pub mod demo;
pub mod faults;
pub mod http;
pub mod plivo;
pub mod process;
pub mod up;
