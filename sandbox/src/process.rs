//! Child processes that cannot outlive this process, however it ends (Linux).
//!
//! A child is started as `sandbox __child <parent> <program> …`. That asks the kernel for SIGKILL when its parent dies and
//! becomes the program. The request counts for the *thread* that started the child, so one thread that never ends starts them all.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, getppid, kill_process, kill_process_group, set_parent_process_death_signal};
use tokio::time::{sleep, timeout};

/// The hidden subcommand of `sandbox` that calls [`become_child`].
pub const CHILD: &str = "__child";

/// The environment variable that names the `sandbox` binary, for programs that cannot find it by themselves.
pub const SANDBOX_BIN: &str = "SWITCHBOARD_SANDBOX_BIN";

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// How long a process may take to stand still.
const PAUSE: Duration = Duration::from_secs(2);

/// How much of the end of a log an error shows, in bytes and in lines.
const TAIL: (u64, usize) = (8192, 20);

/// Turns this process into `program` and binds its life to the process `parent`. Returns only when that was impossible.
pub fn become_child(parent: i32, program: &Path, args: &[OsString]) -> anyhow::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return anyhow!(error).context("no parent-death signal");
    }
    // A parent that died before the request took effect sends nothing any more.
    if getppid().map(Pid::as_raw_pid) != Some(parent) {
        return anyhow!("the parent process has gone");
    }
    let error = Command::new(program).args(args).exec();
    anyhow!(error).context(format!("{} does not start", program.display()))
}

/// What to start: a program with its arguments, its working folder, and what its environment has besides or without ours.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    dir: Option<PathBuf>,
}

impl Program {
    /// A program without arguments, in our working folder and environment.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program { path: path.into(), args: Vec::new(), env: Vec::new(), dir: None }
    }

    /// With more arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Program {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// With this variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Without this variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Program {
        self.env.push((name.into(), None));
        self
    }

    /// In this folder.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Program {
        self.dir = Some(dir.into());
        self
    }
}

/// A child process with a log and a pid file; dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    group: Group,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Process {
    /// Starts `program` with its output in `dir/log/<name>.log` and its pid in `dir/<name>.pid`.
    ///
    /// # Errors
    /// When the files cannot be written, or the `sandbox` binary is not found or does not start.
    pub fn start<A: AsRef<OsStr>>(dir: &Path, name: &'static str, program: &Path, args: impl IntoIterator<Item = A>) -> Result<Process> {
        Process::start_program(dir, name, &Program::new(program).args(args))
    }

    /// Like [`Process::start`], with an environment and a working folder.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_program(dir: &Path, name: &'static str, program: &Program) -> Result<Process> {
        let logs = dir.join("log");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let log = logs.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = guarded(program)?;
        command.stdout(out.try_clone()?).stderr(out);
        let group = Group(spawn(command).with_context(|| format!("cannot start {name}"))?);
        let pid_file = dir.join(format!("{name}.pid"));
        let process = Process { name, group, log, pid_file };
        fs::write(&process.pid_file, format!("{}\n", process.group.0.id()))
            .with_context(|| format!("cannot write {}", process.pid_file.display()))?;
        Ok(process)
    }

    /// Its name, as in the names of its files.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The error that tells how the process ended, or nothing while it runs.
    pub fn ended(&mut self) -> Option<anyhow::Error> {
        match self.group.0.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(self.error(&format!("ended with {status}"))),
            Err(error) => Some(self.error(&format!("cannot be watched: {error}"))),
        }
    }

    /// Everything that it has printed so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn printed(&self) -> io::Result<String> {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Errors
    /// When it does not end with success within the time; it is killed then.
    pub async fn terminate(mut self, within: Duration) -> Result<()> {
        // Not waited for yet, so the number is still its own.
        if let (None, Some(pid)) = (self.ended(), self.group.pid()) {
            kill_process(pid, Signal::TERM).with_context(|| format!("{} cannot be asked to end", self.name))?;
        }
        match timeout(within, self.group.finished()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(Ok(status)) => Err(self.error(&format!("was asked to end, and ended with {status}"))),
            Ok(Err(error)) => Err(self.error(&format!("cannot be watched: {error}"))),
            Err(_) => Err(self.error(&format!("did not end within {within:?}"))),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.group.pid().with_context(|| format!("{} has no pid", self.name))?;
        kill_process(pid, signal).with_context(|| format!("{} cannot be sent a signal", self.name))
    }

    /// Stops it (SIGSTOP) and waits until it stands still; SIGCONT lets it go on.
    ///
    /// # Errors
    /// When it has gone, or does not stand still within two seconds.
    pub async fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let still = async {
            while !self.stands_still()? {
                sleep(POLL).await;
            }
            Ok(())
        };
        timeout(PAUSE, still).await.unwrap_or_else(|_| Err(self.error("does not stand still")))
    }

    /// Whether all its threads are stopped.
    fn stands_still(&self) -> Result<bool> {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.group.0.id()));
        for task in fs::read_dir(&tasks).with_context(|| format!("cannot read {}", tasks.display()))? {
            // Number, name in parentheses, state. A thread that has gone meanwhile stands still.
            let stat = fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
            if stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('T')) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An error about this process that shows the end of its log.
    pub fn error(&self, what: &str) -> anyhow::Error {
        let tail = tail(&self.log).unwrap_or_else(|error| format!("(unreadable: {error})"));
        anyhow!("{} {what}; the end of {}:\n{tail}", self.name, self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.group.kill();
        let _ = fs::remove_file(&self.pid_file);
    }
}

