//! Devices that take part by MESSAGE alone, and what waits for them.

use super::page::{Form, Said};
use crate::{Limits, NextHop, RequestId};
use parlor_room::SessionId;
use parlor_sip::Uri;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it is waited when a device cannot be reached.
const RETRY: Duration = Duration::from_secs(30);
/// For how long in vain, before it is taken for gone.
const GIVE_UP: Duration = Duration::from_secs(300);

/// All of a room's.
#[derive(Debug, Default)]
pub(crate) struct Pagers {
    members: BTreeMap<SessionId, Pager>,
    requests: BTreeMap<RequestId, SessionId>,
    due: BTreeSet<(Instant, SessionId)>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Pager {
    /// Who it is.
    pub(super) aor: Uri,
    /// How it is reached unless it has registered.
    pub(super) target: Uri,
    pub(super) next_hop: NextHop,
    /// Whether its MESSAGE said that it takes `message/cpim`.
    pub(super) takes_cpim: bool,
    /// Until when it may say nothing.
    expires: Instant,
    /// The first is on its way if any is.
    queue: VecDeque<Page>,
    octets: usize,
    /// How many messages did not fit, or were refused, since it was told.
    missed: u64,
    sending: Option<RequestId>,
    /// Whether it has ever taken one: nobody is sent many that did not ask for them.
    confirmed: bool,
    failing_since: Option<Instant>,
    retry: Option<Instant>,
    armed: Option<Instant>,
}

#[derive(Debug)]
struct Page {
    said: Arc<Said>,
    form: Form,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFate {
    /// A device has it.
    Delivered,
    /// It was told of it instead: it is too large for the way to the device, or of a type that is not shown.
    Told,
    /// It did not fit into what may wait.
    Dropped,
    /// The device refused it.
    Refused,
    /// The device could not be reached; it is tried again.
    Unreached,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To go on; what became of the message, if that is known.
    Go(Option<PageFate>),
    /// The device is given up.
    GiveUp,
}

impl Pagers {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.members.contains_key(&session)
    }

    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.members.keys().copied().collect()
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Pager> {
        self.members.get(&session)
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn insert(&mut self, session: SessionId, pager: Pager) {
        self.members.insert(session, pager);
        self.change(session, |_| {});
    }

    /// Whatever changes may be due at another time.
    pub(super) fn change<T>(&mut self, session: SessionId, change: impl FnOnce(&mut Pager) -> T) -> Option<T> {
        let pager = self.members.get_mut(&session)?;
        let changed = change(pager);
        let due = pager.retry.map_or(pager.expires, |retry| retry.min(pager.expires));
        if let Some(before) = pager.armed.replace(due) {
            self.due.remove(&(before, session));
        }
        self.due.insert((due, session));
        Some(changed)
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Pager> {
        let pager = self.members.remove(&session)?;
        if let Some(at) = pager.armed {
            self.due.remove(&(at, session));
        }
        if let Some(request) = pager.sending {
            self.requests.remove(&request);
        }
        Some(pager)
    }

    /// Whose message that was; it has its answer.
    pub(super) fn answered(&mut self, request: RequestId) -> Option<SessionId> {
        self.requests.remove(&request)
    }

    /// One whose time has come; whether it is over.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(SessionId, bool)> {
        let (_, session) = *self.due.first().filter(|(at, _)| *at <= now)?;
        let expired = self.change(session, |pager| {
            pager.retry.take_if(|at| *at <= now);
            pager.expires <= now
        })?;
        Some((session, expired))
    }

    /// The next message to this device under that name, if none is on its way.
    pub(super) fn send(&mut self, session: SessionId, request: RequestId) -> Option<(Arc<Said>, Form)> {
        let pager = self.members.get_mut(&session)?;
        if pager.sending.is_some() || pager.retry.is_some() {
            return None;
        }
        if pager.queue.is_empty() && pager.missed > 0 {
            let text = missed(std::mem::take(&mut pager.missed));
            pager.put(Arc::new(Said::by_room(text)));
        }
        let page = pager.queue.front()?;
        pager.sending = Some(request);
        let sent = (Arc::clone(&page.said), page.form);
        self.requests.insert(request, session);
        Some(sent)
    }
}

impl Pager {
    pub(super) fn new(now: Instant, aor: Uri, target: Uri, next_hop: NextHop) -> Self {
        Self {
            aor,
            target,
            next_hop,
            takes_cpim: false,
            expires: now,
            queue: VecDeque::new(),
            octets: 0,
            missed: 0,
            sending: None,
            confirmed: false,
            failing_since: None,
            retry: None,
            armed: None,
        }
    }

