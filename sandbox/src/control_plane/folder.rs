//! The two folders of a control plane: the one people look into, and etcd's data, which are thrown away.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::{fs::statvfs, process::getuid};

/// What etcd and its write-ahead log need at least; a container's default /dev/shm of 64 MiB is too small.
const ROOM: u64 = 256 << 20;

/// Files that make no sense without the control plane that they lead to.
const OURS: [&str; 7] =
    ["kubeconfig", "operator.kubeconfig", "env", "data", "etcd.pid", "kube-apiserver.pid", "kube-controller-manager.pid"];

/// The folder of keys and certificates.
const PKI: &str = "pki";

/// Held by the running process; it also says that the files beside it are ours.
const LOCK: &str = "sandbox.lock";

/// The folder of one running control plane, held by one process; dropped, only its logs are left.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder if necessary and takes it; what a killed predecessor left there is removed.
    ///
    /// # Errors
    /// When another process holds it, or it cannot be written.
    pub fn take(path: &Path) -> Result<Folder> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("cannot make {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        let file = path.join(LOCK);
        let foreign = |name: &&&str| path.join(name).exists();
        if !file.exists()
            && let Some(name) = OURS.iter().chain([&PKI]).find(foreign)
        {
            bail!("{} has a {name} that no sandbox made; choose another --dir", path.display());
        }
        let mut lock = open_lock(&file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                lock.read_to_string(&mut owner)?;
                bail!("{} is already up (process {}); stop that one, or choose another --dir", path.display(), owner.trim_end());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        let mut folder = Folder { path, lock };
        folder.clear();
        folder.lock.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        let pki = folder.path.join(PKI);
        DirBuilder::new().mode(0o700).create(&pki).with_context(|| format!("cannot make {}", pki.display()))?;
        Ok(folder)
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only this user can read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(content.as_bytes())).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn clear(&mut self) {
        for name in OURS {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir_all(self.path.join(PKI));
        let _ = self.lock.set_len(0);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The lock file itself stays: unlinked, two processes could hold "it" at the same time.
        self.clear();
    }
}

/// A folder for data in memory where that is possible, removed when dropped. It is locked as long as its process lives, so the
/// next one recognises and removes what a killed process left in memory.
#[derive(Debug)]
pub struct Data {
    path: PathBuf,
    lock: File,
}

impl Data {
    /// Makes a new folder on tmpfs, or in the folder for temporary files where tmpfs is missing or too small.
    ///
    /// # Errors
    /// When neither can be written.
    pub fn create() -> Result<Data> {
        let memory = Path::new("/dev/shm");
        let room = statvfs(memory).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        if room >= ROOM
            && let Ok(data) = Data::below(memory)
        {
            return Ok(data);
        }
        Data::below(&env::temp_dir())
    }

    /// The absolute path; short enough for a unix socket in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn below(base: &Path) -> Result<Data> {
        let uid = getuid().as_raw();
        let own = base.join(format!("switchboard-{uid}"));
        let _ = DirBuilder::new().mode(0o700).create(&own);
        let found = fs::symlink_metadata(&own).with_context(|| format!("cannot make {}", own.display()))?;
        ensure!(found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0, "{} is not ours alone", own.display());
        // One at a time from here on: a folder that is being made has no lock yet.
        let turn = open_lock(&own.join("lock"))?;
        turn.lock()?;
        sweep(&own);
        let path = own.join(format!("{:08x}", rand::random::<u32>()));
        DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = open_lock(&path.join("lock"))?;
        lock.lock()?;
        Ok(Data { path, lock })
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.lock.unlock();
    }
}

/// Removes the folders whose processes are gone.
fn sweep(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let folder = entry.path();
        if folder.is_dir() && open_lock(&folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_somebody_elses_files_is_left_alone() {
        let path = env::temp_dir().join(format!("sandbox-foreign-{}", std::process::id()));
        for name in ["kubeconfig", "pki/ca.key"] {
            let file = path.join(name);
            fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
            fs::write(&file, "precious").expect("a file");
            let error = Folder::take(&path).expect_err("a refusal").to_string();
            assert!(error.contains("no sandbox made"), "{error}");
            assert_eq!(fs::read_to_string(&file).expect("the file"), "precious");
            fs::remove_dir_all(&path).expect("removed");
        }
    }

    #[test]
    fn data_of_a_process_that_is_gone_are_removed_and_those_of_a_living_one_kept() {
        let base = env::temp_dir().join(format!("sandbox-data-{}", std::process::id()));
        fs::create_dir_all(&base).expect("a folder");
        let living = Data::below(&base).expect("a data folder");
        let gone = Data::below(&base).expect("a data folder");
        // As SIGKILL leaves it: the lock goes, the folder stays.
        gone.lock.unlock().expect("unlocked");
        let next = Data::below(&base).expect("a data folder");
        assert!(living.path().is_dir() && next.path().is_dir() && !gone.path().exists());
        drop((living, gone, next));
        let own = base.join(format!("switchboard-{}", getuid().as_raw()));
        assert_eq!(fs::read_dir(own).expect("the folder").count(), 1, "only the lock is left");
        fs::remove_dir_all(&base).expect("removed");
    }
}
