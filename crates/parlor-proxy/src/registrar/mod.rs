//! The registrar: REGISTER becomes bindings (RFC 3261 §10.3, RFC 3327, RFC 5626 §6).

mod answer;
mod binding;
mod bindings;
mod saved;
mod wish;

pub(crate) use answer::Answer;
pub(crate) use binding::Binding;
pub use binding::{BindingId, SavedBinding};
pub use wish::admissible;

use self::binding::FlowId;
use self::bindings::Bindings;
use self::wish::{Wanted, Wish};
use crate::{Change, Reject, Settings};
use parlor_room::WallClock;
use parlor_sip::{Flow, NameAddr, Request};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who is where.
#[derive(Debug)]
pub(crate) struct Registrar {
    settings: Arc<Settings>,
    clock: WallClock,
    pub(crate) bindings: Bindings,
    next_id: u64,
    next_revision: u64,
}

/// What a REGISTER has changed.
#[derive(Debug)]
pub(crate) struct Registered {
    /// What the store is to be told.
    pub(crate) changes: Vec<Change>,
    /// How it was before.
    pub(crate) undo: Vec<Undo>,
}

/// How one binding was before a REGISTER changed it.
#[derive(Debug)]
pub(crate) enum Undo {
    /// It was not there.
    Added(BindingId, u64),
    /// It was so; now it has this revision.
    Replaced(Box<Binding>, u64),
    /// It was so, and is no longer there.
    Removed(Box<Binding>),
}

/// What is the same for all Contacts of a REGISTER.
struct Context {
    user: Arc<str>,
    call_id: Box<str>,
    cseq: u32,
    path: Box<[NameAddr]>,
    flow: Flow,
}

impl Registrar {
    pub(crate) fn new(settings: Arc<Settings>, clock: WallClock) -> Self {
        Self { settings, clock, bindings: Bindings::default(), next_id: 1, next_revision: 1 }
    }

    /// Corrects what the wall clock shows.
    pub(crate) fn set_clock(&mut self, clock: WallClock) {
        self.clock = clock;
    }

    /// The time since 1970-01-01T00:00:00Z.
    pub(crate) fn since_epoch(&self, now: Instant) -> Duration {
        self.clock.since_epoch(now)
    }

