//! Named places before and after every side effect, where tests stop the process to kill it from outside. Compiled to nothing
//! without the feature `failpoints`; a release build has none.
//!
//! `SWITCHBOARD_FAILPOINT=create.before` stops the first task that comes there, for ever, after saying so on standard error.
//! `SWITCHBOARD_FAILPOINT=create.before,freeze` stops the whole process there (SIGSTOP), until somebody sends it SIGCONT.
//! `SWITCHBOARD_FAILPOINT=create.before,hold=<file>` stops only that task, until there is such a file.
//! `SWITCHBOARD_FAILPOINT=group_create.before` is the same place for the trunk group of an endpoint.

/// The side effects that have a fail point. Each has `.before` and `.after`; `send`, between the last check and a
/// create, only the former; `rivals`, a look at the other
/// bindings of a number, too.
pub const POINTS: [&str; 16] = [
    "send",
    "finalizer",
    "intent",
    "create",
    "record",
    "close_epoch",
    "get",
    "delete",
    "release",
    "update",
    "tombstone",
    "previous",
    "placed",
    "rivals",
    "store_password",
    "connection",
];

/// Passes, unless the environment names this place.
pub async fn at(point: &'static str, side: &'static str) {
    of("", point, side).await;
}

/// As [`at`], for side effects of which there are several kinds: `whose` stands before the name of the point.
#[cfg(feature = "failpoints")]
pub async fn of(whose: &'static str, point: &'static str, side: &'static str) {
    use std::sync::atomic::{AtomicBool, Ordering};
    debug_assert!(POINTS.contains(&point), "{point} is not in the list of fail points");
    static REACHED: AtomicBool = AtomicBool::new(false);
    let setting = std::env::var("SWITCHBOARD_FAILPOINT").unwrap_or_default();
    let (wanted, how) = setting.split_once(',').unwrap_or((&setting, ""));
    if wanted == format!("{whose}{point}.{side}") && !REACHED.swap(true, Ordering::SeqCst) {
        eprintln!("failpoint {wanted} reached");
        match how {
            "freeze" => {
                let own = std::process::id().to_string();
                let sent = std::process::Command::new("kill").args(["-STOP", &own]).status();
                assert!(sent.is_ok_and(|sent| sent.success()), "kill -STOP {own}");
                // The thread that takes the signal may not be scheduled yet, and until it is this one would run on.
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            _ => match how.strip_prefix("hold=") {
                Some(file) => {
                    while !std::path::Path::new(file).exists() {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                }
                None => std::future::pending::<()>().await,
            },
        }
    }
}

/// Passes.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[allow(clippy::unused_async, reason = "the same signature as with the feature")]
pub async fn of(_whose: &'static str, _point: &'static str, _side: &'static str) {}
