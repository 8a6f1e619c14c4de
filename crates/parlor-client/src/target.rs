//! Where a room is.

use std::io;
use std::net::SocketAddr;

use parlor_sip::Transport;

use crate::error::JoinError;
use crate::options::JoinOptions;

/// The addresses to try for SIP, in their order, never none.
pub(crate) async fn resolve(options: &JoinOptions) -> Result<Vec<SocketAddr>, JoinError> {
    if let Some(server) = options.server {
        return Ok(vec![server]);
    }
    let room = &options.room;
    let host = room.host().expect("JoinOptions has checked that there is a host");
    // RFC 3261 §18.1.1, §19.1.2: the ports when none is written.
    let default_port = if options.sip_transport() == Transport::Tls { 5061 } else { 5060 };
    let port = room.port().unwrap_or(default_port);
    if let Some(ip) = room.host_ip() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    look_up(host, port).await.map_err(|error| JoinError::Lookup { host: host.to_owned(), error })
}

/// All addresses of a host.
pub(crate) async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "it has no address")) } else { Ok(found) }
}
