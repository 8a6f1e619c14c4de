//! Our own offer, and reading what answers it (SIP-41, MSRP-151).

use super::answer::new_uri;
use super::{Current, LocalMedia, LocalSdp, Negotiated, PeerMedia, SdpReject, Unacceptable, description};
use crate::Limits;
use parlor_msrp::Uri;
use parlor_room::Direction;

/// An offer of ours that awaits its answer.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Our URI in it.
    pub local: Uri,
    /// What we said.
    pub sdp: LocalSdp,
}

/// Makes an offer, over TLS if that is required, wanted or all that we have.
///
/// # Errors
/// [`Unacceptable::NoTls`] when TLS is required and we have none.
pub fn offer(
    local: &LocalMedia<'_>,
    prefer_tls: bool,
    sdp: &LocalSdp,
    session_id: &str,
) -> Result<Offered, Unacceptable> {
    let tls = local.require_tls || local.addresses.tcp.is_none() || (prefer_tls && local.addresses.tls.is_some());
    let address = local.address(tls).ok_or(Unacceptable::NoTls)?;
    let uri = new_uri(tls, address, session_id);
    let line = local.line(&uri, "actpass", Direction::SendRecv);
    let said = local.session(uri.host(), Vec::new(), vec![line]);
    Ok(Offered { sdp: sdp.next(said), local: uri })
}

/// What we could offer, without offering it: RFC 3264 §9 (SIP-48).
pub fn capabilities(local: &LocalMedia<'_>) -> String {
    let lines = [false, true].into_iter().filter_map(|tls| local.capability_line(tls)).collect();
    LocalSdp::new(0).next(local.session(local.host(), Vec::new(), lines)).text().to_owned()
}

/// Reads the answer to an offer of ours, which was about the `current` session if there is one.
///
/// # Errors
/// A [`SdpReject`]: the answer is broken, refuses, or does not fit the offer.
pub fn read_answer(
    answer: &[u8],
    offered: Offered,
    current: Option<Current<'_>>,
    local: &LocalMedia<'_>,
    limits: &Limits,
) -> Result<Negotiated, SdpReject> {
    let answered = description::read(answer, limits)?;
    let line = current.map_or(0, |current| current.line);
    let media = answered.medias.get(line).ok_or(SdpReject::NotAcceptable(Unacceptable::Mismatch))?;
    let peer = PeerMedia::read(&answered, media, local, limits).map_err(SdpReject::NotAcceptable)?;
    if peer.tls != offered.local.is_secure() {
        return Err(SdpReject::NotAcceptable(Unacceptable::Mismatch));
    }
    let role = match current {
        // MSRP-119: the connection there is stays, whatever a=setup says now.
        Some(current) if *current.peer == peer.path => current.role,
        Some(_) | None => peer.role_answered(local).map_err(SdpReject::NotAcceptable)?,
    };
    Ok(Negotiated { line, local: offered.local, peer, role, sdp: offered.sdp })
}
