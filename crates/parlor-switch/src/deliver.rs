//! From the pieces of a message to the frames in its recipients' outboxes.

use crate::Credit;
use crate::frame::{BASE62, CPIM, Frame, FrameHeaders, FrameTid, MessageKey, Place, TID_RANDOM};
use crate::heard::Heard;
use crate::outbox::Pushed;
use crate::private::Private;
use crate::recipients::{Except, Recipients, wake};
use crate::reserve::{Reserve, Reserved, SMALLEST_HELD};
use crate::route::Route;
use crate::switch::Kind;
use bytes::Bytes;
use memchr::memmem;
use parlor_msrp::{FailureReport, Flag};
use parlor_room::ParticipantId;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::sync::Arc;

/// A chunk smaller than this is made only as the last one of what its sender sent at once (MSRP-34).
const SMALLEST_CHUNK: usize = 2048;
/// A chunk larger than this must be interruptible: its range has no end (MSRP-33).
pub(crate) const LARGEST_FIXED_CHUNK: usize = 2048;

/// How frames are cut and what they ask of their recipients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// The most octets of body in one frame.
    pub(crate) frame_bytes: usize,
    /// `Failure-Report` of the copies (CHAT-45).
    pub(crate) failure_report: &'static str,
}

/// What the messages of a room are handed out with.
#[derive(Debug)]
pub(crate) struct Fanout {
    pub(crate) cut: Cut,
    pub(crate) rng: StdRng,
    pub(crate) reserve: Reserve,
    /// What has been planned in this turn.
    pub(crate) turn: Vec<Planned>,
    /// Whether any of it was content, since that was last asked.
    pub(crate) content: bool,
}

/// A message on its way out: cut into frames for the recipients that were there when it started.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) key: MessageKey,
    pub(crate) random: [u8; TID_RANDOM],
    pub(crate) kind: Kind,
    pub(crate) recipients: Recipients,
    /// Its sender, who gets no copy (CHAT-41).
    pub(crate) except: Except,
    /// If it is for one participant.
    pub(crate) private: Option<Private>,
    /// What the room is to be about once it is complete.
    pub(crate) subject: Option<Box<str>>,
    pub(crate) headers_len: usize,
    /// What is gathered of it.
    pub(crate) heard: Option<Box<Heard>>,
    message_id: Bytes,
    declared_total: Option<u64>,
    frames: u64,
    sent: u64,
    pending: Option<Pending>,
}

/// Octets that wait for the next ones, or for the end, so that the last frame can say that it is the last.
#[derive(Debug)]
struct Pending {
    body: Bytes,
    /// What covers them.
    credits: Vec<Credit>,
    /// Instead of their sender's credit, if they are held back.
    held: Option<Reserved>,
}

impl Pending {
    fn new(body: Bytes, credit: &Credit) -> Self {
        Self { body, credits: vec![credit.clone()], held: None }
    }

    /// What follows, copied together with these.
    fn join(&mut self, reserve: &Reserve, body: &[u8], credit: &Credit) {
        self.body = Bytes::from([&self.body, body].concat());
        self.release(reserve);
        if self.credits.last().is_none_or(|last| !last.same(credit)) {
            self.credits.push(credit.clone());
        }
    }

    fn release(&mut self, reserve: &Reserve) {
        self.credits.extend(self.held.take().map(|held| reserve.release(held)));
    }

    fn into_parts(mut self, reserve: &Reserve) -> (Bytes, Credit) {
        self.release(reserve);
        let credit = match self.credits.as_slice() {
            [credit] => credit.clone(),
            credits => Credit::joint(credits),
        };
        (self.body, credit)
    }
}

/// A frame and for whom it is.
#[derive(Debug)]
pub(crate) struct Planned {
    frame: Arc<Frame>,
    to: Recipients,
    except: Except,
}