    /// It was heard there, and stays until then. What waits for it is tried at once.
    pub(super) fn renew(&mut self, expires: Instant, target: Uri, next_hop: NextHop) {
        (self.expires, self.target, self.next_hop, self.retry) = (expires, target, next_hop, None);
    }

    /// One more waits, unless too much does; whether it does.
    pub(super) fn push(&mut self, said: &Arc<Said>, limits: &Limits) -> bool {
        let octets = said.body(said.best(self.takes_cpim)).len();
        let fits = self.queue.len() < limits.pages && self.octets + octets <= limits.page_bytes;
        match fits {
            true => self.put(Arc::clone(said)),
            false => self.missed += u64::from(said.counts),
        }
        fits
    }

    fn put(&mut self, said: Arc<Said>) {
        let form = said.best(self.takes_cpim);
        self.octets += said.body(form).len();
        self.queue.push_back(Page { said, form });
    }

    /// How many messages it does not get if it leaves now.
    pub(super) fn lost(&self) -> u64 {
        self.missed + self.queue.iter().filter(|page| page.said.counts).count() as u64
    }

    /// The message on its way has this status.
    pub(super) fn answered(&mut self, now: Instant, code: u16) -> Next {
        self.sending = None;
        match code {
            ..300 => {
                (self.confirmed, self.failing_since) = (true, None);
                let fate = match self.pop() {
                    Some(page) if page.form == Form::Notice && page.said.counts => PageFate::Told,
                    Some(_) | None => PageFate::Delivered,
                };
                Next::Go(Some(fate))
            }
            413 | 415 if self.simplify(code) => Next::Go(None),
            404 | 410 | 604 => Next::GiveUp,
            _ if self.has_failed_for_long(now) => Next::GiveUp,
            408 | 430 | 480 | 486 | 500 | 503 | 504 => {
                self.retry = Some(now + RETRY);
                Next::Go(Some(PageFate::Unreached))
            }
            _ => {
                let counts = self.pop().is_some_and(|page| page.said.counts);
                self.missed += u64::from(counts);
                Next::Go(Some(PageFate::Refused))
            }
        }
    }

    /// Whether there is another form for the message that was on its way.
    fn simplify(&mut self, code: u16) -> bool {
        let Some(page) = self.queue.front_mut() else { return false };
        if code == 415 && page.form == Form::Cpim {
            self.takes_cpim = false;
        }
        let Some(form) = page.said.simpler(page.form) else { return false };
        let before = page.said.body(page.form).len();
        page.form = form;
        self.octets = self.octets - before + page.said.body(form).len();
        true
    }

    fn has_failed_for_long(&mut self, now: Instant) -> bool {
        let since = *self.failing_since.get_or_insert(now);
        !self.confirmed || now >= since + GIVE_UP
    }

    fn pop(&mut self) -> Option<Page> {
        let page = self.queue.pop_front()?;
        self.octets -= page.said.body(page.form).len();
        Some(page)
    }
}

/// How many messages somebody has not got, in words.
pub(super) fn missed(count: u64) -> String {
    match count {
        1 => "You missed 1 message.".to_owned(),
        n => format!("You missed {n} messages."),
    }
}
