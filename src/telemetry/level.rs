//! The filter of the log, as a file asks for it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Handle;

/// Between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// No filter is longer, in bytes.
const LONGEST: u64 = 4096;
/// So much of what is wrong is shown, in characters.
const SHOWN: usize = 200;

/// The filter in use, and the file that it may come from. A change of the file counts within seconds; what cannot be read leaves the
/// former in place, which is said once.
pub struct Level {
    handle: Handle,
    /// Where the filter stands, if there is such a file.
    file: Option<PathBuf>,
    choice: Choice,
}

impl Level {
    pub(super) fn new(handle: Handle, usual: String, file: Option<PathBuf>) -> Self {
        Self { handle, file, choice: Choice::new(usual) }
    }

    /// Looks at the file now.
    pub(super) fn look(&mut self) {
        if let Some(found) = self.file.as_deref().map(read) {
            self.found(found);
        }
    }

    fn found(&mut self, found: Result<String, String>) {
        let file = self.file.as_deref().unwrap_or(Path::new("")).display();
        match self.choice.make(found) {
            Made::Same => {}
            Made::Use(filter) => match self.handle.reload(*filter) {
                Ok(()) => info!(%file, filter = self.choice.used, "the log filter has changed"),
                Err(error) => warn!(%file, %error, "the log filter cannot be changed"),
            },
            Made::Bad(problem) => warn!(%file, problem, filter = self.choice.used, "the log filter stays as it is"),
        }
    }

    /// Looks at the file every few seconds, for ever. Without a file there is nothing to do.
    pub async fn follow(mut self) {
        let Some(file) = self.file.clone() else { return };
        let mut turns = tokio::time::interval(LOOK_EVERY);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let file = file.clone();
            // A file system that hangs holds up nothing but this.
            if let Ok(found) = tokio::task::spawn_blocking(move || read(&file)).await {
                self.found(found);
            }
        }
    }
}

/// What a file comes to.
#[derive(Debug)]
enum Made {
    /// Nothing new.
    Same,
    /// Another filter.
    Use(Box<EnvFilter>),
    /// It is no filter: what is wrong. Told once.
    Bad(String),
}

/// Which filter counts.
#[derive(Debug)]
struct Choice {
    /// The one of the flag.
    usual: String,
    /// The one in use.
    used: String,
    /// What was wrong when it was looked at last.
    wrong: Option<String>,
}

impl Choice {
    fn new(usual: String) -> Self {
        Self { used: usual.clone(), usual, wrong: None }
    }

    /// `found`: what stands in the file, nothing if there is none; or why it cannot be read.
    fn make(&mut self, found: Result<String, String>) -> Made {
        let parsed = found.and_then(|text| {
            let text = if text.trim().is_empty() { self.usual.clone() } else { text.trim().to_owned() };
            match parse(&text) {
                Ok(filter) => Ok((text, filter)),
                Err(error) => Err(format!("{text:?}: {error}").chars().take(SHOWN).collect()),
            }
        });
        match parsed {
            Ok((text, filter)) => {
                self.wrong = None;
                let same = self.used == text;
                self.used = text;
                if same { Made::Same } else { Made::Use(Box::new(filter)) }
            }
            Err(problem) if self.wrong.as_ref() == Some(&problem) => Made::Same,
            Err(problem) => {
                self.wrong = Some(problem.clone());
                Made::Bad(problem)
            }
        }
    }
}

/// A filter from its text, its parts separated by commas or lines.
///
/// # Errors
/// What is wrong with it. A word alone that is no level is not taken for a module, as the filter would: a misspelt level would silence
/// everything.
pub(super) fn parse(text: &str) -> Result<EnvFilter, String> {
    let parts: Vec<&str> = text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
    for part in &parts {
        if !part.contains(['=', '[', ':']) && part.parse::<LevelFilter>().is_err() {
            return Err(format!("{part:?} is no level (off, error, warn, info, debug or trace); of a module write {part}=debug"));
        }
    }
    EnvFilter::try_new(parts.join(",")).map_err(|error| error.to_string())
}

/// What stands in the file; nothing if there is none.
fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(file).and_then(|opened| opened.take(LONGEST + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > LONGEST => Err(format!("longer than {LONGEST} bytes")),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(made: &Made) -> String {
        match made {
            Made::Same => "same".to_owned(),
            Made::Use(filter) => format!("use {filter}"),
            Made::Bad(_) => "bad".to_owned(),
        }
    }

    #[test]
    fn what_stands_in_the_file_counts_once_it_has_changed_and_what_is_no_filter_leaves_the_former() {
        let mut choice = Choice::new("warn".to_owned());
        let steps: [(Result<&str, &str>, &str, &str); 13] = [
            (Ok(""), "same", "warn"),
            (Ok("debug\n"), "use debug", "debug"),
            (Ok(" debug"), "same", "debug"),
            (Ok("debgu"), "bad", "debug"),
            (Ok("debgu"), "same", "debug"),
            (Ok("switchboard=loud"), "bad", "debug"),
            (Err("permission denied"), "bad", "debug"),
            (Err("permission denied"), "same", "debug"),
            (Ok("debug"), "same", "debug"),
            (Err("permission denied"), "bad", "debug"),
            (Ok("info,switchboard=trace"), "use switchboard=trace,info", "info,switchboard=trace"),
            (Ok("\n"), "use warn", "warn"),
            (Ok("warn"), "same", "warn"),
        ];
        for (at, (found, expected, used)) in steps.into_iter().enumerate() {
            let made = choice.make(found.map(str::to_owned).map_err(str::to_owned));
            assert_eq!((shown(&made).as_str(), choice.used.as_str()), (expected, used), "step {at}: {found:?}");
        }
    }

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for good in [
            "info",
            "TRACE",
            "off",
            "info,kube_runtime=error",
            "switchboard::account=debug",
            "warn, kube=info",
            "warn\nkube=info\n",
            "[{object}]=debug",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good).err());
        }
        for bad in ["debgu", "info,verbose", "switchboard", "switchboard=loud", "a=b=c", "in fo"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_of_a_usable_length_is_refused_and_none_is_nothing() {
        let folder = std::env::temp_dir().join(format!("switchboard-level-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        let file = folder.join("filter");
        assert_eq!(read(&file), Ok(String::new()));
        let table: [(&[u8], bool); 4] = [(b"info\n", true), (&[b','; 4096], true), (&[b','; 4097], false), (&[0xff, 0xfe], false)];
        for (bytes, good) in table {
            std::fs::write(&file, bytes).expect("a file");
            assert_eq!(read(&file).is_ok(), good, "{} bytes", bytes.len());
        }
        assert!(read(&folder).is_err(), "a folder");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
