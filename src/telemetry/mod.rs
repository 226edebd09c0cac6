//! Logs on standard error, as text for people or as JSON for machines, and audit lines beside them. What is logged can be changed while
//! the process runs; what is audited cannot.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

pub mod audit;
mod level;

pub use level::Level;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, how and where.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// Log lines for people or for machines.
    #[arg(long, env = "SWITCHBOARD_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// What to log: a level, or a filter such as switchboard=debug,kube=info.
    #[arg(long, env = "SWITCHBOARD_LOG", default_value = "info,kube_runtime=error", value_name = "FILTER")]
    pub log: String,

    /// A file with such a filter, which counts instead while there is something in it. It is read again every few seconds, so the level
    /// changes without a restart.
    #[arg(long, env = "SWITCHBOARD_LOG_FILE", value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Append the audit lines to this file (- is standard output) instead of writing them with the logs. They are written whatever the
    /// filter is.
    #[arg(long, env = "SWITCHBOARD_AUDIT_FILE", value_name = "FILE")]
    pub audit_file: Option<PathBuf>,
}

/// Starts logging. What it answers keeps the filter that a file asks for, if somebody drives it: [`Level::follow`].
///
/// # Errors
/// If the filter cannot be read, or the file for audit lines not be written.
pub fn start(args: &LogArgs) -> anyhow::Result<Level> {
    let filter = level::parse(&args.log).map_err(|error| anyhow::anyhow!("--log {:?}: {error}", args.log))?;
    let (filter, handle) = reload::Layer::new(filter);
    let everything_but_audit = Targets::new().with_default(LevelFilter::TRACE).with_target(audit::TARGET, LevelFilter::OFF);
    let logs = lines(args.log_format, false, BoxMakeWriter::new(io::stderr), io::stderr().is_terminal());
    let only_audit = Targets::new().with_target(audit::TARGET, LevelFilter::INFO);
    let (writer, colours) = audit_writer(args.audit_file.as_deref())?;
    let audited = lines(args.log_format, true, writer, colours);
    Registry::default().with(logs.with_filter(filter.and(everything_but_audit))).with(audited.with_filter(only_audit)).init();
    let mut level = Level::new(handle, args.log.clone(), args.log_file.clone());
    level.look();
    Ok(level)
}

fn audit_writer(file: Option<&Path>) -> anyhow::Result<(BoxMakeWriter, bool)> {
    Ok(match file {
        None => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
        Some(path) if path.as_os_str() == "-" => (BoxMakeWriter::new(io::stdout), io::stdout().is_terminal()),
        Some(path) => {
            let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
            (BoxMakeWriter::new(opened.with_context(|| format!("--audit-file {}", path.display()))?), false)
        }
    })
}

fn lines<S>(format: LogFormat, target: bool, writer: BoxMakeWriter, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(colours);
    match format {
        LogFormat::Text => layer.with_target(target).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// The handle by which the filter is changed.
type Handle = reload::Handle<EnvFilter, Registry>;
