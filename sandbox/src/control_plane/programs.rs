//! Where the programs of the control plane come from.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// The four programs, as paths.
#[derive(Clone, Debug)]
pub struct Assets {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver.
    pub kube_apiserver: PathBuf,
    /// kube-controller-manager, never newer than the API server.
    pub kube_controller_manager: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
}

impl Assets {
    /// The programs of one folder that holds them all.
    ///
    /// # Errors
    /// When one of them is missing there.
    pub fn in_folder(folder: &Path) -> Result<Assets> {
        let folder = std::path::absolute(folder)?;
        let find = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { bail!("{} is missing", path.display()) }
        };
        Ok(Assets {
            etcd: find("etcd")?,
            kube_apiserver: find("kube-apiserver")?,
            kube_controller_manager: find("kube-controller-manager")?,
            kubectl: find("kubectl")?,
        })
    }

    /// The programs of `KUBEBUILDER_ASSETS` where it holds them all; otherwise those of the folder that `tools/build.sh` of this
    /// checkout prints. It takes what `KUBEBUILDER_ASSETS` has and builds the rest once, in minutes; progress goes to standard error.
    ///
    /// # Errors
    /// When there is no checkout to build from, or the build fails.
    pub async fn find() -> Result<Assets> {
        let given = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty());
        if let Some(assets) = given.and_then(|folder| Assets::in_folder(Path::new(&folder)).ok()) {
            return Ok(assets);
        }
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/build.sh");
        if !build.is_file() {
            bail!("set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager and kubectl");
        }
        let folder = process::output(&build, &[]).await.context("cannot build the control plane")?;
        Assets::in_folder(Path::new(folder.trim_end()))
    }
}
