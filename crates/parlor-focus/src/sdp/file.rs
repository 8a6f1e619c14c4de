//! Offers that are about one file, and our answers to them (RFC 5547 §8).

use super::answer::{own_uri, refused};
use super::file_selector;
use super::media::{find, value};
use super::{Current, Line, LocalMedia, LocalSdp, PeerMedia, Role, SdpReject, Unacceptable, description};
use crate::Limits;
use parlor_msrp::Uri;
use parlor_room::{Direction, FileSelector};
use sdp_types::{Attribute, Media, Session};

/// An offer to send one file, or to be sent one.
#[derive(Debug)]
pub struct FileOffer {
    offered: Session,
    line: usize,
    role: Role,
    /// The peer's side.
    pub peer: PeerMedia,
    /// Whether the peer sends the file; else it wants one.
    pub brings: bool,
    /// Which file.
    pub selector: FileSelector,
    /// Names this transfer (RFC 5547 §8.1).
    pub transfer_id: Option<Box<str>>,
}

/// What we say of a file in an answer.
#[derive(Clone, Copy, Debug)]
pub struct FileAnswer<'a> {
    /// Which file; `None` repeats what the offer says.
    pub selector: Option<&'a FileSelector>,
    /// The media types that we take, as they stand in `a=accept-types`.
    pub accept_types: &'a str,
    /// The largest file that we take.
    pub max_size: Option<u64>,
}

/// Reads an offer; `None` if it is about a chat, or about nothing that we know: then it has a media line that may be the
/// room's session, or none that carries a file.
///
/// # Errors
/// A [`SdpReject`]
pub fn file_offer(offer: &[u8], local: &LocalMedia<'_>, limits: &Limits) -> Result<Option<FileOffer>, SdpReject> {
    if !mentions_file(offer) {
        return Ok(None);
    }
    let offered = description::read(offer, limits)?;
    let of_use = |media: &&Media| media.media.eq_ignore_ascii_case("message") && media.port != 0;
    if !offered.medias.iter().filter(of_use).all(is_file_line) {
        return Ok(None);
    }
    let mut why = None;
    for line in 0..offered.medias.len() {
        match read_line(&offered, line, local, limits) {
            Ok((peer, role, brings, selector)) => {
                let transfer_id = transfer_id(&offered.medias[line]);
                return Ok(Some(FileOffer { offered, line, role, peer, brings, selector, transfer_id }));
            }
            Err(Unacceptable::NoMessage | Unacceptable::Refused) => {}
            Err(reason) => why = why.or(Some(reason)),
        }
    }
    why.map_or(Ok(None), |reason| Err(SdpReject::NotAcceptable(reason)))
}

impl FileOffer {
    /// Answers it; all other lines are refused. `fresh_id` makes the session-id of a new URI.
    pub fn answer(
        self,
        local: &LocalMedia<'_>,
        current: Option<&Current<'_>>,
        sdp: &LocalSdp,
        said: FileAnswer<'_>,
        fresh_id: impl FnOnce() -> String,
    ) -> (Line, LocalSdp) {
        let Self { offered, line, role, peer, .. } = self;
        let uri = own_uri(&peer, local, current, fresh_id);
        let mut medias: Vec<Media> = offered.medias.iter().map(refused).collect();
        let answered = &mut medias[line];
        answered.port = uri.port().unwrap_or_default();
        let about = std::mem::take(&mut answered.attributes);
        answered.attributes = attributes(&uri, role, peer.capabilities.direction.reversed(), said);
        answered.attributes.extend(about.into_iter().filter_map(|attribute| repeated(attribute, said.selector)));
        // RFC 5547 §8.3: the range of octets that the offer has, if it is one that we take, is repeated.
        answered.attributes.extend(find(&offered.medias[line].attributes, "file-range").cloned());
        let described = local.session(uri.host(), offered.times, medias);
        let before = current.map(|current| current.line);
        (Line { line, before, local: uri, peer, role }, sdp.next(described))
    }
}

/// RFC 5547 §8.3: also a line that is refused says which file and which transfer it is about.
pub(super) fn about_file(offered: &Media) -> Vec<Attribute> {
    let kept = [SELECTOR, TRANSFER_ID].into_iter().filter_map(|name| find(&offered.attributes, name));
    kept.cloned().collect()
}

/// Whether the line carries a file. An empty `a=file-selector` tells what its writer can do, and is no reason not to chat
/// (RFC 5547 §8.5).
pub(super) fn is_file_line(media: &Media) -> bool {
    value(media, SELECTOR).is_some_and(|said| !said.trim().is_empty())
}

const SELECTOR: &str = "file-selector";
const TRANSFER_ID: &str = "file-transfer-id";

/// Most offers are about chats, and need not be read twice.
fn mentions_file(offer: &[u8]) -> bool {
    offer.windows(SELECTOR.len()).any(|octets| octets.eq_ignore_ascii_case(SELECTOR.as_bytes()))
}

fn read_line(
    offered: &Session,
    line: usize,
    local: &LocalMedia<'_>,
    limits: &Limits,
) -> Result<(PeerMedia, Role, bool, FileSelector), Unacceptable> {
    let media = &offered.medias[line];
    let peer = PeerMedia::read_file(offered, media, local, limits)?;
    let selector = value(media, SELECTOR).and_then(file_selector::parse).ok_or(Unacceptable::FileSelector)?;
    let brings = match peer.capabilities.direction {
        Direction::SendOnly => true,
        Direction::RecvOnly => false,
        Direction::SendRecv | Direction::Inactive => return Err(Unacceptable::FileDirection),
    };
    if selector.size == Some(0) {
        return Err(Unacceptable::EmptyFile);
    }
    if !value(media, "file-range").is_none_or(|range| is_whole(range, selector.size)) {
        return Err(Unacceptable::FileRange);
    }
    let role = peer.role_answering(local)?;
    Ok((peer, role, brings, selector))
}

/// Whether a range of octets is the file from its beginning to its end.
fn is_whole(range: &str, size: Option<u64>) -> bool {
    match range.trim().split_once('-') {
        Some(("1", "*")) => true,
        Some(("1", stop)) => size.is_some_and(|size| stop.parse() == Ok(size)),
        Some(_) | None => false,
    }
}

fn transfer_id(media: &Media) -> Option<Box<str>> {
    value(media, TRANSFER_ID).map(|id| id.trim().into())
}

fn attributes(uri: &Uri, role: Role, direction: Direction, said: FileAnswer<'_>) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::with_value("setup", role.as_setup()), // MSRP-150
        Attribute::with_value("accept-types", said.accept_types),
    ];
    attributes.extend(said.max_size.map(|size| Attribute::with_value("max-size", size)));
    attributes.extend(super::media::direction_attribute(direction).map(Attribute::new));
    attributes.push(Attribute::with_value("path", uri));
    attributes
}

/// What the offer says of the file comes back as it was written, unless we know more.
fn repeated(attribute: Attribute, selector: Option<&FileSelector>) -> Option<Attribute> {
    match selector {
        Some(known) if attribute.attribute.trim_end().eq_ignore_ascii_case(SELECTOR) => {
            Some(Attribute::with_value(SELECTOR, file_selector::write(known)))
        }
        Some(_) | None => Some(attribute),
    }
}
