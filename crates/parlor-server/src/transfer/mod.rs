//! Sessions that carry files (RFC 5547). Each has a task of its own, so that no room waits for a disk; the spool is its
//! other end.
//!
//! A room [starts](Transfers::start) the task when its focus has agreed on the session, hears by [`TransferEvent`]s what becomes
//! of the file, and ends the task by dropping its [`Transfer`].

mod link;
mod outcome;
mod pull;
mod push;

pub(crate) use outcome::Outcome;

use crate::clock::millis_since_epoch;
use crate::metrics::{Counted, Metrics};
use crate::msrp::{Connections, Dial, Dialling, SessionEntry, SessionTable, dial};
use crate::panics::caught;
use crate::room::{Inbox, MsrpInput};
use link::Link;
use parlor_focus::SessionSpec;
use parlor_msrp::FailureReport;
use parlor_room::{FileSelector, SessionId, SharedFile};
use parlor_store::{Content, KeptFile, Spool};
use parlor_switch::OutboxLimits;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{Instrument as _, debug, error};

/// How many reads may wait for one transfer: its reader waits for the disk then.
const READS: usize = 4;
/// How often it is looked for files whose time is over.
const EXPIRY: Duration = Duration::from_secs(60);

/// What all transfers share.
#[derive(Debug)]
pub(crate) struct Transfers {
    pub(crate) spool: Spool,
    pub(crate) settings: Settings,
    pub(crate) table: Arc<SessionTable>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What an operator may set about them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The largest file.
    pub(crate) max_bytes: u64,
    /// How long a file is kept.
    pub(crate) keep: Duration,
    /// How long a file may stay without a further chunk, and how long we wait for a peer to end what is over.
    pub(crate) chunk_timeout: Duration,
    /// The octets in one outgoing frame.
    pub(crate) frame_bytes: usize,
    /// What outgoing frames ask for.
    pub(crate) failure_report: FailureReport,
    pub(crate) outbox: OutboxLimits,
}

/// A file that is to come.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// The room that it is left in.
    pub(crate) room: String,
    /// By whom: the URI that the room knows.
    pub(crate) owner: String,
    /// The user that it counts for.
    pub(crate) account: String,
    pub(crate) owner_name: Option<String>,
    /// What its sender says of it.
    pub(crate) selector: FileSelector,
}

/// Where the octets of a file are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Arriving(Content),
    Kept(Arc<KeptFile>),
}

/// What a session is to carry.
#[derive(Debug)]
pub(crate) enum Cargo {
    /// The peer's file.
    Push(Offered),
    /// One of ours.
    Pull(SharedFile, Source),
}

/// What a room hears of a transfer.
#[derive(Debug)]
pub(crate) enum TransferEvent {
    /// The session has a connection.
    Bound,
    /// The first octets of a file have come.
    Arriving(SharedFile, Content),
    /// All of it has.
    Kept(Arc<KeptFile>),
    /// It is over, and the peer has not ended the session.
    Over(Outcome),
}

/// Events of one room's transfers, each with its session.
pub(crate) type Told = mpsc::Sender<(SessionId, TransferEvent)>;

/// A transfer at work. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Transfer {
    shared: Arc<Transfers>,
    entry: Arc<SessionEntry>,
    dialling: Option<Dialling>,
    _stop: oneshot::Sender<()>,
    _counted: Counted,
}

impl Transfers {
    /// Starts one: from now on its session is known to connections.
    pub(crate) fn start(
        self: &Arc<Self>,
        session: SessionId,
        spec: &SessionSpec,
        cargo: Cargo,
        told: Told,
    ) -> Transfer {
        let (inbox, hears) = Inbox::new(READS, &self.settings.outbox);
        let entry = Arc::new(SessionEntry::new(inbox, session, spec.local.clone(), spec.peer.clone()));
        self.table.insert(&entry);
        let (stop, stopped) = oneshot::channel();
        let link = Link::new(Arc::clone(self), Arc::clone(&entry), told);
        let run = run(link, cargo, hears, stopped).in_current_span();
        tokio::spawn(run);
        self.metrics.msrp_sessions.inc();
        let counted = Counted::in_gauge(&self.metrics.file_transfers);
        Transfer { shared: Arc::clone(self), entry, dialling: None, _stop: stop, _counted: counted }
    }

    /// Sets the gauges of the spool.
    pub(crate) fn measure(&self) {
        let usage = self.spool.usage();
        self.metrics.spool_bytes.set(i64::try_from(usage.octets).unwrap_or(i64::MAX));
        self.metrics.spool_files.set(i64::try_from(usage.files).unwrap_or(i64::MAX));
    }

    /// Removes files whose time is over, for ever.
    pub(crate) async fn expire(spool: Spool) {
        loop {
            sleep(EXPIRY).await;
            let files = spool.expire(millis_since_epoch());
            if files > 0 {
                debug!(files, "files have expired");
            }
        }
    }
}

impl Transfer {
    /// Connects to a peer that waits for us.
    pub(crate) fn connect(&mut self, allowed: Option<IpAddr>) {
        let (connections, tls) = (Arc::clone(&self.shared.connections), Arc::clone(&self.shared.tls));
        self.dialling = Some(dial(connections, tls, Dial { entry: Arc::clone(&self.entry), allowed }));
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.shared.table.remove(&self.entry.local);
        self.shared.metrics.msrp_sessions.dec();
    }
}

async fn run(mut link: Link, cargo: Cargo, hears: mpsc::Receiver<MsrpInput>, stopped: oneshot::Receiver<()>) {
    let is_push = matches!(cargo, Cargo::Push(_));
    let outcome = {
        let work = pin!(async {
            match cargo {
                Cargo::Push(offered) => push::take_in(&mut link, offered, hears).await,
                Cargo::Pull(file, source) => pull::give_out(&mut link, &file, &source, hears).await,
            }
        });
        tokio::select! {
            biased;
            worked = caught(work) => worked.unwrap_or_else(|_| {
                error!("the transfer of a file panicked and is ended");
                Outcome::Failed
            }),
            _ = stopped => Outcome::BrokenOff,
        }
    };
    link.finish(is_push, outcome).await;
}
