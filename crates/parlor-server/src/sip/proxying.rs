//! The proxy beside the rooms, and its store.

use super::saved;
use crate::config::Config;
use anyhow::{Context as _, Result};
use parlor_focus::{Account, Caller};
use parlor_proxy::{Change, Proxy, SendId, Sender, Settings, StoreId, Stored, Way};
use parlor_room::{Hosts, Identity, WallClock};
use parlor_sip::{ClientTransactionId, Flow, Uri};
use parlor_store::{BindingChange, Pending, Store, StoreError};
use std::collections::HashMap;
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
    pub(super) hosts: Arc<Hosts>,
    /// Whether who is on this machine need not prove anything.
    believes_loopback: bool,
    store: Arc<dyn Store>,
    /// What was passed on and is not answered.
    pub(super) sent: HashMap<ClientTransactionId, SendId>,
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
            sent: HashMap::new(),
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

    pub(super) fn sender(&self, caller: Caller, flow: &Flow) -> Sender {
        match caller.verified {
            Some(Account { aor, aliases }) => Sender::Known(Identity::of(aor).with(None, aliases)),
            None if self.believes_loopback && flow.remote.ip().to_canonical().is_loopback() => Sender::Believed,
            None => Sender::Stranger,
        }
    }

    pub(super) fn collect(&mut self, id: Option<StoreId>, changes: Vec<Change>) {
        self.waiting.extend(id);
        self.changes.extend(changes.into_iter().map(|change| match change {
            Change::Put(binding) => BindingChange::Put(saved::saved(&binding)),
            Change::Remove(id) => BindingChange::Remove(id.0),
        }));
    }

    /// Has stored what this turn has gathered.
    pub(super) fn flush(&mut self) {
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

fn settings(config: &Config, hosts: &Arc<Hosts>, product: &str) -> Settings {
    let (registrar, limits) = (&config.registrar, &config.limits);
    Settings {
        realm: config.realm().into(),
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

pub(super) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