    /// Changes the bindings of a user as a REGISTER wants it, all or nothing.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub(crate) fn register(
        &mut self,
        now: Instant,
        user: &str,
        request: &Request,
        flow: Flow,
    ) -> Result<Registered, Reject> {
        let path = wish::path(request)?;
        let wish = Wish::read(request, &path, &self.settings)?;
        let context = Context {
            user: self.bindings.share(user),
            call_id: request.headers.call_id()?.into(),
            cseq: request.headers.cseq()?.seq,
            path,
            flow,
        };
        let mut registered = Registered { changes: Vec::new(), undo: Vec::new() };
        match wish {
            Wish::Fetch => {}
            Wish::RemoveAll => {
                self.bindings.of(user).iter().try_for_each(|binding| context.may_change(binding))?;
                let all: Vec<BindingId> = self.bindings.of(user).iter().map(|binding| binding.id).collect();
                all.into_iter().for_each(|id| self.remove(&context, id, &mut registered));
            }
            Wish::Change(wanted) => {
                let lost = self.lost(&context, &wanted);
                self.may_change(&context, &wanted, lost.len())?;
                lost.into_iter().for_each(|id| self.remove(&context, id, &mut registered));
                wanted.into_iter().for_each(|wanted| self.change(now, &context, wanted, &mut registered));
            }
        }
        Ok(registered)
    }

    /// Takes back what a REGISTER has changed, where nothing has changed it again since.
    pub(crate) fn undo(&mut self, user: &Arc<str>, undo: Vec<Undo>) {
        for undo in undo.into_iter().rev() {
            match undo {
                Undo::Added(id, revision) if self.is_at(user, id, revision) => {
                    self.bindings.remove(user, id);
                }
                Undo::Replaced(before, revision) if self.is_at(user, before.id, revision) => {
                    self.bindings.put(user, *before);
                }
                Undo::Removed(before) => {
                    let of_user = self.bindings.of(user);
                    if !of_user.iter().any(|binding| binding.is_for(&before.contact, before.flow_id.as_ref())) {
                        self.bindings.put(user, *before);
                    }
                }
                Undo::Added(..) | Undo::Replaced(..) => {}
            }
        }
    }

    fn is_at(&self, user: &str, id: BindingId, revision: u64) -> bool {
        self.bindings.find(user, id).is_some_and(|binding| binding.revision == revision)
    }

    /// Those that give way where there is no space for what is wanted: a device that comes anew without telling that it is the
    /// same (RFC 5626) leaves one behind each time.
    fn lost(&self, context: &Context, wanted: &[Wanted]) -> Vec<BindingId> {
        let limits = &self.settings.limits;
        let own = self.bindings.of(&context.user);
        let is_new = |wanted: &&Wanted| wanted.expires.is_some() && self.find(&context.user, wanted).is_none();
        let added = wanted.iter().filter(is_new).count();
        let of_user = (own.len() + added).saturating_sub(limits.contacts);
        let of_all = (self.bindings.len() + added).saturating_sub(limits.bindings);
        let is_wanted =
            |own: &Binding| wanted.iter().any(|wanted| own.is_for(&wanted.contact, wanted.flow_id.as_ref()));
        let lost = own.iter().filter(|own| own.has_lost_its_stream() && !is_wanted(own));
        lost.take(of_user.max(of_all)).map(|own| own.id).collect()
    }

    /// Whether all that is wanted can be done, if so many have given way.
    fn may_change(&self, context: &Context, wanted: &[Wanted], lost: usize) -> Result<(), Reject> {
        let (mut added, mut removed) = (0, lost);
        for wanted in wanted {
            match (self.find(&context.user, wanted), wanted.expires) {
                (Some(binding), expires) => {
                    context.may_change(binding)?;
                    removed += usize::from(expires.is_none());
                }
                (None, Some(_)) => added += 1,
                (None, None) => {}
            }
        }
        let after = |before: usize| before + added - removed;
        if added > 0 && after(self.bindings.of(&context.user).len()) > self.settings.limits.contacts {
            return Err(Reject::TooManyContacts);
        }
        if added > 0 && after(self.bindings.len()) > self.settings.limits.bindings {
            return Err(Reject::Overload);
        }
        Ok(())
    }

    fn change(&mut self, now: Instant, context: &Context, wanted: Wanted, registered: &mut Registered) {
        let known = self.find(&context.user, &wanted).map(|binding| binding.id);
        match (known, wanted.expires) {
            (Some(id), None) => self.remove(context, id, registered),
            (None, None) => {}
            (known, Some(lasts)) => {
                let id = known.unwrap_or_else(|| self.name());
                let revision = self.next_revision;
                self.next_revision += 1;
                let binding = context.binding(id, revision, wanted.contact, wanted.flow_id, now + lasts);
                registered.changes.push(Change::Put(self.saved(&context.user, &binding)));
                let before = self.bindings.put(&context.user, binding);
                registered.undo.push(match before {
                    Some(before) => Undo::Replaced(Box::new(before), revision),
                    None => Undo::Added(id, revision),
                });
            }
        }
    }

    fn remove(&mut self, context: &Context, id: BindingId, registered: &mut Registered) {
        if let Some(binding) = self.bindings.remove(&context.user, id) {
            registered.changes.push(Change::Remove(id));
            registered.undo.push(Undo::Removed(Box::new(binding)));
        }
    }

    fn find(&self, user: &str, wanted: &Wanted) -> Option<&Binding> {
        self.bindings.of(user).iter().find(|binding| binding.is_for(&wanted.contact, wanted.flow_id.as_ref()))
    }

    fn name(&mut self) -> BindingId {
        let id = BindingId(self.next_id);
        self.next_id += 1;
        id
    }
}

impl Context {
    /// SIP-130: a REGISTER that was overtaken by a later one changes nothing.
    fn may_change(&self, binding: &Binding) -> Result<(), Reject> {
        let overtaken = binding.call_id == self.call_id && binding.cseq >= self.cseq;
        if overtaken { Err(Reject::OutOfOrder) } else { Ok(()) }
    }

    fn binding(
        &self,
        id: BindingId,
        revision: u64,
        contact: NameAddr,
        flow_id: Option<FlowId>,
        expires: Instant,
    ) -> Binding {
        Binding {
            id,
            revision,
            contact,
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            expires,
            flow_id,
            path: self.path.clone(),
            flow: self.flow,
        }
    }
}
