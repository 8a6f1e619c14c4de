//! What one `m=message` line of a peer says (RFC 4975 §8, RFC 7701 §8).

use super::chatroom::Chatroom;
use super::file::is_file_line;
use super::setup::Setup;
use super::{LocalMedia, Role, Unacceptable};
use crate::Limits;
use parlor_msrp::Path;
use parlor_room::{Capabilities, Direction, TypeList};
use sdp_types::{Attribute, Media, Session};

/// The peer's side of a chat session, read from its media line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMedia {
    /// Whether the transport is TLS.
    pub tls: bool,
    /// The path to the peer, nearest hop first; all of it becomes To-Path (MSRP-112).
    pub path: Path,
    /// What it can take and may do.
    pub capabilities: Capabilities,
    pub(super) setup: Option<Setup>,
}

impl PeerMedia {
    /// Reads a line, if it can be the room's session.
    pub(super) fn read(
        session: &Session,
        media: &Media,
        local: &LocalMedia<'_>,
        limits: &Limits,
    ) -> Result<Self, Unacceptable> {
        // RFC 5547: this line is one file, not a chat, whatever types it takes; Blink sends such.
        if is_file_line(media) {
            transport(media, local)?;
            return Err(Unacceptable::FileTransfer);
        }
        let accept = accept_types(media, limits);
        Self::of(session, media, local, limits, accept)
    }

    /// Reads a line that carries a file.
    pub(super) fn read_file(
        session: &Session,
        media: &Media,
        local: &LocalMedia<'_>,
        limits: &Limits,
    ) -> Result<Self, Unacceptable> {
        Self::of(session, media, local, limits, Ok(entries(media, "accept-types", limits)))
    }

    fn of(
        session: &Session,
        media: &Media,
        local: &LocalMedia<'_>,
        limits: &Limits,
        accept: Result<Vec<&str>, Unacceptable>,
    ) -> Result<Self, Unacceptable> {
        let tls = transport(media, local)?;
        if media.fmt != "*" {
            return Err(Unacceptable::Format);
        }
        let accept = accept?;
        Ok(Self {
            tls,
            path: path(media, tls, local.session_mark, limits)?,
            setup: value(media, "setup")
                .or_else(|| find(&session.attributes, "setup")?.value.as_deref())
                .and_then(Setup::parse),
            capabilities: capabilities(session, media, &accept, local, limits),
        })
    }

    /// Whether the leftmost URI of the path names a port that somebody listens on.
    pub(super) fn is_reachable(&self) -> bool {
        // MSRP-153, MSRP-E13: port 9 is what an active peer writes. MSRP-80: there is no default.
        // MSRP-184: hosts of browsers end in .invalid.
        let first = self.path.first();
        !matches!(first.port(), None | Some(0 | DISCARD))
            && first.transport().eq_ignore_ascii_case("tcp")
            && !first.host().to_ascii_lowercase().ends_with(".invalid")
    }

    /// Our role when this is an offer.
    pub(super) fn role_answering(&self, local: &LocalMedia<'_>) -> Result<Role, Unacceptable> {
        Role::answering(self.setup, self.is_reachable(), local.can_connect)
    }

    /// Our role when this is the answer to our actpass.
    pub(super) fn role_answered(&self, local: &LocalMedia<'_>) -> Result<Role, Unacceptable> {
        Role::answered(self.setup, self.is_reachable(), local.can_connect)
    }
}

/// The port of an active peer (RFC 4145 §4.1).
const DISCARD: u16 = 9;

/// Whether the line is for TLS, if it is for MSRP and we have and want that transport.
fn transport(media: &Media, local: &LocalMedia<'_>) -> Result<bool, Unacceptable> {
    if !media.media.eq_ignore_ascii_case("message") {
        return Err(Unacceptable::NoMessage);
    }
    if media.port == 0 {
        return Err(Unacceptable::Refused);
    }
    let tls = if media.proto.eq_ignore_ascii_case(TCP_TLS_MSRP) {
        true
    } else if media.proto.eq_ignore_ascii_case(TCP_MSRP) {
        false
    } else {
        return Err(Unacceptable::Transport);
    };
    match local.address(tls) {
        Some(_) if !tls && local.require_tls => Err(Unacceptable::TlsRequired), // CHAT-23
        Some(_) => Ok(tls),
        None if tls => Err(Unacceptable::NoTls),
        None => Err(Unacceptable::TlsRequired),
    }
}

pub(super) const TCP_MSRP: &str = "TCP/MSRP";
pub(super) const TCP_TLS_MSRP: &str = "TCP/TLS/MSRP";

