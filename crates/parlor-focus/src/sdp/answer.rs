//! Answering an offer (RFC 3264 §6, RFC 4975 §8).

use super::{Current, LocalMedia, LocalSdp, PeerMedia, Role, SdpReject, Unacceptable, description};
use crate::Limits;
use parlor_msrp::Uri;
use sdp_types::{Media, Session};

/// A session that both sides agreed on.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// Which media line it is on.
    pub line: usize,
    /// Our URI in it.
    pub local: Uri,
    /// The peer's side.
    pub peer: PeerMedia,
    /// Who connects.
    pub role: Role,
    /// What we say: the answer, or the offer that was answered.
    pub sdp: LocalSdp,
}

/// Answers an offer.
///
/// The first `m=message` line that can be the room's session becomes it, or in a later offer the
/// line that already is; all others are refused. `fresh_id` makes the session-id of a new URI.
///
/// # Errors
/// A [`SdpReject`]; for [`SdpReject::Removed`] see [`refusal`].
pub fn answer(
    offer: &[u8],
    local: &LocalMedia<'_>,
    current: Option<Current<'_>>,
    sdp: &LocalSdp,
    limits: &Limits,
    fresh_id: impl FnOnce() -> String,
) -> Result<Negotiated, SdpReject> {
    let offered = description::read(offer, limits)?;
    let (line, peer, role) = choose(&offered, local, current, limits)?;
    let uri = own_uri(&peer, local, current, fresh_id);
    let direction = peer.capabilities.direction.reversed(); // SIP-64
    let mut medias: Vec<Media> = offered.medias.iter().map(refused).collect();
    medias[line] = local.line(&uri, role.as_setup(), direction);
    medias[line].media.clone_from(&offered.medias[line].media);
    medias[line].proto.clone_from(&offered.medias[line].proto);
    let said = local.session(uri.host(), offered.times.clone(), medias);
    Ok(Negotiated { line, sdp: sdp.next(said), local: uri, peer, role })
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

/// The line that becomes the session, and what it says.
fn choose(
    offered: &Session,
    local: &LocalMedia<'_>,
    current: Option<Current<'_>>,
    limits: &Limits,
) -> Result<(usize, PeerMedia, Role), SdpReject> {
    let read = |line: usize| {
        let peer = PeerMedia::read(offered, &offered.medias[line], local, limits)?;
        let role = peer.role_answering(local)?;
        Ok((line, peer, role))
    };
    // SIP-62: lines keep their places, so the session stays where it is.
    let kept = current.map(|current| current.line).filter(|line| *line < offered.medias.len());
    let given_up = kept.is_some_and(|line| offered.medias[line].port == 0);
    if let (Some(line), false) = (kept, given_up) {
        return read(line).map_err(SdpReject::NotAcceptable);
    }
    let mut why = None;
    for line in 0..offered.medias.len() {
        match read(line) {
            Ok(chosen) => return Ok(chosen),
            // What is wrong with the first line that looked like ours says most.
            Err(Unacceptable::NoMessage | Unacceptable::Refused) => {}
            Err(reason) => why = why.or(Some(reason)),
        }
    }
    match why {
        Some(reason) => Err(SdpReject::NotAcceptable(reason)),
        None if given_up => Err(SdpReject::Removed),
        None => Err(SdpReject::NotAcceptable(Unacceptable::NoMessage)), // SIP-61
    }
}

/// Our URI: the one we have while the peer's path stays, else a new one (MSRP-82, MSRP-119).
pub(super) fn own_uri(
    peer: &PeerMedia,
    local: &LocalMedia<'_>,
    current: Option<Current<'_>>,
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
