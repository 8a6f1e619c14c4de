//! What a request must prove before anybody looks at it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use parlor_focus::{Account, Caller, must_be_proven};
use parlor_room::{Hosts, is_anonymous};
use parlor_sip::digest::{Challenge, Credentials, Denied, Realm, Verifier};
use parlor_sip::{Flow, HeaderError, HeaderName, Request, Scheme, Uri};
use tokio::sync::watch;
use tracing::info;

use super::Role;
use super::algorithms;
use super::directory::Directory;
use super::failures::Failures;
use super::room_password::{RoomPasswords, counted};
use crate::addresses::network_of;
use crate::config::{AuthMode, Config, Network};
use crate::metrics::Rejected;

/// Of how many challenges it is remembered how often they were answered.
pub(super) const NONCES: usize = 64 * 1024;

/// At how many ports of a network a user is known by its password.
const PORTS: usize = 8;

/// Finds out who sends a request.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Whether one who proves nothing is whom its From names, as long as that is none of us.
    guests: bool,
    verifier: Option<Verifier>,
    proxies: Vec<Network>,
    /// Where servers of other domains are whose messages for our users are taken.
    peers: Vec<Network>,
    hosts: Arc<Hosts>,
    users: watch::Receiver<Arc<Directory>>,
    /// As the users were when somebody last asked who is one no more.
    seen: Arc<Directory>,
    failures: Failures,
    rooms: Option<RoomPasswords>,
}

/// Why a request goes no further.
#[derive(Debug)]
pub(crate) enum Denial {
    /// It must answer one of these; the reason is one that counts.
    Challenge(Vec<Challenge>, Option<Rejected>),
    /// No password would help.
    Forbidden(Rejected),
    /// It cannot be read.
    Malformed(HeaderError),
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
struct Source {
    address: SocketAddr,
    trusted: bool,
}

impl Gate {
    /// One as it is configured, for the users in that directory.
    pub(crate) fn new(
        now: Instant,
        config: &Config,
        hosts: Arc<Hosts>,
        users: watch::Receiver<Arc<Directory>>,
    ) -> Self {
        let realm = Realm {
            name: config.realm().into(),
            algorithms: algorithms(config),
            nonce_age: config.auth.nonce_age,
            nonces: NONCES,
        };
        let has = |mode| config.auth.mode.has(mode);
        let seen = Arc::clone(&users.borrow());
        Self {
            guests: has(AuthMode::None),
            verifier: has(AuthMode::Digest).then(|| Verifier::new(now, realm, &mut rand::rng())),
            proxies: config.auth.trusted_proxies.clone(),
            peers: config.messages.accept_from.clone(),
            hosts,
            users,
            seen,
            failures: Failures::new(now, config.auth.failures_per_address, PORTS),
            rooms: None,
        }
    }

    /// The same with rooms that have passwords of their own.
    pub(crate) fn with_rooms(self, rooms: RoomPasswords) -> Self {
        Self { rooms: Some(rooms), ..self }
    }

