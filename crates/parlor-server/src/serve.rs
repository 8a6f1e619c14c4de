//! Starts what the configuration says and runs it until told to stop.

use crate::addresses::Admission;
use crate::auth::{self, Directory, Gate, RoomPasswords};
use crate::clock;
use crate::config::{self, Config, Network, Transport};
use crate::http::{self, Readiness};
use crate::metrics::Metrics;
use crate::msrp::{self, Connections, SessionTable};
use crate::pace::Rate;
use crate::resolve::Resolver;
use crate::room::{Fixed, Policy, Rooms, Shared};
use crate::sip::{self, Locator, Proxying, Reach, SipOutput, SipTask};
use crate::sockets::Sockets;
use crate::transfer::{self, Transfers};
use anyhow::{Context as _, Result, bail};
use parlor_focus::{Quota, Subscribing};
use parlor_msrp::Quotes;
use parlor_room::{Bridge, FileRule, Nickname, Roles, Rules, Surplus, TypeList, WallClock, Watchers};
use parlor_sip::{SentBy, TransactionLimits};
use parlor_store::{Spool, SpoolLimits, Sqlite, Store};
use parlor_switch::{OutboxLimits, StalledMemory};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::info;

/// How many messages of rooms may wait for the SIP task.
const SIP_MAILBOX: usize = 1024;
/// How long the server takes to stop at the most; within it each room says farewell, sends its BYEs and waits for their answers.
const STOP: Duration = Duration::from_millis(4500);
/// How long to wait for watchers of users: one that lives answers the first NOTIFY, or the second.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or Ctrl-C.
pub async fn run(config: Config) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let metrics = Arc::new(Metrics::new());
    let readiness = Arc::new(Readiness::starting(Arc::clone(&metrics)));
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("data_dir: cannot make {}", config.data_dir.display()))?;
    let store = open_store(&config)?;
    let users = users(&config, store.as_ref()).await?;
    let mut sockets = Sockets::bind(&config).await?;
    println!("{}", welcome(&config, &sockets));
    let http = sockets.http.take();
    let server = Server::start(&config, sockets, users, store, &metrics).await?;
    let site = http.map(|(listener, _)| Site::start(listener, &server, metrics, Arc::clone(&readiness)));
    readiness.set_ready();
    info!("serving");
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    info!("stopping");
    readiness.set_draining();
    server.stop().await;
    if let Some(site) = site {
        site.stop().await;
    }
    info!("stopped");
    Ok(())
}

/// What outlives a restart, if there is anything.
fn open_store(config: &Config) -> Result<Option<Arc<dyn Store>>> {
    if !sip::has_users(config) && !config.has_files() {
        return Ok(None);
    }
    let file = auth::database(config);
    let store = Sqlite::open(&file).with_context(|| file.display().to_string())?;
    Ok(Some(Arc::new(store)))
}

/// Those who have an account.
async fn users(config: &Config, store: Option<&Arc<dyn Store>>) -> Result<watch::Receiver<Arc<Directory>>> {
    let Some(store) = store.filter(|_| config.asks_who_it_is()) else { return Ok(watch::channel(Arc::default()).1) };
    let users = auth::follow(config, Arc::clone(store)).await?;
    if let Some(room) = users.borrow().room_of_user(config) {
        bail!("the room {room:?} has the address of a user");
    }
    Ok(users)
}

