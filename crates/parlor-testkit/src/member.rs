//! A simulated participant's session: what it was told and what it has received, each frame checked as it comes.

use crate::model::Model;
use crate::scenario::Cast;
use crate::sip::Phone;
use bytes::Bytes;
use memchr::memmem;
use parlor_msrp::{FailureReport, Flag, MessageId, Path, Request, TransactionId, Uri};
use parlor_room::SessionId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How a participant stands to its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has not joined.
    Outside,
    /// It is in.
    Inside,
    /// It was in.
    Left,
}

/// What has come of one message.
#[derive(Debug)]
pub struct Copied {
    /// Octets of it.
    pub position: u64,
    /// How it ended, and when.
    pub ended: Option<(Flag, Instant)>,
}

/// One session of a participant.
#[derive(Debug)]
pub struct Member {
    /// Its room.
    pub room: usize,
    /// Its connection.
    pub connection: usize,
    /// Whose it is.
    pub user: usize,
    /// Its own MSRP URI.
    pub uri: Uri,
    /// The largest message it takes.
    pub max_size: Option<u64>,
    /// It answers 413 to the first frame of each so many-th message.
    pub refuses: Option<usize>,
    /// Its dialog.
    pub phone: Phone,
    /// How it stands to its room.
    pub status: Status,
    /// The room's name for it.
    pub session: Option<SessionId>,
    /// The room's URI for it.
    pub local: Option<Path>,
    /// What it got, by message.
    pub copies: BTreeMap<usize, Copied>,
    /// In which order first frames came.
    pub order: Vec<usize>,
    /// How many messages the room said that it missed.
    pub missed: u32,
    /// The chunks it sent, and how they were answered.
    pub sent: BTreeMap<TransactionId, (usize, Vec<u16>)>,
    /// The NICKNAMEs it sent, and how they were answered.
    pub named: BTreeMap<TransactionId, Vec<u16>>,
    /// The REPORTs it got, by message.
    pub reports: BTreeMap<usize, Vec<u16>>,
    ids: BTreeMap<MessageId, usize>,
}

impl Member {
    /// Nobody yet.
    pub fn new(index: usize, cast: &Cast) -> Self {
        let Cast { room, user, connection, max_size, refuses } = *cast;
        let name = format!("user{user}");
        Self {
            room,
            connection,
            uri: Uri::new(false, "192.0.2.9", 9, &format!("session{index}"), "tcp"),
            max_size,
            refuses,
            phone: Phone::new(&format!("call{index}"), &name, &crate::room::name(room)),
            user,
            status: Status::Outside,
            session: None,
            local: None,
            copies: BTreeMap::new(),
            order: Vec::new(),
            missed: 0,
            sent: BTreeMap::new(),
            named: BTreeMap::new(),
            reports: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    /// A frame came; gives the message it begins.
    pub fn frame(
        &mut self,
        now: Instant,
        own: usize,
        request: &Request,
        body: &Bytes,
        flag: Flag,
        model: &Model,
    ) -> Option<usize> {
        assert_eq!(request.malformed, None, "frames are well formed");
        let range = request.byte_range.expect("every frame has a Byte-Range");
        let end = range.start - 1 + body.len() as u64;
        assert!(range.end.is_none_or(|told| told == end), "Byte-Range {range} of {} octets", body.len());
        assert!(body.len() <= 2048 || range.end.is_none(), "MSRP-33: {} octets with a fixed end", body.len());
        assert!(body.len() <= 8192, "a frame of {} octets", body.len());
        assert!(memmem::find(body, request.tid.as_bytes()).is_none(), "MSRP-8");
        assert!(range.total.is_none_or(|total| total >= end), "MSRP-E2: {range}");
        assert!(!request.success_report, "CHAT-45");
        if request.failure_report == FailureReport::No {
            self.notice(body, flag);
            return None;
        }
        let id = request.message_id.expect("every frame has a Message-ID");
        let known = self.ids.get(&id).copied();
        let number = known.unwrap_or_else(|| self.begin(own, &id, range.start, body, model));
        self.append(now, number, range.start, body, flag, model);
        known.is_none().then_some(number)
    }

    fn begin(&mut self, own: usize, id: &MessageId, start: u64, body: &Bytes, model: &Model) -> usize {
        assert_eq!(start, 1, "a message begins with its first octet");
        let subject = memmem::find(body, b"Subject: m").map(|at| &body[at + 10..]).expect("whose headers are whole");
        let digits: String = subject.iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
        let number: usize = digits.parse().expect("a number");
        assert!(self.ids.insert(*id, number).is_none());
        assert!(!self.copies.contains_key(&number), "nothing twice: m{number}");
        let tracked = &model.messages[number];
        assert_ne!(tracked.message.sender, own, "CHAT-40: the sender gets no copy");
        assert!(tracked.recipients.contains(&own), "CHAT-48, CHAT-52, CHAT-61: m{number} is not for member {own}");
        self.copies.insert(number, Copied { position: 0, ended: None });
        self.order.push(number);
        number
    }

    fn append(&mut self, now: Instant, number: usize, start: u64, body: &Bytes, flag: Flag, model: &Model) {
        let message = &model.messages[number].message;
        let copy = self.copies.get_mut(&number).expect("begun");
        assert!(copy.ended.is_none(), "nothing after the end of m{number}");
        assert_eq!(start, copy.position + 1, "CHAT-64: octets of a copy are in order");
        let at = copy.position as usize;
        assert!(message.content.get(at..at + body.len()) == Some(&body[..]), "CHAT-42: m{number} at {at} is changed");
        copy.position += body.len() as u64;
        let small = flag == Flag::More && body.len() < 2048 && model.is_roomy;
        assert!(!small || message.chunk_ends.contains(&copy.position), "MSRP-34: a chunk of {} octets", body.len());
        if flag == Flag::Complete {
            assert_eq!(copy.position, message.content.len() as u64, "m{number} is cut short");
        }
        if flag != Flag::More {
            copy.ended = Some((flag, now));
        }
    }

    fn notice(&mut self, body: &Bytes, flag: Flag) {
        assert_eq!(flag, Flag::Complete);
        let text = String::from_utf8_lossy(body);
        let missed = text.split("You missed ").nth(1).and_then(|rest| rest.split(' ').next());
        self.missed += missed.map_or(0, |number| number.parse().expect("a number"));
    }

    /// A response to one of its chunks came; gives whether it was its own.
    pub fn answered(&mut self, tid: &TransactionId, code: u16) -> bool {
        let sent = self.sent.get_mut(tid).map(|(_, codes)| codes);
        sent.or_else(|| self.named.get_mut(tid)).is_some_and(|codes| {
            codes.push(code);
            true
        })
    }

    /// Whether it refuses a message that begins now.
    pub fn refuses_now(&self) -> bool {
        self.refuses.is_some_and(|every| self.order.len().is_multiple_of(every))
    }
}

/// The transaction ids of one connection, all different (MSRP-9).
#[derive(Debug, Default)]
pub struct SeenTransactions(BTreeSet<TransactionId>);

impl SeenTransactions {
    /// Notes one more.
    pub fn note(&mut self, tid: TransactionId) {
        assert!(self.0.insert(tid), "MSRP-9: transaction id {tid} comes again");
    }
}
