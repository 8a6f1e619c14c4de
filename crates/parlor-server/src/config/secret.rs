//! Passwords of rooms: hashes in the configuration, or a file that it names.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use parlor_sip::digest::{Algorithm, Ha1};
use toml::Spanned;
use toml::de::DeValue;

use super::value::{Problems, Value, text};

/// The hashes of a room's password, one for each algorithm, as `parlor room-password` writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPassword(Box<[Ha1]>);

impl RoomPassword {
    /// That of these hashes.
    pub fn new(hashes: Vec<Ha1>) -> Self {
        Self(hashes.into())
    }

    /// The hashes.
    pub fn hashes(&self) -> &[Ha1] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let read = |word: &str| {
            let (algorithm, hex) = word.split_once('=')?;
            Ha1::from_hex(Algorithm::of(algorithm)?, hex)
        };
        let hashes: Box<[Ha1]> = text.split_ascii_whitespace().map(read).collect::<Option<_>>()?;
        (!hashes.is_empty()).then_some(Self(hashes))
    }
}

impl fmt::Display for RoomPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ha1) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}={}", ha1.algorithm().name(), ha1.hex())?;
        }
        Ok(())
    }
}

impl Value for RoomPassword {
    const KIND: &'static str = "what `parlor room-password` writes";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let read = Self::parse(text::<Self>(value, problems)?);
        if read.is_none() {
            // What stands there may be a password that somebody took for the value.
            problems.add(value, format!("expected {}", Self::KIND));
        }
        read
    }
}

/// The password in a file: its first line.
pub(crate) fn secret_in(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(LONGEST).read_to_string(&mut text)?;
    match text.lines().next() {
        Some(secret) if !secret.is_empty() => Ok(secret.to_owned()),
        Some(_) | None => Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is to be a password")),
    }
}

/// More is no password.
const LONGEST: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let hashes = [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| Ha1::new(algorithm, "den", "realm", "s3cret"));
        let password = RoomPassword::new(hashes.to_vec());
        assert_eq!(RoomPassword::parse(&password.to_string()), Some(password));
        for wrong in ["", "s3cret", "MD5=", "MD5=00", "SHA-256=zz", "ROT13=00"] {
            assert_eq!(RoomPassword::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_holds_one_in_its_first_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("password");
        assert!(secret_in(&file).is_err());
        for (text, secret) in [("s3cret", Some("s3cret")), ("a b\r\nnext\n", Some("a b")), ("", None), ("\nx", None)] {
            std::fs::write(&file, text).expect("written");
            assert_eq!(secret_in(&file).ok().as_deref(), secret, "{text:?}");
        }
    }
}
