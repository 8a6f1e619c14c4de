//! How to join.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parlor_sip::{Transport, Uri};

use crate::error::JoinError;
use crate::limits::Limits;
use crate::target::{Reach, transport_of};

/// Which room to join, as whom and how.
#[derive(Clone, Debug)]
pub struct JoinOptions {
    pub(crate) room: Uri,
    pub(crate) identity: Identity,
    pub(crate) display: Option<String>,
    pub(crate) login: Option<Login>,
    pub(crate) transport: Transport,
    pub(crate) server: Option<SocketAddr>,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) msrp_tls: Option<bool>,
    pub(crate) follow_roster: bool,
    pub(crate) wrapped_types: String,
    pub(crate) chunk_size: usize,
    pub(crate) timeout: Duration,
    pub(crate) user_agent: String,
    pub(crate) limits: Limits,
}

/// Who joins.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// `sip:NAME@` our address.
    Name(String),
    /// A URI as it is.
    Uri(Uri),
}

/// A user of the room's server.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// The password stays out of logs.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl JoinOptions {
    /// Joins the room of that URI as `anonymous`.
    ///
    /// # Errors
    /// [`JoinError::RoomUri`] when it is no `sip:` or `sips:` URI with a user and a host, [`JoinError::Transport`] when it
    /// names a transport that is not spoken here.
    pub fn new(room: &str) -> Result<Self, JoinError> {
        let uri = room.parse::<Uri>().ok().filter(|uri| uri.is_sip() && uri.user().is_some() && uri.host().is_some());
        let uri = uri.ok_or_else(|| JoinError::RoomUri(room.to_owned()))?;
        Ok(Self {
            transport: transport_of(&uri).ok_or_else(|| JoinError::Transport(room.to_owned()))?,
            room: uri,
            identity: Identity::Name("anonymous".to_owned()),
            display: None,
            login: None,
            server: None,
            tls: None,
            msrp_tls: None,
            follow_roster: true,
            wrapped_types: "*".to_owned(),
            chunk_size: parlor_msrp::ChunkSplitter::CHUNK_SIZE,
            timeout: Duration::from_secs(32),
            user_agent: concat!("parlor-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::default(),
        })
    }

    /// Joins under a name: it is shown to the others, and the address becomes `sip:NAME@` our own host, or with
    /// [`JoinOptions::login`] that user's.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { identity: Identity::Name(name.to_owned()), display: Some(name.to_owned()), ..self }
    }

    /// Joins under an address, which is taken as it is.
    #[must_use]
    pub fn from(self, uri: Uri) -> Self {
        Self { identity: Identity::Uri(uri), ..self }
    }

    /// Proves to be a user of the room's server, when asked. Unless told otherwise by [`JoinOptions::from`], our address is
    /// that user's at the host of the room.
    #[must_use]
    pub fn login(self, user: &str, password: &str) -> Self {
        Self { login: Some(Login { user: user.to_owned(), password: password.to_owned() }), ..self }
    }

    /// The name shown to the others.
    #[must_use]
    pub fn display(self, display: &str) -> Self {
        Self { display: Some(display.to_owned()).filter(|display| !display.is_empty()), ..self }
    }

    /// What carries SIP. Unless told: TLS for `sips:`, else the URI's `transport` parameter, else TCP.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// Where SIP goes, whatever the room's URI says.
    #[must_use]
    pub fn server(self, address: SocketAddr) -> Self {
        Self { server: Some(address), ..self }
    }

    /// The certificates to trust, and one to present if wanted; needed for TLS.
    #[must_use]
    pub fn tls(self, config: Arc<rustls::ClientConfig>) -> Self {
        Self { tls: Some(config), ..self }
    }

    /// Whether MSRP goes over TLS. Unless told it does when SIP does.
    #[must_use]
    pub fn msrp_tls(self, tls: bool) -> Self {
        Self { msrp_tls: Some(tls), ..self }
    }

    /// Whether we want to know who is in the room: [`Room::roster`](crate::Room::roster). We do unless told.
    #[must_use]
    pub fn follow_roster(self, follow: bool) -> Self {
        Self { follow_roster: follow, ..self }
    }

    /// The content types we take, as in `a=accept-wrapped-types`; all of them unless told.
    #[must_use]
    pub fn wrapped_types(self, types: &str) -> Self {
        Self { wrapped_types: types.replace(['\r', '\n'], " "), ..self }
    }

    /// Octets of body in a chunk, between 2,048 (MSRP-34) and 64 KiB; 8 KiB unless told.
    #[must_use]
    pub fn chunk_size(self, octets: usize) -> Self {
        Self { chunk_size: octets.clamp(2048, 64 * 1024), ..self }
    }

    /// How long joining may take; 32 s unless told.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What stands in User-Agent.
    #[must_use]
    pub fn user_agent(self, name: &str) -> Self {
        Self { user_agent: name.to_owned(), ..self }
    }

    /// The most that may wait.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How the room is reached.
    pub(crate) fn reach(&self) -> Reach {
        Reach { uri: self.room.clone(), transport: self.transport, server: self.server, tls: self.tls.clone() }
    }

    /// Whether MSRP goes over TLS in the end.
    pub(crate) fn wants_msrp_tls(&self) -> bool {
        self.msrp_tls.unwrap_or_else(|| self.transport == Transport::Tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sip_uris_with_a_user_are_rooms() {
        for wrong in ["", "lobby", "sip:127.0.0.1", "tel:+123", "mailto:lobby@example.com", "sip:lobby@"] {
            assert!(matches!(JoinOptions::new(wrong), Err(JoinError::RoomUri(_))), "{wrong}");
        }
    }

    /// Nothing else carries SIP in place of what the URI names.
    #[test]
    fn unknown_transports_are_refused() {
        for wrong in ["sip:lobby@a;transport=sctp", "sip:lobby@a;transport=WS", "sips:lobby@a;transport=udp"] {
            let refused = JoinOptions::new(wrong);
            assert!(matches!(refused, Err(JoinError::Transport(_))), "{wrong}");
        }
    }

    #[test]
    fn transport_is_that_of_the_uri_unless_told() {
        for (uri, transport) in [
            ("sip:lobby@example.com", Transport::Tcp),
            ("sip:lobby@example.com;transport=UDP", Transport::Udp),
            ("sip:lobby@example.com;transport=tls", Transport::Tls),
            ("sips:lobby@example.com", Transport::Tls),
            ("sips:lobby@example.com;transport=tcp", Transport::Tls),
        ] {
            let options = JoinOptions::new(uri).unwrap();
            assert_eq!(options.transport, transport, "{uri}");
            assert_eq!(options.wants_msrp_tls(), transport == Transport::Tls);
            assert_eq!(options.transport(Transport::Udp).transport, Transport::Udp);
        }
    }
}
