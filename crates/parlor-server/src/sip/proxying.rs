//! The proxy beside the rooms, and its store.

use super::elsewhere::{Elsewhere, Found};
use super::pages::Pages;
use super::presence;
use super::reach::Reach;
use super::saved;
use super::storing::{Storing, Told};
use super::whereabouts::{InRooms, Moved};
use crate::clock::since_epoch;
use crate::config::Config;
use anyhow::{Context as _, Result};
use parlor_focus::{Account, Caller};
use parlor_proxy::{Proxy, Restored, SendId, Sender, Settings, Way};
use parlor_room::{Hosts, Identity, WallClock};
use parlor_sip::{ClientTransactionId, Flow, Uri};
use parlor_store::Store;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
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
    /// Where users are kept; without it, users cannot register.
    pub(super) storing: Option<Storing>,
    pub(super) elsewhere: Elsewhere,
    pub(super) in_rooms: InRooms,
    pub(super) pages: Pages,
    /// What was passed on and is not answered.
    pub(super) sent: HashMap<ClientTransactionId, SendId>,
}

/// What a proxy waits for beside requests and responses.
#[derive(Debug)]
pub(super) enum Heard {
    /// What the store has answered.
    Stored(Told),
    /// Where a message goes to.
    Found(Found),
    /// Who has come into a room or left it.
    Moved(Moved),
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
        focus: &parlor_focus::Settings,
        store: Arc<dyn Store>,
        reach: Reach,
        in_rooms: InRooms,
    ) -> Result<Self> {
        let wall = since_epoch();
        let bindings = store.bindings(saved::millis(wall)).await.context("bindings")?;
        let publications = store.publications(saved::millis(wall)).await.context("publications")?;
        let mailboxes = store.mailboxes().await.context("messages")?;
        let restored = saved::restored(bindings, mailboxes, publications);
        let (now, settings, published) = (Instant::now(), settings(config, focus), restored.publications.len());
        let proxy = Proxy::new(now, Arc::new(settings), WallClock::new(now, wall), restored, rand::make_rng());
        let forgotten = published - proxy.publications();
        if forgotten > 0 {
            warn!(forgotten, "publications that are beyond the limits are removed");
        }
        Ok(Self {
            proxy,
            hosts: Arc::clone(&focus.hosts),
            believes_loopback: config.registrar.trust_loopback && !config.asks_who_it_is(),
            storing: Some(Storing::new(store)),
            elsewhere: Elsewhere::new(reach),
            in_rooms,
            pages: Pages::default(),
            sent: HashMap::new(),
        })
    }

    /// One for messages of rooms alone, as no user can register.
    pub(crate) fn without_users(config: &Config, focus: &parlor_focus::Settings, reach: Reach) -> Self {
        let (now, settings) = (Instant::now(), settings(config, focus));
        let clock = WallClock::new(now, since_epoch());
        Self {
            proxy: Proxy::new(now, Arc::new(settings), clock, Restored::default(), rand::make_rng()),
            hosts: Arc::clone(&focus.hosts),
            believes_loopback: false,
            storing: None,
            elsewhere: Elsewhere::new(reach),
            in_rooms: InRooms::default(),
            pages: Pages::default(),
            sent: HashMap::new(),
        }
    }

    /// What the store says, where messages go to, and who is where.
    pub(super) async fn heard(this: &mut Option<Self>) -> Heard {
        let Some(Self { storing: Some(storing), elsewhere, in_rooms, .. }) = this else {
            return std::future::pending().await;
        };
        tokio::select! {
            Some(told) = storing.next() => Heard::Stored(told),
            Some(found) = elsewhere.next() => Heard::Found(found),
            Some(moved) = in_rooms.next() => Heard::Moved(moved),
            else => std::future::pending().await,
        }
    }

    /// What else has come, so much of each kind at the most.
    pub(super) fn hear_more(&mut self, most: usize, heard: &mut Vec<Heard>) {
        let Self { storing, elsewhere, in_rooms, .. } = self;
        heard.extend(std::iter::from_fn(|| storing.as_mut()?.try_next()).take(most).map(Heard::Stored));
        heard.extend(std::iter::from_fn(|| elsewhere.try_next()).take(most).map(Heard::Found));
        heard.extend(std::iter::from_fn(|| in_rooms.try_next()).take(most).map(Heard::Moved));
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
            None if caller.through_trusted => Sender::Vouched,
            None => Sender::Stranger,
        }
    }
}

fn settings(config: &Config, focus: &parlor_focus::Settings) -> Settings {
    let (registrar, limits) = (&config.registrar, &config.limits);
    Settings {
        realm: config.realm().into(),
        product: focus.product.clone(),
        default_expires: DEFAULT_EXPIRES.min(registrar.max_expires),
        min_expires: registrar.min_expires,
        max_expires: registrar.max_expires,
        keep_for: config.messages.keep_for,
        send_to: config.messages.send_to.clone(),
        presence: presence::settings(config, &focus.contacts),
        limits: parlor_proxy::Limits {
            bindings: limits.registrations as usize,
            contacts: limits.registrations_per_user as usize,
            mailbox: limits.kept_messages_per_user.into(),
            mailbox_of_sender: limits.kept_messages_per_sender.into(),
            kept_messages: limits.kept_messages.into(),
            kept_bytes: limits.kept_message_bytes.bytes(),
            ..parlor_proxy::Limits::default()
        },
        ..Settings::new(Arc::clone(&focus.hosts))
    }
}