/// HTTP, which is served until everything else has stopped.
struct Site {
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Site {
    fn start(listener: TcpListener, server: &Server, metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Self {
        let connections = Arc::downgrade(&server.connections);
        let transfers = server.transfers.as_ref().map(Arc::downgrade);
        metrics.measure_with(move || {
            if let Some(connections) = connections.upgrade() {
                connections.measure();
            }
            if let Some(transfers) = transfers.as_ref().and_then(Weak::upgrade) {
                transfers.measure();
            }
        });
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        Self { serving: tokio::spawn(http::serve(listener, metrics, readiness, stopped)), stop }
    }

    async fn stop(self) {
        drop(self.stop);
        let _ = timeout(Duration::from_millis(200), self.serving).await;
    }
}

/// The running server.
struct Server {
    rooms: Arc<Rooms>,
    connections: Arc<Connections>,
    transfers: Option<Arc<Transfers>>,
    to_sip: mpsc::Sender<SipOutput>,
}

impl Server {
    async fn start(
        config: &Config,
        sockets: Sockets,
        users: watch::Receiver<Arc<Directory>>,
        store: Option<Arc<dyn Store>>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self> {
        let outbox = outbox_limits(&config.limits);
        let table = Arc::new(SessionTable::new(config.limits.sessions as usize));
        let focus = Arc::new(focus_settings(config, &sockets));
        let connections = Arc::new(Connections::new(
            msrp_settings(config, outbox),
            sockets.own_msrp_listeners(),
            Admission::new(config.limits.connections as usize, config.limits.connections_per_address),
            Arc::clone(&table),
            Arc::clone(metrics),
            StalledMemory::new(config.limits.stalled_outboxes.in_memory()),
        ));
        let spool = store.as_ref().filter(|_| config.has_files()).map(|store| spool(config, store)).transpose()?;
        let transfers = spool.map(|spool| {
            Arc::new(Transfers {
                spool,
                settings: transfer_settings(config, outbox),
                table: Arc::clone(&table),
                connections: Arc::clone(&connections),
                tls: Arc::clone(&sockets.tls.client),
                metrics: Arc::clone(metrics),
            })
        });
        if let Some(transfers) = &transfers {
            tokio::spawn(Transfers::expire(transfers.spool.clone()));
        }
        let (to_sip, from_rooms) = mpsc::channel(SIP_MAILBOX);
        let reach = reach(config, &sockets, to_sip.clone(), metrics);
        let to_others = reach.to(reachable(config, &config.messages.send_networks));
        let (whereabouts, in_rooms) = sip::whereabouts(config);
        let shared = Shared {
            table: Arc::clone(&table),
            connections: Arc::clone(&connections),
            metrics: Arc::clone(metrics),
            focus: Arc::clone(&focus),
            locator: Locator::new(Arc::clone(&focus.hosts), reach),
            whereabouts,
            switch: switch_settings(config, &outbox),
            outbox,
            tls: Arc::clone(&sockets.tls.client),
            sip: to_sip.clone(),
            transfers: transfers.clone(),
            linger: config.rooms.linger,
            lifetime: config.rooms.lifetime,
        };
        let rooms = Rooms::new(policy(config), Arc::new(shared));
        rooms.open_fixed();
        let began = std::time::Instant::now();
        let passwords = RoomPasswords::load(began, config)?;
        let gate = Gate::new(began, config, Arc::clone(&focus.hosts), users).with_rooms(passwords);
        let settings = sip_settings(config, &sockets);
        let proxying = match store.filter(|_| sip::has_users(config)) {
            Some(store) => Proxying::open(config, &focus, store, to_others, in_rooms).await?,
            None => Proxying::without_users(config, &focus, to_others),
        };
        let mut task = SipTask::new(&settings, Arc::clone(&rooms), table, focus, Arc::clone(metrics), gate, from_rooms);
        task.proxy_with(proxying);
        for (socket, _, bound, told) in sockets.sip {
            let sent_by = SentBy { host: told.host.into(), port: told.port };
            task.serve(socket, bound, sent_by);
        }
        tokio::spawn(task.run());
        for (listener, _, _, _) in sockets.msrp {
            tokio::spawn(msrp::accept(listener, Arc::clone(&connections)));
        }
        Ok(Self { rooms, connections, transfers, to_sip })
    }

    /// Rooms say farewell, everybody gets BYE, watchers of users are told, and what is on its way is written.
    async fn stop(self) {
        let deadline = Instant::now() + STOP;
        let drained = async {
            self.rooms.shut_down();
            let rooms = async {
                while !self.rooms.is_empty() {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::join!(rooms, self.tell_watchers());
        };
        tokio::select! {
            () = drained => {}
            () = sleep_until(deadline) => {}
        }
    }
}

impl Server {
    /// Those who watch users learn that the server goes down, if they answer soon.
    async fn tell_watchers(&self) {
        let (told, are_told) = oneshot::channel();
        if self.to_sip.send(SipOutput::Shutdown { told }).await.is_ok() {
            let _ = timeout(FAREWELL, are_told).await;
        }
    }
}

fn outbox_limits(limits: &config::Limits) -> OutboxLimits {
    OutboxLimits {
        bytes: limits.outbox.in_memory(),
        floor: limits.floor.bytes(),
        patience: limits.stall_after,
        give_up: limits.close_stalled_after,
    }
}

fn focus_settings(config: &Config, sockets: &Sockets) -> parlor_focus::Settings {
    parlor_focus::Settings {
        contacts: sockets.contacts(),
        msrp: sockets.msrp_addresses(),
        session_mark: format!("{:012x}", rand::random::<u64>() >> 16).into(),
        session_expires: config.sip.session_expires,
        min_se: config.sip.min_se,
        bind_timeout: config.msrp.bind_timeout,
        subscriptions: subscribing(config),
        calls: Quota::new(config.limits.calls as usize),
        clock: Some(wall_clock()),
        chat_clients: config.msrp.chat_clients.iter().map(|name| name.as_str().into()).collect(),
        ring_timeout: config.conference.ring_timeout,
        files: config.has_files().then(|| file_settings(&config.files)),
        own_methods: if sip::has_users(config) { sip::OWN_METHODS.into() } else { Box::default() },
        own_events: if sip::has_users(config) { sip::OWN_EVENTS.into() } else { Box::default() },
        factory: factory(config),
        product: format!("Parlor/{}", env!("CARGO_PKG_VERSION")).into(),
        limits: parlor_focus::Limits {
            invited: config.conference.max_invited as usize,
            message_lines: config.limits.message_lines as usize,
            subscriptions: config.limits.subscriptions_per_room as usize,
            subscriptions_of_user: config.limits.subscriptions_per_user as usize,
            ..parlor_focus::Limits::default()
        },
        ..parlor_focus::Settings::new(Arc::new(sockets.hosts(config)))
    }
}

/// The user part of the factory's URI, if there is one.
fn factory(config: &Config) -> Option<Box<str>> {
    let name = &config.conference.factory;
    (!name.is_empty()).then(|| name.as_str().into())
}

/// How others are reached who may be called.
fn reach(config: &Config, sockets: &Sockets, sip: mpsc::Sender<SipOutput>, metrics: &Arc<Metrics>) -> Reach {
    let resolver = Arc::new(Resolver::new(&config.sip.name_servers));
    let networks = reachable(config, &config.conference.dial_out);
    let (listeners, own) = (sockets.sip_listeners(), sockets.own_sip_listeners());
    Reach::new(resolver, listeners, own, sip, networks, Arc::clone(metrics))
}

/// Networks as they are configured; with none, loopback where SIP is served nowhere else.
fn reachable(config: &Config, networks: &[Network]) -> Vec<Network> {
    match networks {
        [] if config.sip.listen.iter().all(|listen| listen.address.ip().is_loopback()) => Network::LOOPBACK.to_vec(),
        networks => networks.to_vec(),
    }
}

fn subscribing(config: &Config) -> Subscribing {
    let roster = &config.roster;
    Subscribing {
        all: Quota::new(config.limits.subscriptions as usize),
        octets: Quota::new(config.limits.rosters.in_memory()),
        expires: roster.expires,
        min_expires: roster.min_expires,
        interval: roster.interval,
        departures: roster.departures,
        whole_up_to: roster.whole_up_to as usize,
        whole_rate: roster.whole_rate.bytes(),
        whole_for: roster.whole_for.iter().map(|name| name.to_ascii_lowercase().into()).collect(),
    }
}

fn wall_clock() -> WallClock {
    WallClock::new(std::time::Instant::now(), clock::since_epoch())
}

fn msrp_settings(config: &Config, outbox: OutboxLimits) -> msrp::Settings {
    msrp::Settings {
        outbox,
        decoder: parlor_msrp::Limits::default(),
        bind_timeout: config.msrp.bind_timeout,
        sessions: config.limits.sessions_per_connection as usize,
        strict_paths: config.msrp.strict_paths,
        frame_bytes: config.msrp.chunk_bytes.in_memory(),
    }
}

fn switch_settings(config: &Config, outbox: &OutboxLimits) -> parlor_switch::Settings {
    parlor_switch::Settings {
        frame_bytes: config.msrp.chunk_bytes.in_memory(),
        failure_report: match config.msrp.failure_report {
            config::FailureReport::No => parlor_msrp::FailureReport::No,
            config::FailureReport::Partial => parlor_msrp::FailureReport::Partial,
            config::FailureReport::Yes => parlor_msrp::FailureReport::Yes,
        },
        cpim_header_bytes: config.limits.message_header_bytes.in_memory(),
        open_messages_per_session: config.limits.open_messages as usize,
        open_messages: config.limits.open_messages_per_room as usize,
        chunk_timeout: config.limits.chunk_timeout,
        held_bytes: outbox.held(),
        nickname_quotes: match config.msrp.strict_nicknames {
            true => Quotes::Required,
            false => Quotes::Optional,
        },
    }
}

fn file_settings(files: &config::Files) -> parlor_focus::FileSettings {
    parlor_focus::FileSettings {
        max_bytes: files.max_bytes.bytes(),
        transfers: Quota::new(files.transfers as usize),
        transfers_of_participant: files.transfers_per_participant as usize,
    }
}

/// Opens the place for files. Blocks, as nothing is served yet.
fn spool(config: &Config, store: &Arc<dyn Store>) -> Result<Spool> {
    let limits = SpoolLimits {
        file: config.files.max_bytes.bytes(),
        owner: config.files.per_user.bytes(),
        room: config.files.per_room.bytes(),
        total: config.files.total.bytes(),
        files_of_room: config.files.count_per_room as usize,
        files_of_owner: config.files.count_per_user as usize,
        files: config.files.count as usize,
    };
    let directory = config.data_dir.join("files");
    let opened =
        tokio::task::block_in_place(|| Spool::open(&directory, limits, Arc::clone(store), clock::millis_since_epoch()));
    opened.with_context(|| directory.display().to_string())
}

fn transfer_settings(config: &Config, outbox: OutboxLimits) -> transfer::Settings {
    let switch = switch_settings(config, &outbox);
    transfer::Settings {
        max_bytes: config.files.max_bytes.bytes(),
        keep: config.files.keep,
        chunk_timeout: config.limits.chunk_timeout,
        frame_bytes: switch.frame_bytes,
        failure_report: switch.failure_report,
        outbox,
    }
}

fn sip_settings(config: &Config, sockets: &Sockets) -> sip::Settings {
    let transactions = config.limits.sip_transactions as usize;
    // After a pause as much as in ten seconds.
    let rate = |per_second: u32| Rate::new(per_second, per_second.saturating_mul(10));
    sip::Settings {
        limits: parlor_sip::Limits { body: config.limits.sip_body_bytes.in_memory(), ..parlor_sip::Limits::default() },
        transactions: TransactionLimits { server: transactions, client: transactions, ..TransactionLimits::default() },
        connections: config.limits.sip_connections as usize,
        per_address: config.limits.connections_per_address,
        tls: Arc::clone(&sockets.tls.client),
        joins: rate(config.limits.joins_per_second),
        subscribes: rate(config.limits.subscribes_per_second),
    }
}

fn policy(config: &Config) -> Policy {
    Policy {
        on_demand: config.rooms.on_demand,
        rules: rules(&config.room_rules),
        fixed: config.room.iter().map(|room| (room.name.as_str().into(), fixed(room))).collect(),
        limit: config.limits.rooms as usize,
        factory: factory(config),
        end_with_founder: config.conference.factory_ends == config::RoomEnd::Creator,
    }
}

fn fixed(room: &config::Room) -> Fixed {
    Fixed { rules: rules(&room.rules), parent: room.parent.as_deref().map(Box::from) }
}

fn rules(rules: &config::RoomRules) -> Rules {
    Rules {
        topic: rules.topic.as_str().into(),
        welcome: rules.welcome.as_str().into(),
        max_participants: rules.max_participants as usize,
        max_sessions_per_participant: match rules.sessions {
            config::Sessions::Many => rules.max_sessions_per_participant as usize,
            config::Sessions::One => 1,
        },
        surplus: if rules.takeover { Surplus::Replace } else { Surplus::Refuse },
        max_message_bytes: rules.max_message_bytes.bytes(),
        wrapped_types: TypeList::from_entries(rules.accept_wrapped_types.iter().map(String::as_str)),
        message_rate: rules.messages_per_second,
        message_burst: rules.messages_at_once,
        bridges: [("audio", &rules.audio_bridge), ("video", &rules.video_bridge)]
            .into_iter()
            .filter_map(|(medium, uri)| Some(Bridge { medium, uri: uri.parse().ok()? }))
            .collect(),
        require_tls: rules.require_tls,
        allow: rules.allow.clone(),
        deny: rules.deny.clone(),
        anonymous: rules.anonymous,
        roles: Roles {
            owners: rules.owners.clone(),
            moderators: rules.moderators.clone(),
            members: rules.members.clone(),
            everybody: rules.default_role,
        },
        roster: match rules.roster {
            config::Watchers::Anyone => Watchers::Anyone,
            config::Watchers::Participants => Watchers::Participants,
        },
        announce_topic: rules.announce_topic,
        set_topic: rules.set_topic,
        invite: rules.invite,
        remove: rules.remove,
        files: match rules.files {
            config::FileSharing::Off => FileRule::Off,
            config::FileSharing::Participants => FileRule::Participants,
        },
        nicknames: rules.nicknames,
        reserved_nicknames: reserved(&rules.reserved_nicknames),
        max_nickname_bytes: rules.max_nickname_bytes as usize,
        nickname_quarantine: rules.nickname_quarantine,
        private_messages: rules.private_messages,
        pass_imdn: rules.imdn == config::Receipts::Pass,
        composing_up_to: rules.composing_up_to as usize,
        by_message: rules.by_message,
        by_message_for: rules.by_message_for,
        keep_mentions: rules.keep_mentions,
        messages_reach_participants: rules.messages_reach_participants,
        moderated: rules.moderated,
        own_copies: rules.own_copies,
        own_private_copies: rules.own_private_copies,
    }
}

/// By the form in which they are compared; what is no nickname nobody gets anyway.
fn reserved(nicknames: &[String]) -> Arc<[Box<str>]> {
    nicknames.iter().filter_map(|nickname| Some(Nickname::new(nickname).ok()?.key().into())).collect()
}

/// What can be joined, and how.
fn welcome(config: &Config, sockets: &Sockets) -> String {
    let mut lines = vec![format!("Parlor {} serves", env!("CARGO_PKG_VERSION"))];
    for (_, transport, _, told) in &sockets.sip {
        lines.push(format!("  SIP over {} on {told}", transport.name().to_uppercase()));
    }
    for (_, transport, _, told) in &sockets.msrp {
        lines.push(format!("  MSRP over {} on {told}", transport.name().to_uppercase()));
    }
    if let Some((_, address)) = &sockets.http {
        lines.push(format!("  metrics on http://{address}/metrics"));
    }
    let reached = sockets.sip.iter().find(|(_, transport, _, _)| *transport != Transport::Udp);
    let Some((_, transport, _, told)) = reached.or(sockets.sip.first()) else { return lines.join("\n") };
    lines.push("Rooms:".to_owned());
    for room in &config.room {
        lines.push(format!("  sip:{}@{}", room.name, config.domain));
    }
    if config.rooms.on_demand {
        lines.push("  and any other name: a room is made when somebody joins it".to_owned());
    }
    if let Some(room) = config.room.first() {
        lines.push("Join from another terminal, or from any SIP client with MSRP chat:".to_owned());
        lines.push(format!("  parlor chat 'sip:{}@{told};transport={}' --as alice", room.name, transport.name()));
    }
    lines.join("\n")
}
