//! What we say in SDP: our addresses, our media line, our origin.

use super::answer::refused;
use super::media::{CPIM, TCP_MSRP, TCP_TLS_MSRP, direction_attribute};
use super::{Chatroom, Role};
use parlor_msrp::{Path, Uri};
use parlor_room::{Direction, TypeList};
use sdp_types::{AddrType, Attribute, Connection, Media, NetType, Origin, Session, Time};

/// Where MSRP connections to us arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsrpAddress {
    /// A name or an address; an IPv6 address without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

/// Where MSRP connections to us arrive, by transport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MsrpAddresses {
    /// Over plain TCP.
    pub tcp: Option<MsrpAddress>,
    /// Over TLS.
    pub tls: Option<MsrpAddress>,
}

/// What we bring to a session.
#[derive(Clone, Copy, Debug)]
pub struct LocalMedia<'a> {
    /// Where we listen.
    pub addresses: &'a MsrpAddresses,
    /// What the session-ids of our URIs begin with.
    pub session_mark: &'a str,
    /// The types that may stand inside message/cpim (CHAT-14).
    pub wrapped_types: &'a TypeList,
    /// The largest message, in octets (MSRP-117).
    pub max_size: u64,
    /// What our `a=chatroom` says (CHAT-19).
    pub chatroom: Chatroom,
    /// Clients, by the first word of `s=`, that know chat rooms although they do not say so.
    pub chat_clients: &'a [Box<str>],
    /// Whether plain TCP is refused (CHAT-23).
    pub require_tls: bool,
    /// Whether we can connect to a peer that insists on waiting (MSRP-157).
    pub can_connect: bool,
    /// What the room is about (CHAT-140, SIP-66). Empty: not said.
    pub topic: &'a str,
    /// Whether files may be sent and fetched, by offers of their own.
    pub files: bool,
}

/// The session as the offer and answer before had it.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// Which media line it is on.
    pub line: usize,
    /// Our URI.
    pub local: &'a Uri,
    /// The peer's path.
    pub peer: &'a Path,
    /// Who connects, or did.
    pub role: Role,
}

impl LocalMedia<'_> {
    /// Where we listen for this transport.
    pub(super) fn address(&self, tls: bool) -> Option<&MsrpAddress> {
        if tls { self.addresses.tls.as_ref() } else { self.addresses.tcp.as_ref() }
    }

    /// The host of a description that has no session.
    pub(super) fn host(&self) -> &str {
        let any = self.addresses.tcp.as_ref().or(self.addresses.tls.as_ref());
        any.map_or("0.0.0.0", |address| &address.host)
    }

    /// A media line that says what we can do, without a session: port 0, no path.
    pub(super) fn capability_line(&self, tls: bool) -> Option<Media> {
        let address = self.address(tls).filter(|_| tls || !self.require_tls)?;
        let nowhere = Uri::new(tls, &address.host, address.port, "none", "tcp");
        let mut line = self.line(&nowhere, "actpass", Direction::SendRecv);
        line.port = 0;
        line.attributes.retain(|a| !matches!(&*a.attribute, "path" | "setup"));
        // RFC 5547 §8.5: empty, it says that files are served.
        line.attributes.extend(self.files.then(|| Attribute::new("file-selector")));
        Some(line)
    }

    /// Our media line for a session at `uri`.
    pub(super) fn line(&self, uri: &Uri, setup: &str, direction: Direction) -> Media {
        let mut media = Media {
            media: "message".into(),
            // MSRP-110: the same port as in the path. RFC 4145 §4.1 would like 9 when we are
            // active; the real one lets a relay of the peer come to us (MSRP-156).
            port: uri.port().unwrap_or_default(),
            num_ports: None,
            proto: if uri.is_secure() { TCP_TLS_MSRP } else { TCP_MSRP }.into(),
            fmt: "*".into(),
            media_title: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        };
        media.attributes = self.attributes(uri, setup, direction);
        media
    }

    fn attributes(&self, uri: &Uri, setup: &str, direction: Direction) -> Vec<Attribute> {
        let mut said = vec![
            Attribute::with_value("setup", setup),       // MSRP-150
            Attribute::with_value("accept-types", CPIM), // CHAT-14
        ];
        if !self.wrapped_types.is_empty() {
            let types = self.wrapped_types.iter().collect::<Vec<_>>().join(" ");
            said.push(Attribute::with_value("accept-wrapped-types", types));
        }
        said.push(Attribute::with_value("max-size", self.max_size));
        said.extend(direction_attribute(direction).map(Attribute::new));
        said.push(Attribute::with_value("path", uri));
        said.push(match self.chatroom.value() {
            Some(tokens) => Attribute::with_value("chatroom", tokens),
            None => Attribute::new("chatroom"), // CHAT-18
        });
        said
    }

    /// A description with these media lines, from `host`.
    pub(super) fn session(&self, host: &str, times: Vec<Time>, medias: Vec<Media>) -> Session {
        Session {
            origin: Origin::new("0", 0, NetType::In, address_type(host), host),
            session_name: "-".into(), // SIP-66
            session_description: (!self.topic.is_empty()).then(|| self.topic.to_owned()),
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: Some(connection(host)),
            bandwidths: Vec::new(),
            times,
            time_zones: Vec::new(),
            key: None,
            attributes: Vec::new(),
            medias,
        }
    }
}

/// MSRP-110: the host of our own path.
pub(super) fn connection(host: &str) -> Connection {
    Connection::new(NetType::In, address_type(host), host)
}

fn address_type(host: &str) -> AddrType {
    if host.contains(':') { AddrType::Ip6 } else { AddrType::Ip4 }
}

/// Our side of a dialog's SDP: what was said last, and under which origin.
#[derive(Clone, Debug)]
pub struct LocalSdp {
    id: u64,
    version: u64,
    text: Box<str>,
}

impl LocalSdp {
    /// Nothing said yet. `id` becomes the session id of `o=`.
    pub fn new(id: u64) -> Self {
        Self { id, version: 0, text: "".into() }
    }

    /// What was said last.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same with all lines refused but those that stay.
    #[must_use]
    pub(super) fn with_lines(&self, stays: impl Fn(usize) -> bool) -> Self {
        let Ok(mut said) = Session::parse(self.text.as_bytes()) else { return self.clone() };
        let gone = |(line, media): &(usize, &mut Media)| media.port != 0 && !stays(*line);
        let mut gone = said.medias.iter_mut().enumerate().filter(gone).peekable();
        if gone.peek().is_none() {
            return self.clone();
        }
        for (_, media) in gone {
            *media = refused(media);
        }
        self.next(said)
    }

    /// Writes the next description under our origin.
    ///
    /// SIP-60, SIP-63, MSRP-119: the version grows by one with each change, and a description
    /// without a change is the same to the octet.
    #[must_use]
    pub(super) fn next(&self, mut session: Session) -> Self {
        session.origin.username = Some("parlor".into());
        session.origin.sess_id = self.id.to_string();
        session.origin.sess_version = self.version;
        let same = session.to_string();
        if *same == *self.text {
            return self.clone();
        }
        let version = self.version.saturating_add(1);
        session.origin.sess_version = version;
        Self { id: self.id, version, text: session.to_string().into_boxed_str() }
    }
}
