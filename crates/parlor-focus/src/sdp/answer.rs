//! Answering an offer (RFC 3264 §6, RFC 4975 §8).

use super::local::connection;
use super::{Current, LocalMedia, LocalSdp, PeerMedia, Role, SdpReject, Unacceptable, description};
use crate::Limits;
use parlor_msrp::Uri;
use sdp_types::{Media, Session};

/// What both sides agreed on.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The media lines that are sessions, in their order; at least one.
    pub lines: Vec<Line>,
    /// What we say: the answer, or the offer that was answered.
    pub sdp: LocalSdp,
}

/// A session that both sides agreed on.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which media line it is on.
    pub line: usize,
    /// Which media line it was on before, if it is no new session.
    pub before: Option<usize>,
    /// Our URI in it.
    pub local: Uri,
    /// The peer's side.
    pub peer: PeerMedia,
    /// Who connects.
    pub role: Role,
}

/// Answers an offer.
///
/// Each `m=message` line that can be a session of the room becomes one, up to the limit, or in a later offer stays the one
/// that it is; all others are refused. `fresh_id` makes the session-id of a new URI.
///
/// # Errors
/// A [`SdpReject`]; for [`SdpReject::Removed`] see [`refusal`].
pub fn answer(
    offer: &[u8],
    local: &LocalMedia<'_>,
    current: &[Current<'_>],
    sdp: &LocalSdp,
    limits: &Limits,
    mut fresh_id: impl FnMut() -> String,
) -> Result<Negotiated, SdpReject> {
    let offered = description::read(offer, limits)?;
    let mut lines = Vec::new();
    for Chosen { line, peer, role } in choose(&offered, local, current, limits)? {
        let before = continued(line, &offered, current).filter(|before| !goes_on(&lines, before));
        let local = own_uri(&peer, local, before, &mut fresh_id);
        lines.push(Line { line, before: before.map(|before| before.line), local, peer, role });
    }
    let host = lines.first().map_or(local.host(), |first| first.local.host());
    let mut medias: Vec<Media> = offered.medias.iter().map(refused).collect();
    for Line { line, local: uri, peer, role, .. } in &lines {
        let direction = peer.capabilities.direction.reversed(); // SIP-64
        let (said, asked) = (local.line(uri, role.as_setup(), direction), &offered.medias[*line]);
        let connections = if uri.host() == host { Vec::new() } else { vec![connection(uri.host())] };
        medias[*line] = Media { media: asked.media.clone(), proto: asked.proto.clone(), connections, ..said };
    }
    let said = local.session(host, offered.times.clone(), medias);
    Ok(Negotiated { sdp: sdp.next(said), lines })
}

/// The answer that refuses every line of an offer: the session is given up, the dialog stays
/// (SIP-65).
///
/// # Errors
/// [`SdpReject::Syntax`]
pub fn refusal(offer: &[u8], local: &LocalMedia<'_>, sdp: &LocalSdp, limits: &Limits) -> Result<LocalSdp, SdpReject> {
    let offered = description::read(offer, limits)?;
    let medias = offered.medias.iter().map(refused).collect();
    Ok(sdp.next(local.session(local.host(), offered.times, medias)))
}

/// A line that is to be a session.
struct Chosen {
    line: usize,
    peer: PeerMedia,
    role: Role,
}

/// The lines that are to be sessions; at least one.
fn choose(
    offered: &Session,
    local: &LocalMedia<'_>,
    current: &[Current<'_>],
    limits: &Limits,
) -> Result<Vec<Chosen>, SdpReject> {
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut why = None;
    for (line, media) in offered.medias.iter().enumerate() {
        // SIP-62: lines keep their places, so a session stays where it is.
        let is_kept = current.iter().any(|current| current.line == line) && media.port != 0;
        match read(offered, line, local, limits) {
            Ok(read) if is_kept => chosen.push(read),
            Ok(read) if chosen.len() < limits.message_lines && !has_path(&chosen, &read) => chosen.push(read),
            Ok(_) => {}
            Err(reason) if is_kept => return Err(SdpReject::NotAcceptable(reason)),
            // What is wrong with the first line that looked like ours says most.
            Err(Unacceptable::NoMessage | Unacceptable::Refused) => {}
            Err(reason) => why = why.or(Some(reason)),
        }
    }
    let given_up = |current: &Current<'_>| offered.medias.get(current.line).is_some_and(|media| media.port == 0);
    match why {
        _ if !chosen.is_empty() => Ok(chosen),
        Some(reason) => Err(SdpReject::NotAcceptable(reason)),
        None if current.iter().any(given_up) => Err(SdpReject::Removed),
        None => Err(SdpReject::NotAcceptable(Unacceptable::NoMessage)), // SIP-61
    }
}

fn read(offered: &Session, line: usize, local: &LocalMedia<'_>, limits: &Limits) -> Result<Chosen, Unacceptable> {
    let peer = PeerMedia::read(offered, &offered.medias[line], local, limits)?;
    let role = peer.role_answering(local)?;
    Ok(Chosen { line, peer, role })
}

/// MSRP-82: no two sessions have one URI.
fn has_path(chosen: &[Chosen], another: &Chosen) -> bool {
    chosen.iter().any(|known| known.peer.path == another.peer.path)
}

/// The session that goes on on this line: the one that is there, or where no session stays on its line the first one.
fn continued<'c, 'a>(line: usize, offered: &Session, current: &'c [Current<'a>]) -> Option<&'c Current<'a>> {
    let stays = |current: &&Current<'_>| offered.medias.get(current.line).is_some_and(|media| media.port != 0);
    let mut kept = current.iter().filter(stays).peekable();
    match kept.peek() {
        Some(_) => kept.find(|current| current.line == line),
        None => current.first(),
    }
}

fn goes_on(lines: &[Line], before: &Current<'_>) -> bool {
    lines.iter().any(|line| line.before == Some(before.line))
}

/// Our URI: the one we have while the peer's path stays, else a new one (MSRP-82, MSRP-119).
pub(super) fn own_uri(
    peer: &PeerMedia,
    local: &LocalMedia<'_>,
    current: Option<&Current<'_>>,
    fresh_id: impl FnOnce() -> String,
) -> Uri {
    let address = local.address(peer.tls).expect("a line is acceptable only if we listen for it");
    match current {
        Some(current) if current.peer == &peer.path && current.local.is_secure() == peer.tls => current.local.clone(),
        Some(_) | None => new_uri(peer.tls, address, &fresh_id()),
    }
}

/// Our URI for a session named `id`.
pub(super) fn new_uri(tls: bool, address: &super::MsrpAddress, id: &str) -> Uri {
    Uri::new(tls, &address.host, address.port, id, "tcp")
}

/// SIP-60: the same media, transport and format with port 0.
pub(super) fn refused(offered: &Media) -> Media {
    Media {
        media: offered.media.clone(),
        port: 0,
        num_ports: None,
        proto: offered.proto.clone(),
        fmt: offered.fmt.clone(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: super::file::about_file(offered),
    }
}
