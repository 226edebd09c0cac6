//! The create protocol under a model checker. The leaders run the shipping `core::endpoint::next`, learn through the shipping
//! `core::memory` and write what the shipping `core::status` computes; API server, provider, people and time are modelled, small
//! enough that every order of events is tried.

pub mod ablation;
pub mod acts;
pub mod besides;
pub mod brakes;
pub mod canon;
pub mod invariants;
pub mod leader;
pub mod learnt;
pub mod lesson;
pub mod mind;
pub mod named;
pub mod numbers;
pub mod provider;
pub mod quiet;
pub mod report;
pub mod rows;
pub mod run;
pub mod safeguards;
pub mod search;
pub mod server;
pub mod shown;
pub mod state;
pub mod trace;
pub mod view;
pub mod world;
pub mod worlds;