    /// Who sends a request. What it claims about that and is not believed is taken out of it (SIP-110).
    ///
    /// # Errors
    /// What it must prove first.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        request: &mut Request,
        flow: &Flow,
        role: Role,
    ) -> Result<Caller, Denial> {
        let address = flow.remote.ip();
        let source = Source { address: flow.remote, trusted: self.trusts(address) };
        let asserted = self.asserted(request).filter(|_| source.trusted);
        // SIP-110, SIP-113: nobody behind us has to know whom to believe, also by what came before that (RFC 3325 §7).
        for said in [HeaderName::PAssertedIdentity, HeaderName::PPreferredIdentity, "Remote-Party-ID".into()] {
            request.headers.remove(&said);
        }
        if self.verifier.is_none() && self.proxies.is_empty() {
            return Ok(Caller::UNVERIFIED);
        }
        let from = request.headers.from()?.uri;
        if let Some(account) = asserted {
            return self.under(&from, account);
        }
        let in_dialog = request.headers.to_tag()?.is_some();
        let offers_proof = in_dialog && request.headers.has(&role.credentials());
        if !must_be_proven(&request.method) && !offers_proof {
            return Ok(Caller::UNVERIFIED);
        }
        if source.trusted && in_dialog {
            // Proxies assert who begins a dialog, and often no more.
            return Ok(Caller { verified: None, through_trusted: true });
        }
        if let Some(credentials) = self.credentials(request, role)? {
            let account = self.check(now, source, request, &credentials)?;
            return self.under(&from, account);
        }
        let is_of_peer = role == Role::Proxy && self.peers.iter().any(|peer| peer.contains(address));
        if self.may_be_unproven(&from, in_dialog, is_of_peer) {
            return Ok(Caller::UNVERIFIED);
        }
        Err(match &mut self.verifier {
            Some(verifier) => Denial::Challenge(verifier.challenges(now, &binding(address), false), None),
            None => Denial::Forbidden(Rejected::AuthUnproven),
        })
    }

    /// Waits until the users are others; gives those who are users no more.
    pub(crate) async fn removed(&mut self) -> Vec<Box<str>> {
        if self.users.changed().await.is_err() {
            // Nobody will change them any more.
            std::future::pending::<()>().await;
        }
        let users = Arc::clone(&self.users.borrow_and_update());
        let removed = users.missing_of(&self.seen);
        self.seen = users;
        removed
    }

