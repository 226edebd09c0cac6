//! A real etcd, kube-apiserver and kube-controller-manager on loopback. RBAC is on, tokens of ServiceAccounts work, namespaces are
//! really deleted and owner references are collected. Nothing schedules: there are no nodes.
//!
//! Its data are thrown away at the end, so the programs are stopped by SIGKILL (a polite stop takes seconds). One instance takes
//! about 120 MB of memory file system and 400 MB of memory, and is ready after some four seconds.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rand::RngExt;
use tokio::time::{Instant, sleep, timeout};

use crate::process::Process;
pub use audit::{AllowedBy, AuditEvent, ObjectRef};
pub use backup::Backup;
use folder::{Data, Folder};
pub use programs::Assets;

pub mod audit;
mod backup;
mod folder;
mod keys;
mod manifests;
mod programs;

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLERS: &str = "kube-controller-manager";

/// How often a condition is looked at while starting.
const POLL: Duration = Duration::from_millis(25);

/// How long one request may take while starting.
const REQUEST: Duration = Duration::from_secs(5);

/// How many ports are tried for the API server, should others take them first.
const PORTS: usize = 4;

/// The user name of the operator's ServiceAccount.
pub const OPERATOR: &str = "system:serviceaccount:switchboard-system:switchboard";

/// Which of its installations gives the operator its rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// `deploy/rbac.yaml`: all namespaces, Secrets by consent.
    #[default]
    Cluster,
    /// `deploy/namespaced/operator.yaml`: nothing outside its own namespace. Namespaces that it works in apply
    /// `deploy/namespaced/namespace.yaml`.
    Namespaces,
}

/// How to start a control plane.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for kubeconfigs, logs and pid files; made when missing. One control plane at a time.
    pub dir: PathBuf,
    /// The programs; looked for when absent ([`Assets::find`]).
    pub assets: Option<Assets>,
    /// Whether requests are noted in `log/audit.log` and the files that it is continued in, 256 MB at most ([`audit::POLICY`]).
    pub audit_log: bool,
    /// What the operator may do.
    pub rights: Rights,
    /// How long the start may take, building not counted.
    pub deadline: Duration,
}

impl Options {
    /// The usual options for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options { dir: dir.into(), assets: None, audit_log: false, rights: Rights::Cluster, deadline: Duration::from_secs(120) }
    }
}

/// A running control plane. Dropped, it is stopped and its data are removed; the logs stay.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they go: processes, their data, the folder with its lock.
    processes: Vec<Process>,
    data: Data,
    folder: Folder,
    assets: Assets,
    audited: bool,
    patience: Duration,
    deadline: Instant,
    port: u16,
    server: String,
    kubeconfig: PathBuf,
    operator_kubeconfig: PathBuf,
}

impl ControlPlane {
    /// Starts a control plane in a folder, with the custom resources, the rights of the operator and the admission policies
    /// in place.
    ///
    /// # Errors
    /// When a program is missing or ends, the folder is in use, or the deadline passes; nothing is left running then.
    pub async fn start(dir: &Path) -> Result<ControlPlane> {
        ControlPlane::start_with(Options::new(dir)).await
    }

    /// Like [`ControlPlane::start`], with options.
    ///
    /// # Errors
    /// As [`ControlPlane::start`].
    pub async fn start_with(options: Options) -> Result<ControlPlane> {
        let folder = Folder::take(&options.dir)?;
        let assets = match options.assets {
            Some(assets) => assets,
            None => Assets::find().await?,
        };
        // Fails only when the process has chosen a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut plane = ControlPlane {
            processes: Vec::new(),
            data: Data::create()?,
            kubeconfig: folder.path().join("kubeconfig"),
            operator_kubeconfig: folder.path().join("operator.kubeconfig"),
            folder,
            assets,
            audited: options.audit_log,
            patience: options.deadline,
            deadline: Instant::now() + options.deadline,
            port: 0,
            server: String::new(),
        };
        plane.folder.write("data", &format!("{}\n", plane.data.path().display()))?;
        audit::clear(&plane.audit_log())?;
        plane.start_etcd().await?;
        let controllers_token = plane.start_api_server().await?;
        let client = plane.client().await;
        // Before the controllers start: they would find resources that appear later only after up to 40 s.
        let definitions = manifests::apply(&client, options.rights).await?;
        plane.wait(API_SERVER, "does not serve the custom resources", || manifests::served(&client, &definitions)).await?;
        let token = manifests::operator_token(&client).await?;
        plane.folder.write("operator.kubeconfig", &plane.kubeconfig_for(&token)?)?;
        plane.folder.write("pki/controllers.kubeconfig", &plane.kubeconfig_for(&controllers_token)?)?;
        plane.run_controllers()?;
        plane.wait(CONTROLLERS, "does not make the default objects of a namespace", || controllers_work(&client)).await?;
        plane.wait(API_SERVER, "does not enforce the admission policies", || manifests::enforced(&client)).await?;
        Ok(plane)
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig with a token of the ServiceAccount `switchboard-system/switchboard`, whose rights are those of `deploy/`.
    pub fn operator_kubeconfig(&self) -> &Path {
        &self.operator_kubeconfig
    }

