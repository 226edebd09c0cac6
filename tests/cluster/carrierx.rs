//! CarrierX on the real API server: static peers, hosted applications, and the numbers that are led to them. What was done is asked of the
//! provider's ledger, never of the operator.

mod kills;
mod life;
mod lost;
mod numbers;
mod others;
mod rebinding;
mod refused;
mod stage;
mod switches;
