//! The proxy: what comes in, what is due, what goes out.

use crate::mailbox::{Ending, Keeping, Mailboxes};
use crate::presence::{Presence, Publishing};
use crate::registrar::{Answer, Registered, Registrar, Undo};
use crate::relay::{self, Relays};
use crate::{
    Amount, BindingId, Change, Mark, Output, Recipient, Reject, SavedBinding, SavedPublication, SendId, Settings,
    StoreId, Stored, Way,
};
use parlor_room::{Identity, WallClock};
use parlor_sip::{ConnectionId, Flow, HeaderName, Request, Response, ServerTransactionId, Uri};
use rand::Rng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Registrar and proxy of one domain.
///
/// It is driven like everything without I/O here: `handle_*` tells what happened, `poll_output` what is to be done,
/// `poll_timeout` when to come back with `handle_timeout`.
#[derive(Debug)]
pub struct Proxy {
    pub(crate) settings: Arc<Settings>,
    rng: StdRng,
    /// Makes the marks that nobody else can.
    secret: u64,
    pub(crate) registrar: Registrar,
    pub(crate) relays: Relays,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) presence: Presence,
    /// What waits for the store.
    pub(crate) storing: BTreeMap<StoreId, Storing>,
    pub(crate) next_store: u64,
    outputs: VecDeque<Output>,
}

/// Who sends a request, as far as it was found out.
#[derive(Clone, Debug)]
pub enum Sender {
    /// This user of ours, or one that a trusted proxy vouches for.
    Known(Identity),
    /// Nobody is asked who it is, and this one is believed.
    Believed,
    /// One whose dialog a trusted proxy brings: its tags are proof enough.
    Vouched,
    /// Somebody.
    Stranger,
}

impl Sender {
    /// Who it is, if that is proven.
    pub(crate) fn aor(&self) -> Option<&Uri> {
        match self {
            Self::Known(own) => Some(&own.aor),
            Self::Believed | Self::Vouched | Self::Stranger => None,
        }
    }
}

/// What outlived a restart.
#[derive(Debug, Default)]
pub struct Restored {
    /// Where users are.
    pub bindings: Vec<SavedBinding>,
    /// The highest name of a kept message.
    pub last_message: u64,
    /// How much is kept for whom.
    pub mailboxes: Vec<(Arc<str>, Amount)>,
    /// What users say of themselves.
    pub publications: Vec<SavedPublication>,
}

/// Something that waits for the store.
#[derive(Debug)]
pub(crate) enum Storing {
    /// A REGISTER.
    Registration(Box<Registration>),
    /// A PUBLISH.
    Publication(Box<Publishing>),
    /// A message to be kept.
    Message(Keeping),
    /// A kept message that has come to its end.
    Ending(Ending),
}

/// A REGISTER whose answer waits for the store.
#[derive(Debug)]
pub(crate) struct Registration {
    tx: ServerTransactionId,
    user: Arc<str>,
    answer: Answer,
    undo: Vec<Undo>,
}

impl Proxy {
    /// A proxy that knows what was stored.
    pub fn new(now: Instant, settings: Arc<Settings>, clock: WallClock, restored: Restored, mut rng: StdRng) -> Self {
        let mut registrar = Registrar::new(Arc::clone(&settings), clock);
        registrar.restore(now, restored.bindings);
        let mut proxy = Self {
            settings,
            secret: rng.next_u64(),
            rng,
            registrar,
            relays: Relays::default(),
            mailboxes: Mailboxes::new(now, restored.last_message, restored.mailboxes),
            presence: Presence::default(),
            storing: BTreeMap::new(),
            next_store: 1,
            outputs: VecDeque::new(),
        };
        proxy.restore_publications(now, restored.publications);
        proxy
    }

    /// What is kept for all users.
    pub fn kept(&self) -> Amount {
        self.mailboxes.total()
    }

    /// How many bindings there are.
    pub fn bindings(&self) -> usize {
        self.registrar.bindings.len()
    }

    /// Whether a user has registered any device.
    pub fn is_registered(&self, user: &str) -> bool {
        !self.registrar.bindings.of(user).is_empty()
    }

    /// Where a user's device is that it likes to be reached by best: what it calls itself, and how it is reached.
    pub fn locate(&self, now: Instant, user: &str) -> Option<(Uri, Way)> {
        let lasting = self.registrar.bindings.of(user).iter().filter(|binding| binding.expires > now);
        // The last of those that are liked best is the one that was registered last.
        let binding =
            lasting.filter(|binding| binding.contact.uri.is_sip()).max_by_key(|binding| binding.contact.q())?;
        Some((binding.contact.uri.clone().into_request_uri(), binding.way()))
    }

    /// Corrects what the wall clock shows.
    pub fn set_clock(&mut self, clock: WallClock) {
        self.registrar.set_clock(clock);
    }
}

/// What comes in.
impl Proxy {
    /// A REGISTER that [`crate::admissible`] has passed.
    pub fn handle_register(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
    ) {
        self.expire(now);
        let registered = self.registrant(request, sender).and_then(|user| {
            if self.storing.len() >= self.settings.limits.storing {
                return Err(Reject::Overload);
            }
            let registered = self.registrar.register(now, &user, request, flow)?;
            Ok((user, registered))
        });
        match registered {
            Err(reject) => self.refuse(tx, reject.response(request), reject),
            Ok((user, Registered { changes, .. })) if changes.is_empty() => {
                let response = Answer::to(request).finish(now, &user, &self.registrar);
                self.respond(tx, response, None);
            }
            Ok((user, Registered { changes, undo })) => {
                let registration = Registration { tx, user, answer: Answer::to(request), undo };
                self.store(Storing::Registration(Box::new(registration)), changes);
            }
        }
        self.tell_watchers(now);
    }