    /// The matching kubectl.
    pub fn kubectl(&self) -> &Path {
        &self.assets.kubectl
    }

    /// The address of the API server, such as `https://127.0.0.1:23456`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The folder, as an absolute path.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The audit log, in JSON lines, if [`Options::audit_log`] was set. Older lines may be in files beside it: [`ControlPlane::audited`]
    /// reads them all.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.path().join("log").join(audit::FILE)
    }

    /// Everything in the audit log up to this moment: what was answered before is in it.
    ///
    /// # Errors
    /// When [`Options::audit_log`] was not set, or a request of its own does not appear in the log within the start's deadline.
    pub async fn audited(&self) -> Result<String> {
        ensure!(self.audited, "this control plane keeps no audit log");
        let mark = format!("/version?until={}", keys::token()?);
        let request = http::Request::get(&mark).body(Vec::new())?;
        timeout(REQUEST, self.client().await.request_text(request)).await.context("the API server does not answer")??;
        let deadline = Instant::now() + self.patience;
        loop {
            let text = audit::text(&self.audit_log())?;
            if text.contains(&mark) {
                return Ok(text);
            }
            ensure!(Instant::now() < deadline, "a request does not appear in {}", self.audit_log().display());
            sleep(POLL).await;
        }
    }

    /// What a user has asked the API server for up to this moment, each request once, watches included that go on. Users as the API
    /// server names them, such as [`OPERATOR`].
    ///
    /// # Errors
    /// As [`ControlPlane::audited`].
    pub async fn audit_events(&self, user: &str) -> Result<Vec<AuditEvent>> {
        audit::events(&self.audited().await?, user)
    }

    /// A new client with the administrator's rights.
    ///
    /// # Panics
    /// When somebody has changed the kubeconfig.
    pub async fn client(&self) -> Client {
        client(&self.kubeconfig).await.expect("the kubeconfig was written by start and leads to the API server")
    }

    /// A new client with the operator's rights.
    ///
    /// # Panics
    /// When somebody has changed the kubeconfig.
    pub async fn operator_client(&self) -> Client {
        client(&self.operator_kubeconfig).await.expect("the kubeconfig was written by start and leads to the API server")
    }

    /// Writes another file into the folder, readable by this user only and removed at the end if it is named `env`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        self.folder.write(name, content)
    }

    /// Waits until a program ends by itself, and says which and how.
    pub async fn failed(&mut self) -> anyhow::Error {
        loop {
            if let Some(error) = self.processes.iter_mut().find_map(Process::ended) {
                return error;
            }
            sleep(POLL * 10).await;
        }
    }

    /// Stops everything and removes the data, as dropping does.
    pub async fn stop(self) {
        // Waiting for the end of processes blocks, though for milliseconds. A panic in there has nobody to tell.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    fn database(&self) -> PathBuf {
        self.data.path().join("db")
    }

    fn socket(&self) -> PathBuf {
        self.data.path().join("etcd.sock")
    }

    fn renew_deadline(&mut self) {
        self.deadline = Instant::now() + self.patience;
    }

    async fn start_etcd(&mut self) -> Result<()> {
        let socket = self.socket();
        let args = [
            "--name=sandbox".to_owned(),
            format!("--data-dir={}", self.database().display()),
            "--unsafe-no-fsync=true".to_owned(),
            format!("--listen-client-urls=unix://{}", socket.display()),
            // Nobody uses it, but a host and port it must be.
            "--advertise-client-urls=http://127.0.0.1:2379".to_owned(),
            "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        self.processes.push(Process::start(self.folder.path(), ETCD, &self.assets.etcd, args)?);
        self.wait(ETCD, "does not listen", || std::future::ready(socket.exists())).await
    }

    /// Starts the API server on a free port, writes the administrator's kubeconfig and returns the token of the controllers.
    async fn start_api_server(&mut self) -> Result<String> {
        let (admin, controllers) = (keys::token()?, keys::token()?);
        let signing = keys::SigningKey::generate()?;
        self.folder.write("pki/sa.key", &signing.private)?;
        self.folder.write("pki/sa.pub", &signing.public)?;
        let tokens = format!("{admin},admin,admin,\"system:masters\"\n{controllers},system:kube-controller-manager,controllers\n");
        self.folder.write("pki/tokens.csv", &tokens)?;
        for attempt in 1.. {
            self.port = free_port()?;
            self.server = format!("https://127.0.0.1:{}", self.port);
            self.run_api_server()?;
            match self.api_server_ready(&admin).await {
                Ok(()) => break,
                Err(error) if attempt < PORTS && error.to_string().contains("address already in use") => drop(self.processes.pop()),
                Err(error) => return Err(error),
            }
        }
        Ok(controllers)
    }

    fn run_api_server(&mut self) -> Result<()> {
        let mut args = self.api_server_args();
        if self.audited {
            let policy = self.folder.write("pki/audit-policy.yaml", audit::POLICY)?;
            args.extend(audit::flags(&policy, &self.audit_log()));
        }
        self.processes.push(Process::start(self.folder.path(), API_SERVER, &self.assets.kube_apiserver, args)?);
        Ok(())
    }

    fn api_server_args(&self) -> Vec<String> {
        let pki = self.folder.path().join("pki");
        vec![
            format!("--etcd-servers=unix://{}", self.socket().display()),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            // It makes its own serving certificate there.
            format!("--cert-dir={}", pki.display()),
            format!("--token-auth-file={}", pki.join("tokens.csv").display()),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", pki.join("sa.pub").display()),
            format!("--service-account-signing-key-file={}", pki.join("sa.key").display()),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        ]
    }

    async fn api_server_ready(&mut self, admin: &str) -> Result<()> {
        // The key is written after the certificate, so both are whole when it is there.
        let key = self.folder.path().join("pki/apiserver.key");
        let written = || std::future::ready(key.metadata().is_ok_and(|file| file.len() > 0));
        self.wait(API_SERVER, "makes no certificate", written).await?;
        self.folder.write("kubeconfig", &self.kubeconfig_for(admin)?)?;
        let client = client(&self.kubeconfig).await?;
        self.wait(API_SERVER, "does not become ready", || ready(&client)).await
    }

    fn run_controllers(&mut self) -> Result<()> {
        let pki = self.folder.path().join("pki");
        let args = [
            format!("--kubeconfig={}", pki.join("controllers.kubeconfig").display()),
            "--bind-address=127.0.0.1".to_owned(),
            "--secure-port=0".to_owned(),
            "--leader-elect=false".to_owned(),
            format!("--service-account-private-key-file={}", pki.join("sa.key").display()),
            format!("--root-ca-file={}", pki.join("apiserver.crt").display()),
            // Without it the controllers have hardly any rights.
            "--use-service-account-credentials=true".to_owned(),
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
        ];
        self.processes.push(Process::start(self.folder.path(), CONTROLLERS, &self.assets.kube_controller_manager, args)?);
        Ok(())
    }

    fn kubeconfig_for(&self, token: &str) -> Result<String> {
        let certificate = self.folder.path().join("pki/apiserver.crt");
        let certificate = std::fs::read(&certificate).with_context(|| format!("cannot read {}", certificate.display()))?;
        ensure!(!certificate.is_empty(), "the API server wrote an empty certificate");
        Ok(format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\n\
             clusters: [{{name: sandbox, cluster: {{server: \"{}\", certificate-authority-data: {}}}}}]\n\
             users: [{{name: sandbox, user: {{token: {token}}}}}]\n\
             contexts: [{{name: sandbox, context: {{cluster: sandbox, user: sandbox}}}}]\n",
            self.server,
            STANDARD.encode(certificate),
        ))
    }

    /// Asks until the answer is yes; fails with a log's end when a program ends first or the deadline passes.
    async fn wait<F: Future<Output = bool>>(&mut self, name: &'static str, problem: &str, mut ask: impl FnMut() -> F) -> Result<()> {
        loop {
            if let Some(error) = self.processes.iter_mut().find_map(Process::ended) {
                return Err(error);
            }
            if timeout(REQUEST, ask()).await.unwrap_or(false) {
                return Ok(());
            }
            if Instant::now() >= self.deadline {
                let process = self.processes.iter().find(|process| process.name() == name);
                return Err(process.with_context(|| format!("{name} was not started"))?.error(problem));
            }
            sleep(POLL).await;
        }
    }
}

/// A client for a kubeconfig on this machine.
///
/// # Errors
/// When the file cannot be read or makes no client.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // Loopback: a proxy named by the environment cannot lead there.
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}

async fn ready(client: &Client) -> bool {
    let request = http::Request::get("/readyz").body(Vec::new());
    match request {
        Ok(request) => client.request_text(request).await.is_ok_and(|answer| answer == "ok"),
        Err(_) => false,
    }
}

async fn controllers_work(client: &Client) -> bool {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    accounts.get("default").await.is_ok() && maps.get("kube-root-ca.crt").await.is_ok()
}

/// A port that is free now, below those that the system hands out to outgoing connections.
fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let port = rand::rng().random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port between 20000 and 32000")
}
