//! The registrar beside the rooms, and its store.

use super::saved;
use super::task::SipTask;
use crate::auth::Gate;
use crate::config::Config;
use crate::metrics::{Metrics, Rejected};
use anyhow::{Context as _, Result};
use parlor_focus::{Account, Caller};
use parlor_proxy::{Change, Output, Proxy, Reject, Sender, Settings, StoreId, Stored, Way, admissible};
use parlor_room::{Hosts, Identity, WallClock};
use parlor_sip::{ConnectionId, Flow, Request, ServerTransactionId, Uri};
use parlor_store::{BindingChange, Pending, Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tracing::warn;

/// How long a binding lasts that does not say it itself (RFC 3261 §10.2).
const DEFAULT_EXPIRES: Duration = Duration::from_secs(3600);

/// A proxy with what it is stored in.
#[derive(Debug)]
pub(crate) struct Proxying {
    pub(super) proxy: Proxy,
    hosts: Arc<Hosts>,
    /// Whether who is on this machine need not prove anything.
    believes_loopback: bool,
    store: Arc<dyn Store>,
    /// What this turn wants stored, together.
    changes: Vec<BindingChange>,
    waiting: Vec<StoreId>,
    tell: mpsc::UnboundedSender<(Vec<StoreId>, Stored)>,
    /// What became of earlier turns' changes; no more of them are under way than the store lets wait.
    told: mpsc::UnboundedReceiver<(Vec<StoreId>, Stored)>,
}

/// Whether users can register at all.
pub(crate) fn has_users(config: &Config) -> bool {
    config.asks_who_it_is() || config.registrar.trust_loopback
}

impl Proxying {
    /// The proxy that is configured, with the bindings that are stored.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn open(
        config: &Config,
        hosts: &Arc<Hosts>,
        product: &str,
        store: Arc<dyn Store>,
    ) -> Result<Self> {
        let wall = since_epoch();
        let bindings = store.bindings(saved::millis(wall)).await.context("bindings")?;
        let bindings = bindings.into_iter().filter_map(saved::binding).collect();
        let (now, settings) = (Instant::now(), settings(config, hosts, product));
        let proxy = Proxy::new(now, Arc::new(settings), WallClock::new(now, wall), bindings, rand::make_rng());
        let (tell, told) = mpsc::unbounded_channel();
        Ok(Self {
            proxy,
            hosts: Arc::clone(hosts),
            believes_loopback: config.registrar.trust_loopback && !config.asks_who_it_is(),
            store,
            changes: Vec::new(),
            waiting: Vec::new(),
            tell,
            told,
        })
    }

    /// What became of something that was to be stored.
    pub(super) async fn told(this: &mut Option<Self>) -> (Vec<StoreId>, Stored) {
        let told = match this {
            Some(this) => this.told.recv().await,
            None => None,
        };
        match told {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }

    /// Where a user of ours is.
    pub(super) fn locate(&self, now: Instant, uri: &Uri) -> Option<(Uri, Way)> {
        let user = self.hosts.local_user(uri).filter(|_| uri.is_sip())?;
        self.proxy.locate(now, user)
    }

    fn sender(&self, caller: Caller, flow: &Flow) -> Sender {
        match caller.verified {
            Some(Account { aor, aliases }) => Sender::Known(Identity::of(aor).with(None, aliases)),
            None if self.believes_loopback && flow.remote.ip().to_canonical().is_loopback() => Sender::Believed,
            None => Sender::Stranger,
        }
    }

    fn collect(&mut self, id: Option<StoreId>, changes: Vec<Change>) {
        self.waiting.extend(id);
        self.changes.extend(changes.into_iter().map(|change| match change {
            Change::Put(binding) => BindingChange::Put(saved::saved(&binding)),
            Change::Remove(id) => BindingChange::Remove(id.0),
        }));
    }

    /// Has stored what this turn has gathered.
    fn flush(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let pending = self.store.change_bindings(std::mem::take(&mut self.changes));
        let (waiting, tell) = (std::mem::take(&mut self.waiting), self.tell.clone());
        tokio::spawn(async move {
            // Who no longer runs answers nobody.
            let _ = tell.send((waiting, outcome(pending).await));
        });
    }
}

async fn outcome(pending: Pending<()>) -> Stored {
    match pending.await {
        Ok(()) => Stored::Yes,
        Err(StoreError::Overloaded) => Stored::Overload,
        Err(error) => {
            warn!(%error, "bindings are not stored");
            Stored::Failed
        }
    }
}

impl SipTask {
    /// From now on users can register.
    pub(crate) fn serve_users(&mut self, proxying: Proxying) {
        count(&self.metrics, &proxying.proxy);
        self.proxying = Some(proxying);
    }

    /// SIP-130: a REGISTER, from the first question on.
    pub(super) fn handle_register(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        mut request: Box<Request>,
        flow: Flow,
    ) {
        let Some(proxying) = &mut self.proxying else { return };
        if let Err(reject) = admissible(&request, &proxying.hosts) {
            return proxying.proxy.refuse_request(tx, &request, reject);
        }
        let caller = match Gate::admit(&mut self.gate, now, &mut request, &flow) {
            Ok(caller) => caller,
            Err(denial) => return self.deny(now, tx, &request, denial),
        };
        let sender = proxying.sender(caller, &flow);
        let of_room = |uri: &Uri| proxying.hosts.local_user(uri).is_some_and(|name| self.rooms.is_configured(name));
        match request.headers.to() {
            Ok(to) if of_room(&to.uri) => proxying.proxy.refuse_request(tx, &request, Reject::NotFound),
            Ok(_) | Err(_) => proxying.proxy.handle_register(now, tx, &request, flow, &sender),
        }
    }

    /// A stream is gone.
    pub(super) fn forget_stream(&mut self, stream: Option<ConnectionId>) {
        if let (Some(proxying), Some(stream)) = (&mut self.proxying, stream) {
            proxying.proxy.handle_closed(stream);
        }
    }

    /// What was to be stored is, or is not.
    pub(super) fn handle_stored(&mut self, now: Instant, waited: Vec<StoreId>, stored: Stored) {
        if let Some(proxying) = &mut self.proxying {
            waited.into_iter().for_each(|id| proxying.proxy.handle_stored(now, id, stored));
        }
    }

    /// Lets the proxy look at the clock.
    pub(super) fn wake_proxy(&mut self, now: Instant) {
        if let Some(proxying) = &mut self.proxying {
            proxying.proxy.set_clock(WallClock::new(now, since_epoch()));
            proxying.proxy.handle_timeout(now);
        }
    }

    /// Does the next thing that the proxy wants done; whether there was one.
    pub(super) fn serve_proxy(&mut self, now: Instant) -> bool {
        let Some(proxying) = &mut self.proxying else { return false };
        match proxying.proxy.poll_output() {
            Some(Output::Respond { tx, response, refused }) => {
                if let Some(reject) = refused {
                    self.metrics.reject(rejection_of(&reject));
                }
                self.endpoint.respond(now, tx, &response);
            }
            Some(Output::Store { id, changes }) => proxying.collect(id, changes),
            None => return false,
        }
        true
    }

    /// The turn is over.
    pub(super) fn flush_proxy(&mut self) {
        if let Some(proxying) = &mut self.proxying {
            proxying.flush();
            count(&self.metrics, &proxying.proxy);
        }
    }
}

fn count(metrics: &Metrics, proxy: &Proxy) {
    metrics.registrations.set(i64::try_from(proxy.bindings()).unwrap_or(i64::MAX));
}

fn settings(config: &Config, hosts: &Arc<Hosts>, product: &str) -> Settings {
    let (registrar, limits) = (&config.registrar, &config.limits);
    Settings {
        product: product.into(),
        default_expires: DEFAULT_EXPIRES.min(registrar.max_expires),
        min_expires: registrar.min_expires,
        max_expires: registrar.max_expires,
        limits: parlor_proxy::Limits {
            bindings: limits.registrations as usize,
            contacts: limits.registrations_per_user as usize,
            ..parlor_proxy::Limits::default()
        },
        ..Settings::new(Arc::clone(hosts))
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How a refusal counts.
fn rejection_of(reject: &Reject) -> Rejected {
    match reject {
        Reject::Header(_) | Reject::Contradiction(_) => Rejected::SipBadRequest,
        Reject::Forbidden => Rejected::ProxyForbidden,
        Reject::NotFound => Rejected::ProxyNoUser,
        Reject::Extension(_) | Reject::FirstHop => Rejected::SipExtension,
        Reject::TooBrief(_) => Rejected::ProxyTooBrief,
        Reject::OutOfOrder => Rejected::SipOutOfOrder,
        Reject::TooLarge => Rejected::ProxyTooLarge,
        Reject::TooManyContacts => Rejected::ProxyTooManyOfUser,
        Reject::Overload => Rejected::ProxyOverload,
        Reject::NotStored => Rejected::ProxyNotStored,
    }
}