    /// Whether a proxy of ours is at that address.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(address))
    }

    /// The user of ours whose address this is.
    pub(crate) fn owner(&self, uri: &Uri) -> Option<Account> {
        self.users.borrow().owner(uri, &self.hosts).cloned()
    }

    /// Whom P-Asserted-Identity names: one SIP URI, one telephone number, or both (RFC 3325 §9.1).
    fn asserted(&self, request: &Request) -> Option<Account> {
        let uris = || request.headers.p_asserted_identity().into_iter().map(|asserted| asserted.uri);
        let sip = uris().find(|uri| uri.is_sip() && uri.user().is_some() && !is_anonymous(uri));
        let tel = uris().find(|uri| *uri.scheme() == Scheme::Tel);
        let users = self.users.borrow();
        let known = |uri: &Uri| users.owner(uri, &self.hosts).cloned();
        let account = match (&sip, &tel) {
            (Some(sip), _) => {
                known(sip).or_else(|| Some(Account { aor: without_device(sip)?, aliases: Box::default() }))
            }
            (None, Some(tel)) => known(tel).or_else(|| Some(Account { aor: tel.clone(), aliases: Box::default() })),
            (None, None) => None,
        };
        account.map(|account| match tel {
            Some(tel) if sip.is_some() => with_alias(account, tel),
            Some(_) | None => account,
        })
    }

    /// SIP-111: From must be an address of who sends the request, or hide who it is.
    fn under(&self, from: &Uri, account: Account) -> Result<Caller, Denial> {
        let Account { aor, aliases } = &account;
        let own = std::iter::once(aor).chain(aliases).any(|uri| uri.same_user_and_host(from));
        if own || is_anonymous(from) {
            return Ok(Caller::verified(account));
        }
        // A user of ours is so at every host of ours, and then goes by that in its messages too.
        let ours = |uri| self.hosts.local_user(uri);
        match (ours(from), ours(aor), without_device(from)) {
            (Some(claimed), Some(own), Some(alias)) if claimed == own => {
                Ok(Caller::verified(with_alias(account, alias)))
            }
            _ => Err(Denial::Forbidden(Rejected::AuthForeignFrom)),
        }
    }

    /// Whether a request may go on without a proof: a guest's, a message that a server of another domain passes on, or one in
    /// a dialog, whose room knows whether it is one of an account. Who uses an address of ours or hides must prove that it
    /// may.
    fn may_be_unproven(&self, from: &Uri, in_dialog: bool, is_of_peer: bool) -> bool {
        let ours = from.host().is_some_and(|host| self.hosts.contains(host)) || self.users.borrow().has_taken(from);
        !ours && (self.guests || is_of_peer || in_dialog && !is_anonymous(from))
    }

    fn credentials(&self, request: &Request, role: Role) -> Result<Option<Credentials>, Denial> {
        let Some(verifier) = &self.verifier else { return Ok(None) };
        let credentials = request.headers.credentials(&role.credentials(), &verifier.realm().name)?;
        match credentials {
            Some(credentials) if !is_for_us(&credentials, request, &self.hosts) => {
                Err(HeaderError::Malformed(role.credentials()).into())
            }
            credentials => Ok(credentials),
        }
    }

    /// Whose password somebody knows.
    fn check(
        &mut self,
        now: Instant,
        source: Source,
        request: &Request,
        credentials: &Credentials,
    ) -> Result<Account, Denial> {
        let (address, name) = (source.address, &credentials.username);
        if !source.trusted && self.failures.are_too_many(now, address, name) {
            return Err(Denial::Forbidden(Rejected::AuthTooManyOfAddress));
        }
        let verifier = self.verifier.as_mut().ok_or(Denial::Forbidden(Rejected::AuthUnproven))?;
        let peer = binding(address.ip());
        let users = self.users.borrow();
        let ha1 = credentials.algorithm().and_then(|algorithm| users.ha1(name, algorithm));
        let denied = match (verifier.verify(now, &peer, request, credentials, ha1), users.account(name)) {
            (Ok(()), Some(account)) => {
                if !source.trusted {
                    self.failures.note_right(now, address, name);
                }
                return Ok(account.clone());
            }
            (Ok(()), None) => Denied::Wrong,
            (Err(denied), _) => denied,
        };
        if denied == Denied::Wrong && !source.trusted && self.failures.note_wrong(now, address, name) {
            info!(address = %address.ip(), "too many wrong passwords: none from there is looked at for a while");
        }
        let stale = matches!(denied, Denied::Stale | Denied::Replayed);
        Err(Denial::Challenge(verifier.challenges(now, &peer, stale), Some(counted(denied))))
    }

    /// Whether a request outside of dialogs may go on to that room, as far as a password of its own is concerned.
    ///
    /// # Errors
    /// What must be proven first.
    pub(crate) fn admit_to(&mut self, now: Instant, room: &str, request: &Request, flow: &Flow) -> Result<(), Denial> {
        let trusted = self.trusts(flow.remote.ip());
        match &mut self.rooms {
            Some(rooms) => rooms.check(now, room, request, flow, &self.hosts, trusted),
            None => Ok(()),
        }
    }
}

/// SIP-122: whether credentials are for something that we serve.
pub(super) fn is_for_us(credentials: &Credentials, request: &Request, hosts: &Hosts) -> bool {
    let uri = credentials.uri.parse::<Uri>().ok();
    uri.is_some_and(|uri| uri == request.uri || uri.host().is_some_and(|host| hosts.contains(host)))
}

impl From<HeaderError> for Denial {
    fn from(error: HeaderError) -> Self {
        Self::Malformed(error)
    }
}

/// What a challenge is good for: answers from the same address.
pub(super) fn binding(address: IpAddr) -> Vec<u8> {
    match network_of(address) {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The address without what belongs to a device.
fn without_device(uri: &Uri) -> Option<Uri> {
    let (user, host) = (uri.user_decoded(), uri.host()?);
    let make = if *uri.scheme() == Scheme::Sips { Uri::sips } else { Uri::sip };
    make(user.as_deref(), host, None).ok().filter(|_| uri.is_sip())
}

fn with_alias(account: Account, alias: Uri) -> Account {
    let Account { aor, aliases } = account;
    let mut aliases = aliases.into_vec();
    if !aliases.iter().any(|own| own.same_user_and_host(&alias)) {
        aliases.push(alias);
    }
    Account { aor, aliases: aliases.into() }
}
