//! Who receives a message: a snapshot of the sessions that take deliveries.

use crate::frame::MessageKey;
use crate::outbox::{Outbox, Slot};
use parlor_room::{EndpointId, ParticipantId, SessionId, TypeList};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many content types may have a snapshot of their own at once.
const TYPES_KEPT: usize = 32;

/// One session that takes deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(crate) session: SessionId,
    pub(crate) endpoint: EndpointId,
    pub(crate) participant: ParticipantId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) slot: Slot,
    pub(crate) wrapped_types: TypeList,
    pub(crate) max_size: Option<u64>,
}

/// Who sent a message, and therefore gets no copy of it (CHAT-40).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Except {
    /// The sending session: the sender's other devices do get one (CHAT-41).
    Session(SessionId),
    /// All sessions of the sender.
    Participant(ParticipantId),
    /// None: it was sent from elsewhere.
    Nobody,
}

impl Except {
    pub(crate) fn covers(self, recipient: &Recipient) -> bool {
        match self {
            Self::Session(session) => recipient.session == session,
            Self::Participant(participant) => recipient.participant == participant,
            Self::Nobody => false,
        }
    }
}

/// The recipients of a message, fixed when it starts (CHAT-48, CHAT-61).
#[derive(Clone, Debug)]
pub(crate) struct Recipients {
    list: Arc<[Recipient]>,
    /// The smallest `max-size` among them.
    smallest: u64,
}

impl Recipients {
    pub(crate) fn new(list: impl IntoIterator<Item = Recipient>) -> Self {
        let list: Arc<[Recipient]> = list.into_iter().collect();
        let smallest = list.iter().filter_map(|recipient| recipient.max_size).min().unwrap_or(u64::MAX);
        Self { list, smallest }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Recipient> {
        self.list.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether both are one snapshot.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.list, &other.list)
    }

    /// Those that take messages of `size` octets; the very same snapshot if all do.
    pub(crate) fn taking_size(&self, size: u64) -> Self {
        if size <= self.smallest {
            return self.clone();
        }
        Self::new(self.iter().filter(|recipient| recipient.max_size.is_none_or(|max| size <= max)).cloned())
    }

    /// Whether a message of `size` octets is too large for some.
    pub(crate) fn is_outgrown_by(&self, size: u64) -> bool {
        size > self.smallest
    }

    /// Drops those for whom the message has grown too large, breaking it off there (CHAT-43). What was planned for them
    /// has been handed out.
    pub(crate) fn outgrow(&mut self, message: MessageKey, size: u64) {
        if size <= self.smallest {
            return;
        }
        for recipient in self.iter().filter(|recipient| recipient.max_size.is_some_and(|max| max < size)) {
            wake(recipient.outbox.abort(recipient.slot, message));
        }
        *self = self.taking_size(size);
    }

    /// Drops one session (CHAT-68); gives whether it was there.
    pub(crate) fn drop_session(&mut self, session: SessionId) -> bool {
        let had = self.has(session);
        if had {
            *self = Self::new(self.iter().filter(|recipient| recipient.session != session).cloned());
        }
        had
    }

    /// How many there are beside the sender.
    pub(crate) fn addressed(&self, except: Except) -> usize {
        match except {
            Except::Session(session) => self.len() - usize::from(self.has(session)),
            Except::Nobody => self.len(),
            Except::Participant(_) => self.iter().filter(|recipient| !except.covers(recipient)).count(),
        }
    }

    /// How many of these are not among `taking`, which are some of them; the sender is none of them.
    pub(crate) fn left_out_of(&self, taking: &Self, except: Except) -> usize {
        if self.same(taking) { 0 } else { self.addressed(except).saturating_sub(taking.addressed(except)) }
    }

    /// They stand in the order of their sessions.
    fn has(&self, session: SessionId) -> bool {
        self.list.binary_search_by_key(&session, |recipient| recipient.session).is_ok()
    }

    fn taking_type(&self, essence: &str) -> Self {
        if self.iter().all(|recipient| recipient.wrapped_types.accepts(essence)) {
            return self.clone();
        }
        Self::new(self.iter().filter(|recipient| recipient.wrapped_types.accepts(essence)).cloned())
    }
}

/// Wakes a writer, if it waits.
pub(crate) fn wake(waker: Option<std::task::Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The room's snapshot, and those for content types that not everybody takes; all made when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    everybody: Option<Recipients>,
    by_type: BTreeMap<Box<str>, Recipients>,
}

impl Audience {
    /// To be called whenever a session comes, goes or changes.
    pub(crate) fn forget(&mut self) {
        self.everybody = None;
        self.by_type.clear();
    }

    /// Whether a session is among all, which somebody has asked for.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.everybody.as_ref().is_some_and(|everybody| everybody.has(session))
    }

    /// How many of all are not among `taking`, whom somebody has asked for; the sender is none of them.
    pub(crate) fn left_out_of(&self, taking: &Recipients, except: Except) -> usize {
        self.everybody.as_ref().map_or(0, |everybody| everybody.left_out_of(taking, except))
    }

    /// The snapshot of those that take `essence`; `sessions` lists all when it has to be made anew.
    pub(crate) fn taking<I: Iterator<Item = Recipient>>(
        &mut self,
        essence: &str,
        sessions: impl FnOnce() -> I,
    ) -> Recipients {
        if let Some(known) = self.by_type.get(essence) {
            return known.clone();
        }
        let everybody = self.everybody.get_or_insert_with(|| Recipients::new(sessions()));
        let taking = everybody.taking_type(essence);
        if self.by_type.len() >= TYPES_KEPT {
            self.by_type.clear();
        }
        self.by_type.insert(essence.into(), taking.clone());
        taking
    }
}
