//! TLS: certificate and key from PEM files, made into what rustls wants for listening and for connecting.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config;

/// How long a handshake may take. Peers behind slow links are cut off by anything under 5 s.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Both sides of TLS as `[tls]` configures them.
#[derive(Clone, Debug)]
pub struct Tls {
    /// For listeners; there if a certificate is configured.
    pub server: Option<Arc<ServerConfig>>,
    /// For connecting to participants that listen.
    pub client: Arc<ClientConfig>,
}

impl Tls {
    /// Reads the files that `[tls]` names.
    pub fn load(config: &config::Tls) -> Result<Self, TlsError> {
        let own = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => Some(Identity::load(certificate, key)?),
            (None, _) | (_, None) => None,
        };
        let trusted = match &config.trusted {
            Some(file) => roots(file)?,
            None => RootCertStore::empty(),
        };
        Ok(Self {
            server: own.as_ref().map(Identity::server_config).transpose()?.map(Arc::new),
            client: Arc::new(client_config(trusted, own)?),
        })
    }
}

/// A certificate with its chain, and the private key.
struct Identity {
    file: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read_key = PrivateKeyDer::from_pem_file(key);
        let chain = certificates("certificate", certificate)?;
        Ok(Self { file: certificate.to_owned(), chain, key: read_key.map_err(TlsError::file("key", key))? })
    }

    fn server_config(&self) -> Result<ServerConfig, TlsError> {
        // MSRP-140: the suite that RFC 4975 §14.2 mandates is obsolete; those of TLS 1.2 and 1.3 that rustls has are sound.
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        // MSRP-143: a participant needs no certificate.
        let builder = builder.with_no_client_auth();
        builder.with_single_cert(self.chain.clone(), self.key.clone_key()).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: rustls::Error) -> TlsError {
        TlsError::Unusable { key: "certificate", file: self.file.clone(), error }
    }
}

/// Connects with our own certificate at hand, to peers whose certificate goes back to `trusted`.
// MSRP-141: the name must match too, which rustls checks against the name that the caller connects to.
fn client_config(trusted: RootCertStore, own: Option<Identity>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(trusted);
    let Some(own) = own else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = (own.chain.clone(), own.key.clone_key());
    builder.with_client_auth_cert(chain, key).map_err(|error| own.unusable(error))
}

fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("trusted", file)? {
        roots.add(certificate).map_err(|error| TlsError::Unusable { key: "trusted", file: file.to_owned(), error })?;
    }
    Ok(roots)
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = TlsError::file(key, file);
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match all {
        Ok(all) if all.is_empty() => Err(unreadable(pem::Error::NoItemsFound)),
        Ok(all) => Ok(all),
        Err(error) => Err(unreadable(error)),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Why `[tls]` does not work; each names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{}: {}", .file.display(), told(.error))]
    File {
        /// The key of `[tls]` that names it.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// A certificate is none that can be used, or does not belong to the key.
    #[error("{}: {error}", .file.display())]
    Unusable {
        /// The key of `[tls]` that names it.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: rustls::Error,
    },
    /// TLS itself could not be set up.
    #[error("TLS: {0}")]
    Setup(rustls::Error),
}

impl TlsError {
    /// The key of the configuration that it is about.
    pub fn key(&self) -> &'static str {
        match self {
            Self::File { key: "key", .. } => "tls.key",
            Self::File { key: "trusted", .. } | Self::Unusable { key: "trusted", .. } => "tls.trusted",
            Self::File { .. } | Self::Unusable { .. } => "tls.certificate",
            Self::Setup(_) => "tls",
        }
    }

    fn file(key: &'static str, file: &Path) -> impl Fn(pem::Error) -> Self {
        let file = file.to_owned();
        move |error| Self::File { key, file: file.clone(), error }
    }
}

fn told(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "the file holds nothing of the kind in PEM form".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::certificate::write_self_signed;

    /// The configuration for a certificate just made in `directory`, trusted by whoever connects.
    fn self_signed(directory: &Path) -> config::Tls {
        let written = write_self_signed("localhost", directory).unwrap();
        let trusted = Some(written.certificate.clone());
        config::Tls { certificate: Some(written.certificate), key: Some(written.key), trusted }
    }

    /// A handshake over loopback between `client` and `server`, and one word each way.
    async fn talk(server: &Tls, client: &Tls, name: &'static str) -> std::io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let acceptor = TlsAcceptor::from(server.server.clone().unwrap());
        let address = listener.local_addr()?;
        let listening = tokio::spawn(async move {
            let mut stream = acceptor.accept(listener.accept().await?.0).await?;
            let mut word = [0; 4];
            stream.read_exact(&mut word).await?;
            stream.write_all(&word).await?;
            stream.shutdown().await
        });
        let connector = TlsConnector::from(client.client.clone());
        let name = ServerName::try_from(name).unwrap();
        let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
        stream.write_all(b"MSRP").await?;
        let mut echoed = Vec::new();
        stream.read_to_end(&mut echoed).await?;
        assert_eq!(echoed, b"MSRP");
        listening.await?
    }

    /// MSRP-140: a self-signed certificate loads and serves by name and by loopback address.
    #[tokio::test]
    async fn self_signed_handshake() {
        let directory = tempfile::tempdir().unwrap();
        let tls = Tls::load(&self_signed(directory.path())).unwrap();
        talk(&tls, &tls, "localhost").await.unwrap();
        talk(&tls, &tls, "127.0.0.1").await.unwrap();
    }

    /// MSRP-141: we do not connect to a certificate that nobody vouches for, nor to one for another name.
    #[tokio::test]
    async fn untrusted_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let tls = Tls::load(&self_signed(directory.path())).unwrap();
        let trusts_nobody = Tls::load(&config::Tls::default()).unwrap();
        assert!(trusts_nobody.server.is_none());
        talk(&tls, &trusts_nobody, "localhost").await.unwrap_err();
        talk(&tls, &tls, "other.test").await.unwrap_err();
    }

    /// A file that is missing, empty, no PEM, or belongs to another key is named with what is wrong.
    #[test]
    fn bad_files() {
        let directory = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let good = self_signed(directory.path());
        let missing = directory.path().join("missing.pem");
        let junk = directory.path().join("junk.pem");
        std::fs::write(&junk, b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n").unwrap();
        let other_key = self_signed(other.path()).key;
        let bad = [
            ("tls.certificate", config::Tls { certificate: Some(missing.clone()), ..good.clone() }),
            ("tls.certificate", config::Tls { certificate: Some(junk.clone()), ..good.clone() }),
            ("tls.certificate", config::Tls { certificate: good.key.clone(), ..good.clone() }),
            ("tls.certificate", config::Tls { key: other_key, ..good.clone() }),
            ("tls.key", config::Tls { key: Some(missing.clone()), ..good.clone() }),
            ("tls.key", config::Tls { key: good.certificate.clone(), ..good.clone() }),
            ("tls.trusted", config::Tls { trusted: Some(missing), ..good.clone() }),
            ("tls.trusted", config::Tls { trusted: Some(junk), ..good }),
        ];
        for (key, config) in bad {
            let error = Tls::load(&config).unwrap_err();
            assert_eq!(error.key(), key, "{error}");
            assert!(error.to_string().contains(".pem: "), "{error}");
        }
    }
}
