//! What etcd holds at one moment, copied and put back: what a restore from an older backup does to a cluster.

use std::{
    fs::{self, DirBuilder, File},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::{API_SERVER, CONTROLLERS, ControlPlane, ETCD, client, controllers_work, manifests};

/// How much is copied at a time.
const BLOCK: usize = 64 << 10;

/// A copy of etcd's data, for the control plane that made it and as long as that lives.
#[derive(Debug)]
pub struct Backup {
    path: PathBuf,
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl ControlPlane {
    /// Copies what etcd holds now, as a crash at this moment would leave it. etcd stands still meanwhile, for milliseconds; nobody
    /// notices.
    ///
    /// # Errors
    /// When etcd does not run, or there is no room.
    pub async fn back_up(&self) -> Result<Backup> {
        let etcd = self.processes.iter().find(|process| process.name() == ETCD).context("etcd does not run")?;
        let backup = Backup { path: self.data.path().join(format!("backup-{:08x}", rand::random::<u32>())) };
        etcd.pause().await?;
        let copied = copy(self.database(), backup.path.clone()).await;
        etcd.signal(Signal::CONT)?;
        copied?;
        Ok(backup)
    }

    /// Stops all programs, puts a backup in the place of etcd's data and starts the programs again: at the same addresses, with the
    /// same keys and tokens. What was written since the backup has never happened, and versions count on from there.
    ///
    /// # Errors
    /// As [`ControlPlane::start`]; nothing runs then.
    pub async fn restore(&mut self, backup: &Backup) -> Result<()> {
        let started = self.restart_from(backup).await;
        if started.is_err() {
            self.processes.clear();
        }
        started
    }

    async fn restart_from(&mut self, backup: &Backup) -> Result<()> {
        self.renew_deadline();
        // The last one started goes first: none of them sees the others' end.
        while let Some(process) = self.processes.pop() {
            drop(process);
        }
        let database = self.database();
        fs::remove_dir_all(&database).with_context(|| format!("cannot remove {}", database.display()))?;
        copy(backup.path.clone(), database).await?;
        // It says that etcd listens.
        fs::remove_file(self.socket()).context("cannot remove etcd's socket")?;
        self.start_etcd().await?;
        self.run_api_server()?;
        let client = client(self.kubeconfig()).await?;
        self.wait(API_SERVER, "does not become ready", || super::ready(&client)).await?;
        let definitions = manifests::definitions()?;
        self.wait(API_SERVER, "does not serve the custom resources", || manifests::served(&client, &definitions)).await?;
        self.run_controllers()?;
        self.wait(CONTROLLERS, "does not make the default objects of a namespace", || controllers_work(&client)).await
    }
}

/// Copies a folder with all that is in it.
async fn copy(from: PathBuf, to: PathBuf) -> Result<()> {
    tokio::task::spawn_blocking(move || copy_folder(&from, &to)).await?
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if entry.is_dir() {
            copy_folder(&entry, &to.join(name))?;
        } else if entry.extension().is_none_or(|extension| extension != "tmp") {
            // Files that etcd has made for later use are not among its data.
            copy_file(&entry, &to.join(name)).with_context(|| format!("cannot copy {}", entry.display()))?;
        }
    }
    Ok(())
}

/// Copies a file and leaves holes where it has zeros: most of etcd's log is room for later.
fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut block = vec![0; BLOCK];
    let mut length = 0;
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            return to.set_len(length);
        }
        length += read as u64;
        if block[..read].iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Start(length))?;
        } else {
            to.write_all(&block[..read])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_contents_and_no_temporary_files() {
        let base = std::env::temp_dir().join(format!("sandbox-backup-{}", std::process::id()));
        let from = base.join("from");
        fs::create_dir_all(from.join("below")).expect("a folder");
        let mut holes = vec![0; 3 * BLOCK + 5];
        holes[BLOCK] = 7;
        for (name, content) in [("holes", holes.as_slice()), ("below/full", b"content"), ("empty", b""), ("1.tmp", b"later")] {
            fs::write(from.join(name), content).expect("a file");
        }
        let to = base.join("to");
        copy_folder(&from, &to).expect("a copy");
        for (name, content) in [("holes", holes.as_slice()), ("below/full", b"content"), ("empty", b"")] {
            assert_eq!(fs::read(to.join(name)).expect("the copy"), content, "{name}");
        }
        assert!(!to.join("1.tmp").exists());
        fs::remove_dir_all(&base).expect("removed");
    }
}
