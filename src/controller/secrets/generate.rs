//! Passwords from the system's generator.

use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::zeroize::Zeroize;

use crate::core::fields::Secret;

/// How many characters: 142 bits, and below the 32 that a SIP password may have.
const LENGTH: usize = 24;
/// What no phone, shell or SIP parser stumbles over.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Bytes from here on are thrown away, so that all characters are equally likely: 4 × 62.
const FAIR: u8 = 248;

/// A new password: 24 characters of `[A-Za-z0-9]`.
///
/// # Errors
/// If the system has no randomness to give.
pub fn password() -> Result<Secret, rand::rngs::SysError> {
    let mut password = String::with_capacity(LENGTH);
    let mut bytes = [0; 2 * LENGTH];
    while password.len() < LENGTH {
        SysRng.try_fill_bytes(&mut bytes)?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        password.extend(fair.take(LENGTH - password.len()));
    }
    bytes.zeroize();
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_generated_password_has_24_letters_and_digits_and_none_comes_twice() {
        let all: BTreeSet<String> = (0..1000).map(|_| password().expect("randomness").expose().to_owned()).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|one| one.len() == 24 && one.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        let used: BTreeSet<u8> = all.iter().flat_map(|one| one.bytes()).collect();
        assert_eq!(used.len(), 62, "every character appears among 24,000");
    }
}
