//! Files: dialogs that carry one file into the room or out of it (RFC 5547).
//!
//! Such a dialog makes nobody a participant. Whoever begins it must be one already.

use crate::leg::{LegId, Media, opened};
use crate::quota::Share;
use crate::sdp::{self, FileAnswer, FileOffer, LocalSdp, SdpReject, Unacceptable};
use crate::timers::Timer;
use crate::{EndReason, Focus, Output, Reject, SessionSpec};
use parlor_room::{FileId, FileSelector, FoundFile, Identity, ParticipantId, Room, SharedFile, essence};
use std::time::Instant;

/// What a session is for that carries a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// The peer sends a file, of which it says this.
    Receive(FileSelector),
    /// The peer wants this file.
    Send(FileId),
}

/// A session that carries a file.
#[derive(Debug)]
pub(crate) struct FileSession {
    pub(crate) open: crate::leg::Open,
    brings: bool,
    /// What the peer said of the file.
    selector: FileSelector,
    transfer_id: Option<Box<str>>,
    pub(crate) participant: ParticipantId,
    about: About,
    _share: Share,
}

/// What our answers say of a file.
#[derive(Clone, Debug)]
struct About {
    selector: Option<FileSelector>,
    accept_types: Box<str>,
    max_size: Option<u64>,
}

impl About {
    fn answer(&self) -> FileAnswer<'_> {
        FileAnswer { selector: self.selector.as_ref(), accept_types: &self.accept_types, max_size: self.max_size }
    }

    /// RFC 5547 §8.3.1: what the offer says of the file is repeated.
    fn of_offered(selector: &FileSelector, max_size: u64) -> Self {
        let accept_types = selector.kind.as_deref().map_or("*", essence).into();
        Self { selector: None, accept_types, max_size: Some(max_size) }
    }

    /// RFC 5547 §8.3.2. Name and size may stand there too, and clients show them before the file comes.
    fn of_kept(file: &SharedFile) -> Self {
        let selector = FileSelector {
            name: Some(file.name.clone()),
            kind: Some(file.kind.clone()),
            size: file.size,
            hashes: file.hashes,
        };
        Self { selector: Some(selector), accept_types: "*".into(), max_size: None }
    }
}

impl Focus {
    /// The offer of a file, or the wish for one, if that is all that an offer is about.
    pub(crate) fn file_offer(&self, room: &Room, offer: &[u8]) -> Result<Option<FileOffer>, Reject> {
        let local = Self::local_media(&self.settings, room);
        Ok(sdp::file_offer(offer, &local, &self.settings.limits)?)
    }

    /// An INVITE outside of any dialog is about a file.
    pub(crate) fn begin_transfer(
        &mut self,
        room: &mut Room,
        identity: &Identity,
        offer: FileOffer,
        sdp: &LocalSdp,
    ) -> Result<(Media, LocalSdp), Reject> {
        let files = self.settings.files.clone().ok_or(refused(Unacceptable::FileTransfer))?;
        let max_bytes = files.max_bytes;
        let participant = room.may_transfer(identity, offer.brings)?;
        if self.transfers_of(participant).count() >= files.transfers_of_participant {
            return Err(parlor_room::Reject::TooManySessions.into());
        }
        let share = files.transfers.take(1).ok_or(Reject::Overload)?;
        let (transfer, about) = match offer.brings {
            true => take_in(&offer, max_bytes)?,
            false => give_out(&offer, room)?,
        };
        let settings = self.settings.clone();
        let local = Self::local_media(&settings, room);
        let fresh = || Self::session_id(&settings.session_mark, &mut self.rng);
        let (brings, selector) = (offer.brings, offer.selector.clone());
        let transfer_id = offer.transfer_id.clone();
        let (agreed, sdp) = offer.answer(&local, None, sdp, about.answer(), fresh);
        let session = room.name_session();
        let spec = SessionSpec::from(&agreed);
        self.emit(Output::OpenTransfer { session, spec, participant, transfer });
        let open = opened(session, &agreed);
        let file = FileSession { open, brings, selector, transfer_id, participant, about, _share: share };
        Ok((Media::File(Box::new(file)), sdp))
    }

    fn transfers_of(&self, who: ParticipantId) -> impl Iterator<Item = LegId> {
        self.transfers.range((who, LegId(0))..=(who, LegId(u64::MAX))).map(|(_, id)| *id)
    }

    /// A participant is gone, and with it all that it was sending and fetching.
    pub(crate) fn end_transfers(&mut self, now: Instant, room: &mut Room, who: ParticipantId, reason: EndReason) {
        let theirs: Vec<LegId> = self.transfers_of(who).collect();
        for id in theirs {
            self.end(now, room, id, reason);
        }
    }

    /// A later offer in the dialog of a file. RFC 5547 §8.1: it may say the same again, or end the transfer; another file is
    /// not taken in its place.
    pub(crate) fn renegotiate_transfer(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        offer: &[u8],
    ) -> Result<(), Reject> {
        let Some(offer_of_file) = self.file_offer(room, offer)? else {
            self.refuse_all(room, id, offer)?;
            self.close_media(now, room, id, EndReason::MediaRemoved);
            // Whoever gave the file up ends the dialog too; if not, we do.
            self.timers.arm(id, Timer::Rejoin, now + self.settings.rejoin_timeout);
            return Ok(());
        };
        let local = Self::local_media(&self.settings, room);
        let leg = self.legs.get_mut(&id).ok_or(Reject::NoDialog)?;
        let Media::File(file) = &leg.media else { return Err(Reject::NoDialog) };
        let same = file.transfer_id == offer_of_file.transfer_id
            && file.brings == offer_of_file.brings
            && file.selector == offer_of_file.selector
            && file.open.peer == offer_of_file.peer.path;
        if !same {
            return Err(refused(Unacceptable::OtherFile));
        }
        // The path is the same, and so is our URI.
        let current = file.open.current();
        (_, leg.sdp) = offer_of_file.answer(&local, Some(&current), &leg.sdp, file.about.answer(), String::new);
        Ok(())
    }
}

fn refused(why: Unacceptable) -> Reject {
    SdpReject::NotAcceptable(why).into()
}

fn take_in(offer: &FileOffer, max_bytes: u64) -> Result<(Transfer, About), Reject> {
    if offer.selector.size.is_some_and(|size| size > max_bytes) {
        return Err(refused(Unacceptable::FileTooLarge));
    }
    let about = About::of_offered(&offer.selector, max_bytes);
    Ok((Transfer::Receive(offer.selector.clone()), about))
}

/// RFC 5547 §8.3.2: exactly one file, and one that the peer takes.
fn give_out(offer: &FileOffer, room: &Room) -> Result<(Transfer, About), Reject> {
    let id = match room.find_file(&offer.selector) {
        FoundFile::One(id) => id,
        FoundFile::None => return Err(refused(Unacceptable::NoSuchFile)),
        FoundFile::Several => return Err(refused(Unacceptable::SeveralFiles)),
    };
    let file = room.file(id).ok_or(refused(Unacceptable::NoSuchFile))?;
    let takes = &offer.peer.capabilities;
    let fits = takes.max_size.is_none_or(|most| file.size.is_none_or(|size| size <= most));
    if !fits || !takes.wrapped_types.accepts(essence(&file.kind)) {
        return Err(refused(Unacceptable::FileNotTaken));
    }
    Ok((Transfer::Send(id), About::of_kept(file)))
}
