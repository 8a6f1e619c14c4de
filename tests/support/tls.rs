//! TLS as a client that knows the server's certificate.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::PATIENCE;
use super::wire::Wire;

/// Connects, and trusts this certificate and no other.
pub(crate) fn connect(address: SocketAddr, trusted: &Path) -> Wire {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), name_of(address.ip())).unwrap();
    Wire::tls(StreamOwned::new(connection, prepared(TcpStream::connect(address).unwrap())))
}

/// The accepting side, with a certificate of its own.
pub(crate) fn accept(stream: TcpStream, certificate: &Path, key: &Path) -> Wire {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate).unwrap()],
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    Wire::accepted_tls(StreamOwned::new(connection, prepared(stream)))
}

fn name_of(address: IpAddr) -> ServerName<'static> {
    ServerName::IpAddress(address.into())
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}
