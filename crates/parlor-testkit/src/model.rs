//! What ought to happen, said plainly: who is in, which messages there are, and who is to get them.
//!
//! The model hears what a room hears, in the room's order. It knows each message beforehand by its Message-ID.

use crate::message::{Kind, Message};
use crate::names::Names;
use parlor_msrp::{Flag, MessageId, Method, Request};
use parlor_switch::Input;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// More of it is to come.
    Open,
    /// Everything came.
    Complete,
    /// It was refused.
    Refused,
    /// Its sender gave it up, or went.
    Aborted,
}

/// A message and what has come of it.
#[derive(Debug)]
pub struct Tracked {
    /// The message.
    pub message: Message,
    /// Its room.
    pub room: usize,
    /// What has become of it.
    pub state: State,
    /// When its headers were complete, counted over all messages; none before.
    pub started: Option<usize>,
    /// Who is to get it: those who were in when it started.
    pub recipients: BTreeSet<usize>,
    /// Those of them who have not gone.
    present: BTreeSet<usize>,
    /// Recipients that asked for no more of it.
    pub stopped: BTreeSet<usize>,
    /// When everything had come.
    pub completed_at: Option<Instant>,
    /// It was given up because too much was held back in all.
    pub held_back: bool,
    /// Of a private message: it was for nobody any more, and its sender has a REPORT of that (CHAT-53).
    pub forsaken: bool,
    /// One of its recipients went in a turn in which it is anybody's guess what came before.
    pub uncertain: bool,
    /// Whether a chunk of it was answered though there was more to come.
    acknowledged: bool,
    position: u64,
    length: Option<u64>,
    early: BTreeMap<u64, u64>,
}

/// The model of all rooms.
#[derive(Debug, Default)]
pub struct Model {
    /// All messages, by number.
    pub messages: Vec<Tracked>,
    /// Whether what little is held back in these rooms always finds space, so that no small chunks are made (MSRP-34).
    pub is_roomy: bool,
    /// The nicknames.
    pub names: Names,
    users: Vec<usize>,
    by_id: BTreeMap<MessageId, usize>,
    /// The members that get deliveries, and their rooms.
    ready: BTreeMap<usize, usize>,
    /// Members that are given up, and are gone when the turn of their room ends.
    fading: BTreeMap<usize, usize>,
    current: BTreeMap<usize, (Option<usize>, u64)>,
    started: usize,
}

impl Model {
    /// A model of rooms in which nothing has happened. `users` says whose each member is.
    pub fn new(is_roomy: bool, users: Vec<usize>) -> Self {
        Self { is_roomy, users, ..Self::default() }
    }

    /// Makes a message known.
    pub fn expect(&mut self, room: usize, message: Message) {
        self.by_id.insert(message.id, self.messages.len());
        self.messages.push(Tracked {
            message,
            room,
            state: State::Open,
            started: None,
            recipients: BTreeSet::new(),
            present: BTreeSet::new(),
            stopped: BTreeSet::new(),
            completed_at: None,
            held_back: false,
            forsaken: false,
            uncertain: false,
            acknowledged: false,
            position: 0,
            length: None,
            early: BTreeMap::new(),
        });
    }