impl Outgoing {
    pub(crate) fn new(key: MessageKey, rng: &mut StdRng, route: Route, declared_total: Option<u64>) -> Self {
        let random = random_id(rng);
        let message_id = Bytes::copy_from_slice(&random);
        let Route { kind, recipients, except, private, subject, headers_len, heard } = route;
        Self {
            key,
            random,
            kind,
            recipients,
            except,
            private,
            subject,
            headers_len,
            heard,
            message_id,
            declared_total,
            frames: 0,
            sent: 0,
            pending: None,
        }
    }

    /// How many get it.
    pub(crate) fn audience(&self) -> usize {
        self.recipients.addressed(self.except)
    }

    /// Of a private message: whom it is for.
    pub(crate) fn only_recipient(&self) -> Option<ParticipantId> {
        self.private.as_ref().map(|private| private.to)
    }

    /// Whether it is a private message that nobody whom it is for gets.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.heard.is_none() && self.is_for_no_session()
    }

    /// Whether it is a private message that none gets for whom it is, unless by MESSAGE.
    pub(crate) fn is_for_no_session(&self) -> bool {
        self.only_recipient().is_some_and(|to| self.recipients.iter().all(|recipient| recipient.participant != to))
    }

    /// All of it, if none of it has been planned yet.
    pub(crate) fn unsent(&self) -> Option<&[u8]> {
        self.pending.as_ref().filter(|_| self.frames == 0).map(|pending| &*pending.body)
    }

    /// What has not been planned goes to nobody.
    pub(crate) fn withhold(&mut self) {
        self.pending = None;
    }

    /// What its copies ask of their recipients.
    fn failure_report(&self, cut: &Cut) -> &'static str {
        match self.kind {
            // EVT-107: nobody needs to know whether it came.
            Kind::Composing => FailureReport::No.as_str(),
            Kind::Room | Kind::Private | Kind::Imdn => cut.failure_report,
        }
    }

    /// Whether a first frame has been planned.
    pub(crate) fn has_begun(&self) -> bool {
        self.frames > 0
    }

    /// Octets that are held back without their sender's credit.
    pub(crate) fn held(&self) -> usize {
        self.pending.as_ref().and_then(|pending| pending.held.as_ref()).map_or(0, Reserved::octets)
    }

    /// Whether more than one frame has been planned.
    pub(crate) fn has_several_frames(&self) -> bool {
        self.frames > 1
    }

    /// Takes further octets of the message; what makes whole frames is planned.
    pub(crate) fn push(&mut self, fanout: &mut Fanout, body: Bytes, credit: &Credit) {
        if let Some(heard) = &mut self.heard {
            heard.take(&body);
        }
        let mut pending = match self.pending.take() {
            Some(mut pending) if pending.body.len() < SMALLEST_CHUNK => {
                pending.join(&fanout.reserve, &body, credit);
                pending
            }
            Some(whole) => {
                self.plan_pending(fanout, whole, Flag::More);
                Pending::new(body, credit)
            }
            None => Pending::new(body, credit),
        };
        while pending.body.len() > fanout.cut.frame_bytes {
            let rest = pending.body.split_off(fanout.cut.frame_bytes);
            self.plan_pending(fanout, pending, Flag::More);
            pending = Pending::new(rest, credit);
        }
        if !pending.body.is_empty() {
            self.pending = Some(pending);
        }
    }

    /// What waits is planned, as the end of a chunk of the sender's or of the whole message.
    pub(crate) fn end(&mut self, fanout: &mut Fanout, flag: Flag) {
        match self.pending.take() {
            Some(pending) if flag != Flag::Abort => self.plan_pending(fanout, pending, flag),
            None if flag == Flag::More => {}
            Some(_) | None => self.plan(fanout, &[], &Credit::none(), flag),
        }
    }

    /// At the end of a turn: what is worth a frame goes out; less is held back, if there is space for it.
    pub(crate) fn end_turn(&mut self, fanout: &mut Fanout) {
        let Some(pending) = self.pending.take_if(|pending| pending.held.is_none()) else { return };
        let held = (pending.body.len() < SMALLEST_CHUNK)
            .then(|| fanout.reserve.take(pending.body.len().max(SMALLEST_HELD)))
            .flatten();
        match held {
            // A copy, without the credit of who sent it: it might never be read again.
            Some(held) => {
                let body = Bytes::copy_from_slice(&pending.body);
                self.pending = Some(Pending { body, credits: Vec::new(), held: Some(held) });
            }
            None => self.plan_pending(fanout, pending, Flag::More),
        }
    }

    fn plan_pending(&mut self, fanout: &mut Fanout, pending: Pending, flag: Flag) {
        let (body, credit) = pending.into_parts(&fanout.reserve);
        self.plan(fanout, &body, &credit, flag);
    }

    fn plan(&mut self, fanout: &mut Fanout, body: &[u8], credit: &Credit, flag: Flag) {
        let place = if self.frames == 0 { Place::First } else { Place::Later };
        let start = self.sent + 1;
        let end = self.sent + body.len() as u64;
        let total = match flag {
            Flag::Complete => Some(end),
            // RFC 4975 §7.1.1: the declared total is a hint; a wrong one is not passed on once it shows (MSRP-E2).
            Flag::More | Flag::Abort => self.declared_total.filter(|total| *total > end),
        };
        let fixed = body.len() <= LARGEST_FIXED_CHUNK && flag != Flag::Abort;
        let failure_report = self.failure_report(&fanout.cut);
        let headers = FrameHeaders {
            message_id: &self.message_id,
            failure_report,
            start,
            end: fixed.then_some(end),
            total,
            content: &CPIM,
        };
        let frame = Frame {
            message: self.key,
            place,
            flag,
            tid: FrameTid::new(&absent_from(body, self.random, &mut fanout.rng), self.frames),
            headers: headers.encode(),
            message_id: self.message_id.clone(),
            failure_report,
            content: CPIM,
            start,
            // A copy of its own size: what was read with it is not kept for as long as a recipient has not got this.
            body: Bytes::copy_from_slice(body),
            credit: credit.clone(),
        };
        self.frames += 1;
        self.sent = end;
        fanout.content |= flag != Flag::Abort;
        fanout.turn.push(Planned { frame: Arc::new(frame), to: self.recipients.clone(), except: self.except });
    }
}