    /// Whether a MESSAGE may be passed on, before anybody asks who sends it.
    ///
    /// # Errors
    /// Why not.
    pub fn check_message(&self, request: &Request) -> Result<Mark, Reject> {
        relay::check(request, self.secret, &self.settings)
    }

    /// A MESSAGE that [`Proxy::check_message`] has passed.
    pub fn handle_message(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        mark: Mark,
        recipient: &Recipient,
        sender: &Sender,
    ) {
        if let Err(reject) = self.relay(now, tx, request, mark, recipient, sender) {
            self.refuse(tx, reject.response(request), reject);
        }
    }

    /// A request that was found to be refused before it came here.
    pub fn refuse_request(&mut self, tx: ServerTransactionId, request: &Request, reject: Reject) {
        self.refuse(tx, reject.response(request), reject);
    }

    /// What became of something that was to be stored.
    pub fn handle_stored(&mut self, now: Instant, id: StoreId, stored: Stored) {
        match self.storing.remove(&id) {
            Some(Storing::Registration(registration)) => self.handle_registered(now, *registration, stored),
            Some(Storing::Publication(publishing)) => self.handle_publication_stored(now, *publishing, stored),
            Some(Storing::Message(keeping)) => self.handle_kept(now, keeping, stored),
            // What cannot be stored of it will be known at least until the next start.
            Some(Storing::Ending(ending)) => self.handle_ended(now, ending),
            None => {}
        }
    }

    /// A stream is gone, and with it the devices that are reached by it alone (RFC 5626 §5.3).
    pub fn handle_closed(&mut self, now: Instant, stream: ConnectionId) {
        let gone = self.registrar.bindings.lose_stream(stream);
        self.forget(gone);
        self.tell_watchers(now);
    }

    /// A user has been removed, and everything that is stored of it: its devices are nobody's any more.
    pub fn handle_removed(&mut self, now: Instant, user: &str) {
        let gone = self.registrar.bindings.remove_all(user);
        // One may have been stored after the user was removed.
        self.forget(gone);
        self.mailboxes.forget(user);
        self.forget_presence(now, user);
        self.tell_watchers(now);
    }

    /// Time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        self.hurry(now);
        self.hurry_mailboxes(now);
        self.hurry_presence(now);
    }
}

/// What goes out.
impl Proxy {
    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Proxy::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let bindings = self.registrar.bindings.next_expiry();
        let others = [self.relays.next_timeout(), self.mailboxes.next_timeout(), self.presence.next_timeout()];
        let due = others.into_iter().chain([bindings]);
        due.flatten().min()
    }
}

impl Proxy {
    /// Whose bindings a REGISTER is about (SIP-130): one's own, by whichever of one's addresses.
    fn registrant(&self, request: &Request, sender: &Sender) -> Result<Arc<str>, Reject> {
        let hosts = &self.settings.hosts;
        let to = request.headers.to()?.uri;
        let local = hosts.local_user(&to).filter(|_| to.is_sip());
        let user = match sender {
            Sender::Known(own)
                if own.owns(&to) || local.is_some_and(|user| hosts.local_user(&own.aor) == Some(user)) =>
            {
                hosts.local_user(&own.aor)
            }
            Sender::Known(_) | Sender::Vouched | Sender::Stranger => return Err(Reject::Forbidden),
            Sender::Believed => local,
        };
        Ok(self.registrar.bindings.share(user.ok_or(Reject::NotFound)?))
    }

    pub(crate) fn expire(&mut self, now: Instant) {
        let gone = std::iter::from_fn(|| self.registrar.bindings.pop_expired(now)).map(|(_, id)| id);
        let gone: Vec<BindingId> = gone.collect();
        self.forget(gone);
        self.tell_watchers(now);
    }

    /// The store need not be waited for: what it fails to forget is over anyway.
    fn handle_registered(&mut self, now: Instant, registration: Registration, stored: Stored) {
        let Registration { tx, user, answer, undo } = registration;
        let reject = match stored {
            Stored::Yes | Stored::Known => {
                let response = answer.finish(now, &user, &self.registrar);
                self.respond(tx, response, None);
                return self.look_again_at_mailbox(now, &user);
            }
            Stored::Overload => Reject::Overload,
            Stored::Failed => Reject::NotStored,
        };
        // RFC 3261 §10.3 step 7: what cannot be kept is as if it had not been asked for.
        self.registrar.undo(&user, undo);
        self.refuse(tx, reject.instead_of(answer.into_echo()), reject);
        self.tell_watchers(now);
    }

    /// The time since 1970-01-01T00:00:00Z.
    pub(crate) fn since_epoch(&self, now: Instant) -> Duration {
        self.registrar.since_epoch(now)
    }

    /// A name for a request of ours.
    pub(crate) fn name_send(&mut self) -> SendId {
        SendId(self.relays.name())
    }

    /// A number that nobody can guess.
    pub(crate) fn random(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Thirty-two hexadecimal digits that nobody can guess.
    pub(crate) fn token(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    fn forget(&mut self, gone: Vec<BindingId>) {
        if !gone.is_empty() {
            let changes = gone.into_iter().map(Change::Remove).collect();
            self.outputs.push_back(Output::Store { id: None, changes });
        }
    }

    pub(crate) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn refuse(&mut self, tx: ServerTransactionId, mut response: Response, reject: Reject) {
        response.headers.push(HeaderName::Server, &self.settings.product);
        self.respond(tx, response, Some(reject));
    }

    pub(crate) fn respond(&mut self, tx: ServerTransactionId, mut response: Response, refused: Option<Reject>) {
        response.set_to_tag(&format!("0-{:016x}", self.rng.next_u64()));
        self.outputs.push_back(Output::Respond { tx, response, refused });
    }
}
