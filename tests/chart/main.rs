//! The Helm chart, rendered with the real helm: what is in it and what is not, what it refuses, and that it ships what `deploy/` audits.
//! What the API server makes of it is in `tests/cluster/chart.rs`.

mod checks;
mod faults;
mod helm;
mod linters;
mod notes;
mod pages;
mod refused;
mod rendered;
mod shipped;
mod values;