/// The message's random id, or another one should it stand in this body (MSRP-8).
pub(crate) fn absent_from(body: &[u8], random: [u8; TID_RANDOM], rng: &mut StdRng) -> [u8; TID_RANDOM] {
    let mut id = random;
    while memmem::find(body, &id).is_some() {
        id = random_id(rng);
    }
    id
}

/// 71 random bits in letters and digits (MSRP-9, MSRP-20).
pub(crate) fn random_id(rng: &mut StdRng) -> [u8; TID_RANDOM] {
    std::array::from_fn(|_| BASE62[rng.random_range(0..BASE62.len())])
}

/// Puts everything planned into the recipients' outboxes: one lock and one wake for each run of frames to the same people.
///
/// Gives the copies that were skipped because their recipient has stalled.
pub(crate) fn hand_out(turn: &mut Vec<Planned>) -> Pushed {
    let mut pushed = Pushed::default();
    for run in turn.chunk_by(|a, b| a.to.same(&b.to)) {
        let Some(first) = run.first() else { continue };
        for planned in run {
            planned.frame.credit.take(planned.to.len());
        }
        for recipient in first.to.iter() {
            let own = |planned: &&Planned| planned.except.covers(recipient);
            for planned in run.iter().filter(own) {
                planned.frame.credit.settle(1);
            }
            let frames = run.iter().filter(|planned| !own(planned)).map(|planned| &planned.frame);
            wake(recipient.outbox.push(recipient.slot, frames, &mut pushed));
        }
    }
    turn.clear();
    pushed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OutboxLimits, RoomBudget};
    use parlor_room::SessionId;
    use rand::SeedableRng as _;

    fn fanout() -> Fanout {
        let cut = Cut { frame_bytes: 8192, failure_report: "partial" };
        let reserve = Reserve::new(4096, RoomBudget::new(&OutboxLimits::default()));
        Fanout { cut, rng: StdRng::seed_from_u64(1), reserve, turn: Vec::new(), content: false }
    }

    fn outgoing(fanout: &mut Fanout) -> Outgoing {
        let recipients = Recipients::new([]);
        let except = Except::Session(SessionId(1));
        let route =
            Route { kind: Kind::Room, recipients, except, private: None, subject: None, headers_len: 0, heard: None };
        Outgoing::new(MessageKey(1), &mut fanout.rng, route, None)
    }

    fn frames(turn: &[Planned]) -> Vec<(u64, usize, Flag, Place)> {
        turn.iter().map(|p| (p.frame.start, p.frame.body.len(), p.frame.flag, p.frame.place)).collect()
    }

    #[test]
    fn a_small_message_is_one_frame() {
        let mut fanout = fanout();
        let mut message = outgoing(&mut fanout);
        message.push(&mut fanout, Bytes::from_static(b"hello"), &Credit::none());
        message.end(&mut fanout, Flag::Complete);
        assert_eq!(frames(&fanout.turn), [(1, 5, Flag::Complete, Place::First)]);
        assert!(fanout.turn[0].frame.headers.ends_with(b"Content-Type: message/cpim\r\n\r\n"));
        assert!(memmem::find(&fanout.turn[0].frame.headers, b"Byte-Range: 1-5/5\r\n").is_some());
    }

    #[test]
    fn a_large_piece_is_cut_and_its_last_frame_ends_the_message() {
        let mut fanout = fanout();
        let mut message = outgoing(&mut fanout);
        message.push(&mut fanout, Bytes::from(vec![b'x'; 20_000]), &Credit::none());
        message.end(&mut fanout, Flag::Complete);
        let expected = [
            (1, 8192, Flag::More, Place::First),
            (8193, 8192, Flag::More, Place::Later),
            (16385, 3616, Flag::Complete, Place::Later),
        ];
        assert_eq!(frames(&fanout.turn), expected);
        // MSRP-33: a frame above 2,048 octets is interruptible.
        assert!(memmem::find(&fanout.turn[2].frame.headers, b"Byte-Range: 16385-*/20000\r\n").is_some());
    }

    #[test]
    fn little_pieces_are_gathered_unless_the_sender_ends_its_chunk() {
        let mut fanout = fanout();
        let mut message = outgoing(&mut fanout);
        for _ in 0..100 {
            message.push(&mut fanout, Bytes::from_static(b"0123456789"), &Credit::none());
            message.end_turn(&mut fanout);
        }
        assert_eq!(frames(&fanout.turn), []);
        message.end(&mut fanout, Flag::More);
        assert_eq!(frames(&fanout.turn), [(1, 1000, Flag::More, Place::First)]);
    }

    #[test]
    fn the_transaction_id_never_stands_in_the_body() {
        let mut fanout = fanout();
        let mut message = outgoing(&mut fanout);
        let body = [b"-------".as_slice(), &message.random, b"00$\r\n"].concat();
        message.push(&mut fanout, Bytes::from(body.clone()), &Credit::none());
        message.end(&mut fanout, Flag::Complete);
        let lines = crate::Lines::new(
            "0",
            &parlor_msrp::Path::parse("msrp://127.0.0.1:7/a;tcp").expect("a path"),
            &parlor_msrp::Uri::new(false, "127.0.0.1", 8, "b", "tcp"),
        );
        let mut text = Vec::new();
        lines.write_head(&fanout.turn[0].frame, &mut text);
        let tid = text.split(|b| *b == b' ').nth(1).expect("a transaction id");
        assert!(memmem::find(&body, tid).is_none());
        assert!(memmem::find(&body, &tid[..TID_RANDOM]).is_none());
    }
}
