//! How the story looks on a terminal.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::Instant,
};

use anyhow::Result;

use super::{scene::NAMESPACE, stage::Running};
use crate::up;

/// Prints the story. In colours on a terminal, unless `NO_COLOR` is set.
pub(super) struct Teller {
    colours: bool,
    number: Cell<usize>,
    title: RefCell<String>,
    begun: Instant,
}

const BOLD: &str = "1";
const FAINT: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

impl Teller {
    pub(super) fn to_stdout() -> Teller {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Teller { colours: io::stdout().is_terminal() && !plain, number: Cell::new(0), title: RefCell::default(), begun: Instant::now() }
    }

    /// A new scene, and why one would look at it.
    pub(super) fn scene(&self, title: &str, about: &str) {
        self.number.set(self.number.get() + 1);
        title.clone_into(&mut self.title.borrow_mut());
        self.line("");
        let at = self.painted(FAINT, &format!("[{:.1} s]", self.begun.elapsed().as_secs_f64()));
        self.line(&format!("{}  {at}", self.painted(BOLD, &format!("{}. {title}", self.number.get()))));
        for line in about.lines() {
            self.line(&format!("   {line}"));
        }
    }

    /// The scene that is being told, for errors.
    pub(super) fn place(&self) -> String {
        format!("the demo does not hold at {}. {}", self.number.get(), self.title.borrow())
    }

    /// A sentence between two commands.
    pub(super) fn say(&self, text: &str) {
        for line in text.lines() {
            self.line(&format!("   {line}"));
        }
    }

    /// A command that is run.
    pub(super) fn command(&self, command: &str) {
        self.line(&format!("   {} {}", self.painted(FAINT, "$"), self.painted(CYAN, command)));
    }

    /// What came back.
    pub(super) fn answer(&self, text: &str) {
        for line in text.trim_end().lines() {
            self.line(&format!("     {}", line.trim_end()));
        }
    }

    /// What was looked at and holds.
    pub(super) fn holds(&self, what: impl Display) {
        self.line(&format!("   {} {what}", self.painted(GREEN, "✓")));
    }

    /// How to go on by hand.
    pub(super) fn kept(&self, running: &Running) -> Result<()> {
        let env = running.write_env()?;
        self.line("");
        self.line(&self.painted(BOLD, "Everything keeps running until Ctrl-C. In another shell, from here:"));
        let here = up::quoted(&env.display().to_string());
        for (command, why) in [
            (format!(". {here}"), "kubectl, and SWITCHBOARD_PLIVO_URL of the simulator"),
            (format!("kubectl -n {NAMESPACE} get sipendpoints,provideraccounts -o wide"), ""),
            (format!("kubectl -n {NAMESPACE} describe sipendpoint alice"), "conditions and events"),
            (format!("kubectl -n {NAMESPACE} edit sipendpoint alice"), ""),
            ("curl -s $SWITCHBOARD_PLIVO_URL/_sandbox/state".to_owned(), "what the provider holds"),
            ("curl -s $SWITCHBOARD_PLIVO_URL/_sandbox/ledger".to_owned(), "what was done there, and by whom"),
            (format!("ID=$(kubectl -n {NAMESPACE} get sipendpoint bob -o 'jsonpath={{.status.endpoint_id}}')"), ""),
            (
                r#"curl -X PATCH $SWITCHBOARD_PLIVO_URL/_sandbox/endpoints/$ID -H content-type:application/json -d '{"alias": "mine"}'"#
                    .to_owned(),
                "an edit in the console",
            ),
            (format!("kubectl -n {NAMESPACE} delete sipendpoints --all"), "the scene that was left out"),
        ] {
            let why = if why.is_empty() { String::new() } else { self.painted(FAINT, &format!("   # {why}")) };
            self.line(&format!("  {}{why}", self.painted(CYAN, &command)));
        }
        self.line(&format!("  Logs, the operator's among them, are in {}.", running.log_folder().display()));
        Ok(())
    }

    /// Everything is over; of a story that was kept running, its length says nothing.
    pub(super) fn end(&self, kept: bool) {
        self.line("");
        let story = if kept { String::new() } else { format!(" The story took {:.0} seconds.", self.begun.elapsed().as_secs_f64()) };
        self.line(&self.painted(BOLD, &format!("Everything is stopped.{story}")));
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn line(&self, text: &str) {
        // Nobody may be reading any more; the demo still ends in order.
        let _ = writeln!(io::stdout(), "{text}");
    }
}
