//! A telephony provider and a Kubernetes control plane on one machine, for trying Switchboard out and for its tests.
//!
//! * [`control_plane`]: a real etcd, kube-apiserver and kube-controller-manager on loopback
//! * [`plivo`], [`carrierx`]: simulators of the providers, with a ledger of what was really done; [`simulator`]: what they share; [`faults`]: scripts of what goes wrong;
//!   [`admin_client`]: the interface for tests; [`http`]: a server that can cut connections; [`tls`]: HTTPS for it
//! * [`up`], [`cli_plivo`], [`cli_carrierx`]: the commands that keep them running until they are interrupted
//! * [`demo`]: the story that `make demo` tells
//! * [`canaries`]: secrets that tests look for where they have no business
//! * [`process`]: child processes that cannot outlive this one

pub mod admin_client;
pub mod canaries;
pub mod carrierx;
pub mod cli_carrierx;
pub mod cli_plivo;
pub mod control_plane;
pub mod demo;
pub mod faults;
pub mod http;
pub mod phone;
pub mod plivo;
pub mod process;
pub mod simulator;
pub mod tls;
pub mod up;
