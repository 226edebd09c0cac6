//! Keys and tokens of one run.

use anyhow::{Result, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};

/// SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point itself (RFC 5480).
const P256_PUBLIC_KEY: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];

/// The key pair that signs service-account tokens, as PEM.
pub struct SigningKey {
    pub private: String,
    pub public: String,
}

impl SigningKey {
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<SigningKey> {
        let random = SystemRandom::new();
        let failed = |_| anyhow!("cannot generate a key");
        let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref(), &random)
            .map_err(|error| anyhow!("a generated key is refused: {error}"))?;
        let public = [&P256_PUBLIC_KEY, pair.public_key().as_ref()].concat();
        Ok(SigningKey { private: pem("PRIVATE KEY", private.as_ref()), public: pem("PUBLIC KEY", &public) })
    }
}

/// A bearer token that nobody can guess.
///
/// # Errors
/// When the system has no randomness.
pub fn token() -> Result<String> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("cannot generate a token"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    // Base64 is ASCII, so the pieces cut no character.
    let lines: Vec<String> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