/// A guarded child and what it started in its own process group; dropped, all of it is killed.
#[derive(Debug)]
struct Group(Child);

impl Group {
    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
    }

    async fn finished(&mut self) -> io::Result<ExitStatus> {
        loop {
            match self.0.try_wait()? {
                Some(status) => return Ok(status),
                None => sleep(POLL).await,
            }
        }
    }

    fn kill(&mut self) {
        // A child that was waited for has no pid any more: its number may belong to somebody else.
        if matches!(self.0.try_wait(), Ok(None)) {
            if let Some(pid) = self.pid() {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end and returns what it printed on standard output. Its standard error is ours. Dropped before the end,
/// the program and its children are killed.
///
/// # Errors
/// When it cannot be started or does not end with success.
pub async fn output(program: &Path, args: &[&str]) -> Result<String> {
    let mut command = guarded(&Program::new(program).args(args))?;
    command.stderr(Stdio::inherit());
    let captured = run(command, program).await?;
    anyhow::ensure!(captured.status.success(), "{} ended with {}", program.display(), captured.status);
    Ok(captured.stdout)
}

/// How a program ended and what it said.
#[derive(Clone, Debug)]
pub struct Captured {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a program to its end. Dropped before that, the program and its children are killed.
///
/// # Errors
/// When it cannot be started; how it ended is the caller's business.
pub async fn capture(program: &Program) -> Result<Captured> {
    let mut command = guarded(program)?;
    command.stderr(Stdio::piped());
    run(command, &program.path).await
}

async fn run(mut command: Command, path: &Path) -> Result<Captured> {
    command.stdout(Stdio::piped());
    let mut group = Group(spawn(command).with_context(|| format!("cannot start {}", path.display()))?);
    // Read while it runs: a full pipe would stop it.
    let stdout = tokio::task::spawn_blocking(reader(group.0.stdout.take()));
    let stderr = tokio::task::spawn_blocking(reader(group.0.stderr.take()));
    let status = group.finished().await?;
    Ok(Captured { status, stdout: stdout.await??, stderr: stderr.await?? })
}

fn reader(pipe: Option<impl Read>) -> impl FnOnce() -> io::Result<String> {
    move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `program` behind the hidden subcommand, in a process group of its own: Ctrl-C reaches only us, and we end in order.
fn guarded(program: &Program) -> Result<Command> {
    let Program { path, args, env, dir } = program;
    let sandbox = sandbox_binary()?;
    let mut command = Command::new(&sandbox);
    for (name, value) in env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(dir) = dir {
        command.current_dir(dir);
    }
    command.env(SANDBOX_BIN, &sandbox).arg(CHILD).arg(std::process::id().to_string()).arg(path).args(args);
    command.process_group(0).stdin(Stdio::null());
    Ok(command)
}

/// The `sandbox` binary: named by the environment, this program itself, or next to a test program that cargo built.
fn sandbox_binary() -> Result<PathBuf> {
    if let Some(named) = env::var_os(SANDBOX_BIN) {
        return Ok(named.into());
    }
    let own = env::current_exe().context("cannot find out which program this is")?;
    if own.file_name() == Some(OsStr::new("sandbox")) {
        return Ok(own);
    }
    let folders = own.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join("sandbox"))
        .find(|path| path.is_file())
        .with_context(|| format!("no `sandbox` binary beside {}: run `cargo build -p sandbox`, or set {SANDBOX_BIN}", own.display()))
}

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a command on the thread that starts all of them.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: Mutex<Option<mpsc::Sender<Job>>> = Mutex::new(None);
    let (reply, answer) = mpsc::channel();
    let mut spawner = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    let jobs = match &mut *spawner {
        Some(jobs) => jobs,
        none => none.insert(start_spawner()?),
    };
    let gone = || io::Error::other("the thread that starts processes has ended");
    jobs.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn start_spawner() -> io::Result<mpsc::Sender<Job>> {
    let (jobs, queue) = mpsc::channel::<Job>();
    thread::Builder::new().name("spawner".to_owned()).spawn(move || {
        for (mut command, reply) in queue {
            let _ = reply.send(command.spawn());
        }
    })?;
    Ok(jobs)
}

/// The last lines of a file.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL.0)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL.1)..].join("\n"))
}