    /// The number of the message with this Message-ID.
    pub fn number_of(&self, id: &MessageId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// A room hears something from a member's session. `most` is the largest message it takes.
    pub fn input(&mut self, now: Instant, room: usize, most: u64, member: usize, input: &Input) {
        match input {
            Input::Request(request) => {
                if request.method == Method::Nickname {
                    self.names.heard(now, room, request);
                }
                let number = self.request(most, request);
                self.current.insert(member, (number, request.start() - 1));
            }
            Input::Body(body) => self.body(room, most, member, body.len() as u64),
            Input::End(flag) => {
                if let Some((Some(number), offset)) = self.current.remove(&member) {
                    self.end(now, number, offset, *flag);
                }
                self.ready.insert(member, room);
            }
            Input::Response(_) => {
                self.ready.insert(member, room);
            }
        }
    }

    /// A member's connection or session is gone.
    pub fn gone(&mut self, member: usize) {
        self.ready.remove(&member);
        self.fading.remove(&member);
        self.current.remove(&member);
        for tracked in self.messages.iter_mut().filter(|tracked| tracked.state == State::Open) {
            let was_there = tracked.present.remove(&member);
            if tracked.message.sender == member {
                tracked.state = State::Aborted;
            } else if was_there && tracked.present.is_empty() && tracked.message.draft.to.is_some() {
                (tracked.state, tracked.forsaken) = (State::Refused, true);
            }
        }
    }

    /// A member is given up: it is gone when the turn is over.
    pub fn fades(&mut self, member: usize) {
        if let Some(room) = self.ready.remove(&member) {
            self.fading.insert(member, room);
        }
        for tracked in self.messages.iter_mut().filter(|tracked| tracked.state == State::Open) {
            tracked.uncertain |= tracked.message.draft.to.is_some() && tracked.present.contains(&member);
            if tracked.message.sender == member {
                tracked.state = State::Aborted;
            }
        }
        self.current.remove(&member);
    }

    fn request(&mut self, most: u64, request: &Request) -> Option<usize> {
        let number = request.message_id.as_ref().filter(|_| request.has_body).and_then(|id| self.number_of(id))?;
        let tracked = &mut self.messages[number];
        if tracked.state == State::Open && request.byte_range.and_then(|range| range.total).is_some_and(|t| t > most) {
            tracked.state = State::Refused;
        }
        Some(number)
    }

    fn body(&mut self, room: usize, most: u64, member: usize, len: u64) {
        let Some((Some(number), offset)) = self.current.get_mut(&member) else { return };
        let (number, start) = (*number, *offset);
        *offset += len;
        let tracked = &mut self.messages[number];
        if tracked.state != State::Open {
            return;
        }
        if start + len > most || !tracked.take(start, len) {
            tracked.state = State::Refused;
        } else if tracked.started.is_none() && tracked.position >= tracked.message.head as u64 {
            if tracked.message.draft.kind == Kind::Forged {
                tracked.state = State::Refused;
                return;
            }
            let to = tracked.message.draft.to;
            let is_for = |other: usize| other != member && to.is_none_or(|user| self.users[other] == user);
            let others = self.ready.iter().filter(|(other, their)| **their == room && is_for(**other));
            tracked.recipients = others.map(|(other, _)| *other).collect();
            tracked.uncertain |= to.is_some() && self.fading.keys().any(|other| is_for(*other));
            if to.is_some() && tracked.recipients.is_empty() {
                // CHAT-38: of a chunk that was answered before there is a REPORT as well.
                (tracked.state, tracked.forsaken) = (State::Refused, tracked.acknowledged);
                return;
            }
            tracked.present.clone_from(&tracked.recipients);
            tracked.started = Some(self.started);
            self.started += 1;
        }
    }

    fn end(&mut self, now: Instant, number: usize, offset: u64, flag: Flag) {
        let tracked = &mut self.messages[number];
        if tracked.state != State::Open {
            return;
        }
        match flag {
            Flag::Abort => tracked.state = State::Aborted,
            Flag::Complete => tracked.length = Some(offset),
            Flag::More => {}
        }
        if tracked.state == State::Open && tracked.length == Some(tracked.position) {
            tracked.state = State::Complete;
            tracked.completed_at = Some(now);
        }
        tracked.acknowledged |= tracked.state == State::Open;
    }
}

impl Tracked {
    /// Notes octets; `false` if they are too far ahead (CHAT-64).
    fn take(&mut self, start: u64, len: u64) -> bool {
        if start > self.position {
            self.early.insert(start, len);
            return self.early.values().sum::<u64>() <= 64 * 1024;
        }
        self.position = self.position.max(start + len);
        while let Some(len) = self.early.remove(&self.position) {
            self.position += len;
        }
        true
    }
}
