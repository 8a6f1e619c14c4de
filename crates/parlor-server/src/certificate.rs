//! A self-signed certificate for trying TLS.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

/// Where a certificate and its key were written.
#[derive(Debug)]
pub struct Written {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key, which only its owner can read.
    pub key: PathBuf,
}

/// Makes a certificate that signs itself for `domain` and writes it and its key into `directory`; files that are there
/// already stay.
pub fn write_self_signed(domain: &str, directory: &Path) -> Result<Written> {
    let written = Written { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") };
    for file in [&written.certificate, &written.key] {
        if file.try_exists().with_context(|| file.display().to_string())? {
            bail!("{} is there already: remove it or name another directory by --out", file.display());
        }
    }
    let key = KeyPair::generate().context("no key could be made")?;
    let certificate = parameters(domain)?.self_signed(&key).context("the certificate could not be signed")?;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    write_new(&written.key, &key.serialize_pem(), 0o600)?;
    write_new(&written.certificate, &certificate.pem(), 0o644)?;
    Ok(written)
}

fn parameters(domain: &str) -> Result<CertificateParams> {
    let mut names = vec![domain.to_owned()];
    if domain == "localhost" {
        names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    }
    let mut parameters =
        CertificateParams::new(names).with_context(|| format!("{domain:?} is no name for a certificate"))?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, domain);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // We show it as the server and, when it is we who connect, as the client (MSRP-143).
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let now = SystemTime::now();
    parameters.not_before = (now - DAY).into();
    parameters.not_after = (now + DAY * VALID_DAYS).into();
    Ok(parameters)
}

fn write_new(file: &Path, text: &str, mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let write = || options.open(file)?.write_all(text.as_bytes());
    write().with_context(|| file.display().to_string())
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Some clients take no certificate that lasts longer.
const VALID_DAYS: u32 = 397;

#[cfg(test)]
mod tests {
    use super::*;

    /// The key is for its owner alone, and nothing that is there already is written over.
    #[test]
    fn files() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("tls");
        let written = write_self_signed("chat.example.test", &inner).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&written.key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let before = fs::read(&written.certificate).unwrap();
        let error = write_self_signed("chat.example.test", &inner).unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(fs::read(&written.certificate).unwrap(), before);
    }

    /// A name that no certificate can hold is refused before anything is written.
    #[test]
    fn bad_name() {
        let directory = tempfile::tempdir().unwrap();
        write_self_signed("ex\u{e4}mple.test", directory.path()).unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