fn path(media: &Media, tls: bool, session_mark: &str, limits: &Limits) -> Result<Path, Unacceptable> {
    let text = value(media, "path").ok_or(Unacceptable::Path)?;
    if text.len() > limits.path_bytes {
        return Err(Unacceptable::Path);
    }
    let path = Path::parse(text).map_err(|_| Unacceptable::Path)?;
    // Two sessions of ours bound to each other would pass messages round for ever, whatever leads from us back to us.
    if path.iter().any(|uri| uri.session_id().is_some_and(|id| id.starts_with(session_mark))) {
        return Err(Unacceptable::OwnSession);
    }
    // MSRP-81: msrps means TLS on this hop; a scheme that contradicts the transport could end as
    // less TLS than was offered. MSRP-111: the rightmost URI names the session.
    let usable = path.first().is_secure() == tls && path.last().session_id().is_some();
    if usable { Ok(path) } else { Err(Unacceptable::Path) }
}

/// `a=accept-types`, if message/cpim is among them (CHAT-13, MSRP-113).
fn accept_types<'a>(media: &'a Media, limits: &Limits) -> Result<Vec<&'a str>, Unacceptable> {
    let accept = entries(media, "accept-types", limits);
    let takes_cpim = TypeList::from_entries(accept.iter().copied()).accepts(CPIM);
    if takes_cpim { Ok(accept) } else { Err(Unacceptable::NoCpim) }
}

pub(super) const CPIM: &str = "message/cpim";

fn capabilities(
    session: &Session,
    media: &Media,
    accept: &[&str],
    local: &LocalMedia<'_>,
    limits: &Limits,
) -> Capabilities {
    // Only the first a=chatroom counts, as it does for Blink; which says none itself.
    let chatroom = find(&media.attributes, "chatroom").map(|a| Chatroom::parse(a.value.as_deref()));
    let known = || local.chat_clients.iter().any(|name| is_client(&session.session_name, name));
    let chatroom = chatroom.or_else(|| known().then_some(Chatroom::FULL));
    let tokens = chatroom.unwrap_or_default();
    Capabilities {
        direction: direction(session, media),
        wrapped_types: wrapped_types(media, accept, limits),
        max_size: value(media, "max-size").and_then(|size| size.trim().parse().ok()),
        chatroom: chatroom.is_some(),
        nickname: tokens.nickname,
        private_messages: tokens.private_messages,
    }
}

/// Whether the name of a session, which is that of the client in some, begins with this one.
fn is_client(session_name: &str, name: &str) -> bool {
    session_name.split_ascii_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(name))
}

/// CHAT-15: what may be wrapped is what either list names; nothing but message/cpim named means
/// text/plain.
fn wrapped_types(media: &Media, accept: &[&str], limits: &Limits) -> TypeList {
    let mut usable: Vec<&str> = Vec::new();
    let wrapped = entries(media, "accept-wrapped-types", limits);
    for entry in accept.iter().copied().chain(wrapped) {
        if entry == "*" || entry == "*/*" {
            return TypeList::any();
        }
        if !entry.eq_ignore_ascii_case(CPIM) && !usable.iter().any(|u| u.eq_ignore_ascii_case(entry)) {
            usable.push(entry);
        }
    }
    if usable.is_empty() {
        usable.push("text/plain");
    }
    TypeList::from_entries(usable)
}

/// The entries of a list of types, without parameters (MSRP-115).
fn entries<'a>(media: &'a Media, name: &str, limits: &Limits) -> Vec<&'a str> {
    let list = value(media, name).unwrap_or("");
    list.split_ascii_whitespace()
        .map(|entry| entry.split(';').next().unwrap_or(entry))
        .filter(|entry| entry.len() <= limits.type_bytes)
        .filter(|entry| *entry == "*" || entry.contains('/'))
        .take(limits.type_entries)
        .collect()
}

/// The media line's direction, else the session's, else sendrecv (RFC 3264 §5.1).
fn direction(session: &Session, media: &Media) -> Direction {
    let read = |attributes: &[Attribute]| attributes.iter().find_map(|a| direction_named(&a.attribute));
    read(&media.attributes).or_else(|| read(&session.attributes)).unwrap_or_default()
}

fn direction_named(name: &str) -> Option<Direction> {
    let named = |(word, direction): &(&str, Direction)| word.eq_ignore_ascii_case(name).then_some(*direction);
    DIRECTIONS.iter().find_map(named)
}

/// The attribute that says `direction`; `None` for sendrecv, which needs none.
pub(super) fn direction_attribute(direction: Direction) -> Option<&'static str> {
    let named = |(word, found): &(&'static str, Direction)| (*found == direction).then_some(*word);
    DIRECTIONS.iter().find_map(named).filter(|_| direction != Direction::SendRecv)
}

const DIRECTIONS: [(&str, Direction); 4] = [
    ("sendrecv", Direction::SendRecv),
    ("sendonly", Direction::SendOnly),
    ("recvonly", Direction::RecvOnly),
    ("inactive", Direction::Inactive),
];

pub(super) fn value<'a>(media: &'a Media, name: &str) -> Option<&'a str> {
    find(&media.attributes, name)?.value.as_deref()
}

pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.attribute.trim_end().eq_ignore_ascii_case(name))
}
