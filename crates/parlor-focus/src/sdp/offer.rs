//! Our own offer, and reading what answers it (SIP-41, MSRP-151).

use super::answer::new_uri;
use super::{Current, Line, LocalMedia, LocalSdp, Negotiated, PeerMedia, SdpReject, Unacceptable, description};
use crate::Limits;
use parlor_msrp::Uri;
use parlor_room::Direction;
use sdp_types::Session;

/// An offer of ours that awaits its answer.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The sessions in it: on which media line, and our URI.
    pub lines: Vec<(usize, Uri)>,
    /// What we said.
    pub sdp: LocalSdp,
}

impl Offered {
    /// Our URI of its first session.
    pub fn uri(&self) -> &Uri {
        &self.lines.first().expect("an offer of ours has a session").1
    }
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
    Ok(Offered { sdp: sdp.next(said), lines: vec![(0, uri)] })
}

/// What we could offer, without offering it: RFC 3264 §9 (SIP-48). Anybody may ask for it, so what the room is about is not told.
pub fn capabilities(local: &LocalMedia<'_>) -> String {
    let local = LocalMedia { topic: "", ..*local };
    let lines = [false, true].into_iter().filter_map(|tls| local.capability_line(tls)).collect();
    LocalSdp::new(0).next(local.session(local.host(), Vec::new(), lines)).text().to_owned()
}

/// What we said last, with each line refused that is none of these sessions any more.
pub fn without_ended(sdp: &LocalSdp, current: &[Current<'_>]) -> LocalSdp {
    sdp.with_lines(|line| current.iter().any(|current| current.line == line))
}

/// Reads the answer to an offer of ours, which was about the `current` sessions if there are some. Lines may be refused in
/// it, but not all.
///
/// # Errors
/// A [`SdpReject`]: the answer is broken, refuses, or does not fit the offer.
pub fn read_answer(
    answer: &[u8],
    offered: Offered,
    current: &[Current<'_>],
    local: &LocalMedia<'_>,
    limits: &Limits,
) -> Result<Negotiated, SdpReject> {
    let answered = description::read(answer, limits)?;
    let mut lines = Vec::new();
    for (line, uri) in offered.lines {
        let current = current.iter().find(|current| current.line == line);
        match read_line(&answered, line, uri, current, local, limits) {
            Ok(read) => lines.push(read),
            Err(Unacceptable::Refused) => {}
            Err(reason) => return Err(SdpReject::NotAcceptable(reason)),
        }
    }
    match lines.is_empty() {
        true => Err(SdpReject::NotAcceptable(Unacceptable::Refused)),
        false => Ok(Negotiated { lines, sdp: offered.sdp }),
    }
}

fn read_line(
    answered: &Session,
    line: usize,
    uri: Uri,
    current: Option<&Current<'_>>,
    local: &LocalMedia<'_>,
    limits: &Limits,
) -> Result<Line, Unacceptable> {
    let media = answered.medias.get(line).ok_or(Unacceptable::Mismatch)?;
    let peer = PeerMedia::read(answered, media, local, limits)?;
    if peer.tls != uri.is_secure() {
        return Err(Unacceptable::Mismatch);
    }
    let role = match current {
        // MSRP-119: the connection there is stays, whatever a=setup says now.
        Some(current) if *current.peer == peer.path => current.role,
        Some(_) | None => peer.role_answered(local)?,
    };
    Ok(Line { line, before: current.map(|current| current.line), local: uri, peer, role })
}
