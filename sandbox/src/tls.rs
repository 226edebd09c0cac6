//! HTTPS for the simulators: an authority of their own in a folder, and a certificate that is made on the spot, sound or wrong on purpose.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::{ToSpan, Zoned};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// The authority that clients are told to trust, in the folder.
const CA: &str = "ca.pem";
/// Its key, beside it.
const CA_KEY: &str = "ca.key";
/// Whom the certificate with the wrong name is for.
const ELSEWHERE: &str = "elsewhere.example";

/// How a simulator serves HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The folder of the authority; it is made if it is missing. Simulators that share it, also one after the other, share the authority.
    pub dir: PathBuf,
    /// What is wrong with the certificate, if anything is.
    pub bad: Option<Bad>,
}

/// What can be wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bad {
    /// It ended in January 2020.
    Expired,
    /// It is for another host.
    Name,
    /// It is signed by itself.
    SelfSigned,
}

/// Arguments of a simulator on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsArgs {
    /// Serve HTTPS, with a certificate made on the spot; its authority is written into this folder as ca.pem
    #[arg(long = "tls", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What is wrong with the certificate
    #[arg(long = "tls-bad", value_name = "WHAT", requires = "dir")]
    pub bad: Option<Bad>,
}

impl From<TlsArgs> for Option<Tls> {
    fn from(TlsArgs { dir, bad }: TlsArgs) -> Self {
        dir.map(|dir| Tls { dir, bad })
    }
}

impl Tls {
    /// With a sound certificate.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), bad: None }
    }

    /// The authority, as PEM; there once the simulator runs.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join(CA)
    }

    /// Writes the authority, and makes a certificate for this address and for what loopback is called.
    ///
    /// # Errors
    /// The folder cannot be written, or what is there as a key is none.
    pub(crate) fn server(&self, address: IpAddr) -> Result<Arc<ServerConfig>> {
        fs::create_dir_all(&self.dir).with_context(|| format!("--tls {}", self.dir.display()))?;
        let signer = authority_key(&self.dir)?;
        let authority = authority(&signer)?;
        let ca = authority.self_signed(&signer).context("the authority's certificate")?;
        replace(&self.dir, CA, ca.pem().as_bytes())?;
        let key = KeyPair::generate().context("a key")?;
        let leaf = leaf(address, self.bad)?;
        let made = match self.bad {
            Some(Bad::SelfSigned) => leaf.self_signed(&key),
            _ => leaf.signed_by(&key, &Issuer::new(authority, signer)),
        };
        let chain = vec![made.context("the certificate")?.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS 1.2 and 1.3")?
            .with_no_client_auth()
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .context("the certificate is of no use")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The authority with this key: the same each time, and of another name than that with another key, so that it is not taken for that.
fn authority(key: &KeyPair) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([]).context("the authority")?;
    let id: String = params.key_identifier(key).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name.push(DnType::CommonName, format!("Switchboard sandbox {id}: trust it in tests only"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    Ok(params)
}

/// The certificate of a simulator at this address.
fn leaf(address: IpAddr, bad: Option<Bad>) -> Result<CertificateParams> {
    let mut names = vec!["localhost".to_owned()];
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), address];
    addresses.dedup();
    if bad == Some(Bad::Name) {
        names = vec![ELSEWHERE.to_owned()];
        addresses.clear();
    }
    let mut params = CertificateParams::new(names).context("the names")?;
    params.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
    params.distinguished_name.push(DnType::CommonName, "Switchboard sandbox");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = bad != Some(Bad::SelfSigned);
    // From yesterday, because clocks differ; some clients take no certificate that is good for much longer than a year.
    let today = Zoned::now().date();
    let (from, to) = match bad {
        Some(Bad::Expired) => (Date::constant(2020, 1, 1), Date::constant(2020, 1, 31)),
        _ => (today.saturating_sub(1.day()), today.saturating_add(365.days())),
    };
    let midnight = |date: Date| rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    (params.not_before, params.not_after) = (midnight(from), midnight(to));
    Ok(params)
}

/// The key of the folder's authority. Whoever comes first makes it, and all others take it.
fn authority_key(dir: &Path) -> Result<KeyPair> {
    let path = dir.join(CA_KEY);
    if !path.exists() {
        let made = KeyPair::generate().context("a key")?;
        let part = part(dir, CA_KEY, made.serialize_pem().as_bytes(), 0o600)?;
        // Unlike a rename, a link replaces nothing: of two that start together one wins.
        let linked = fs::hard_link(&part, &path);
        let removed = fs::remove_file(&part);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => removed,
        }
        .with_context(|| format!("writing {}", path.display()))?;
    }
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    KeyPair::from_pem(&text).with_context(|| format!("{} holds no key; remove it for a new one", path.display()))
}

/// Writes a file whole, in the place of one that is there.
fn replace(dir: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = dir.join(name);
    fs::rename(part(dir, name, content, 0o644)?, &path).with_context(|| format!("writing {}", path.display()))
}

/// A file of a name that nobody else has.
fn part(dir: &Path, name: &str, content: &[u8], mode: u32) -> Result<PathBuf> {
    let path = dir.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
    file.and_then(|mut file| file.write_all(content)).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
