//! One dialog between the focus and a participant's user agent, and what hangs on it.

use crate::invite::Guest;
use crate::sdp::{Current, Line, LocalSdp, Offered, Role};
use crate::session_timer::SessionTimer;
use crate::transfer::FileSession;
use crate::{EndReason, Location, NextHop, RequestId};
use parlor_msrp::Path;
use parlor_room::{ParticipantId, SessionId};
use parlor_sip::{Dialog, Flow, Method, Request, Response, ServerTransactionId, Uri};
use std::time::{Duration, Instant};

/// Names a dialog of one focus; it is the random part of the local tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LegId(pub(crate) u64);

/// One dialog.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) dialog: Dialog,
    /// Where the latest request that may move the peer came from.
    pub(crate) flow: Flow,
    pub(crate) phase: Phase,
    pub(crate) media: Media,
    /// What we last said in SDP.
    pub(crate) sdp: LocalSdp,
    pub(crate) session_timer: Option<SessionTimer>,
    /// Whether the peer takes UPDATE (SIP-103).
    pub(crate) updates: bool,
    /// Our refresh that is under way.
    pub(crate) refresh: Option<Refresh>,
    /// Our ACK to the 2xx of an INVITE of ours, in case it comes again.
    pub(crate) acked: Option<Box<(RequestId, Request)>>,
    /// Whether a REFER came in this dialog.
    pub(crate) referred: bool,
    /// The account that began the dialog, if that was verified.
    pub(crate) account: Option<Uri>,
}

/// A dialog that a call of ours made begins Confirmed (`dial_out.rs`).
///
/// ```text
///    INVITE│2xx                       re-INVITE│2xx
///          ▼               ACK                 │
///     ┌─────────┐ ───────────────────▶ ┌───────┴───┐
///     │ Unacked │ ◀─────────────────── │ Confirmed │
///     └────┬────┘                      └─────┬─────┘
///          │ no ACK, or ACK when            │ we end it: BYE
///          │ we wanted to end it: BYE       ▼
///          └──────────────────────────▶ Leaving ── answer to BYE ──▶ gone
///
///   A BYE of the peer ends any of them.
/// ```
#[derive(Debug)]
pub(crate) enum Phase {
    /// A 2xx of ours awaits its ACK.
    Unacked(Box<Unacked>),
    /// Nothing awaits an ACK.
    Confirmed,
    /// Our BYE is under way.
    Leaving,
}

/// A 2xx that awaits its ACK (SIP-3).
#[derive(Debug)]
pub(crate) struct Unacked {
    pub(crate) tx: ServerTransactionId,
    pub(crate) response: Response,
    /// The CSeq of the INVITE.
    pub(crate) seq: u32,
    /// The interval until the next retransmission.
    pub(crate) interval: Duration,
    /// Our offer in the 2xx, whose answer the ACK brings (SIP-41).
    pub(crate) offered: Option<Offered>,
    /// RFC 3261 §15: no BYE before the ACK; so it is kept for then, with what it is sent for.
    pub(crate) bye_due: Option<EndReason>,
}

/// What a dialog is for.
#[derive(Debug)]
pub(crate) enum Media {
    /// We offered a chat, and know nothing of the peer's side yet.
    Offered(SessionId),
    /// Sessions of a chat, one for each media line (REQ-1); never none.
    Open(Vec<Open>),
    /// A session that carries a file.
    File(Box<FileSession>),
    /// The peer gave its chat up but stays in the dialog, and may come back (SIP-65).
    GivenUp(Box<Guest>),
    /// It is over.
    Closed,
}

/// A session that both sides agreed on.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) session: SessionId,
    pub(crate) line: usize,
    pub(crate) local: parlor_msrp::Uri,
    pub(crate) peer: Path,
    pub(crate) role: Role,
    pub(crate) binding: Binding,
    /// Whether the peer's path is a new one, which is to be bound once both sides know of it.
    pub(crate) moved: bool,
}

/// Whether a session has a connection for what was agreed last, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// None.
    Free,
    /// One.
    Bound {
        /// When SDP was last exchanged since.
        renewed: Option<Instant>,
    },
}

/// Our refresh that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refresh {
    pub(crate) id: RequestId,
    pub(crate) method: RefreshMethod,
}

/// How a session is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshMethod {
    /// UPDATE without SDP.
    Update,
    /// re-INVITE with the SDP that was said last.
    Invite,
}

impl Media {
    /// The sessions, in the order in which they came.
    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        match self {
            Self::Offered(session) => vec![*session],
            Self::Open(_) | Self::File(_) | Self::GivenUp(_) | Self::Closed => {
                self.agreed().iter().map(|open| open.session).collect()
            }
        }
    }

    /// The first of them, if there is one.
    pub(crate) fn first_session(&self) -> Option<SessionId> {
        match self {
            Self::Offered(session) => Some(*session),
            Self::Open(_) | Self::File(_) | Self::GivenUp(_) | Self::Closed => {
                self.agreed().first().map(|open| open.session)
            }
        }
    }

    /// Whether it has one of the places that a server has for sessions; all lines of a dialog share one.
    pub(crate) fn has_place(&self) -> bool {
        match self {
            Self::Offered(_) | Self::Open(_) | Self::File(_) | Self::GivenUp(_) => true,
            Self::Closed => false,
        }
    }

    /// For whom a file is on its way.
    pub(crate) fn carries_for(&self) -> Option<ParticipantId> {
        match self {
            Self::File(file) => Some(file.participant),
            Self::Offered(_) | Self::Open(_) | Self::GivenUp(_) | Self::Closed => None,
        }
    }

    /// What was agreed, of a chat or of a file.
    pub(crate) fn agreed(&self) -> &[Open] {
        match self {
            Self::Open(lines) => lines,
            Self::File(file) => std::slice::from_ref(&file.open),
            Self::Offered(_) | Self::GivenUp(_) | Self::Closed => &[],
        }
    }

    /// The same, to be changed.
    pub(crate) fn agreed_mut(&mut self) -> &mut [Open] {
        match self {
            Self::Open(lines) => lines,
            Self::File(file) => std::slice::from_mut(&mut file.open),
            Self::Offered(_) | Self::GivenUp(_) | Self::Closed => &mut [],
        }
    }

    /// The sessions of a chat that was agreed on.
    pub(crate) fn lines(&self) -> &[Open] {
        match self {
            Self::Open(lines) => lines,
            Self::Offered(_) | Self::File(_) | Self::GivenUp(_) | Self::Closed => &[],
        }
    }
}

impl Open {
    /// As the last offer and answer had it.
    pub(crate) fn current(&self) -> Current<'_> {
        Current { line: self.line, local: &self.local, peer: &self.peer, role: self.role }
    }
}

/// What was just agreed, with no connection yet.
pub(crate) fn opened(session: SessionId, agreed: &Line) -> Open {
    Open {
        session,
        line: agreed.line,
        local: agreed.local.clone(),
        peer: agreed.peer.path.clone(),
        role: agreed.role,
        binding: Binding::Free,
        moved: false,
    }
}

impl Leg {
    /// The first session, if there is one.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.media.first_session()
    }

    /// The sessions of the chat as the last offer and answer had them.
    pub(crate) fn current(&self) -> Vec<Current<'_>> {
        self.media.lines().iter().map(Open::current).collect()
    }

    /// Whether an offer of ours has no answer yet.
    pub(crate) fn offer_is_open(&self) -> bool {
        let in_2xx = matches!(&self.phase, Phase::Unacked(unacked) if unacked.offered.is_some());
        in_2xx || self.refresh.is_some_and(|refresh| refresh.method == RefreshMethod::Invite)
    }

    /// A request in this dialog.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.dialog.request(method)
    }

    /// Where requests in this dialog go.
    pub(crate) fn next_hop(&self) -> NextHop {
        next_hop(&self.dialog, self.flow)
    }

    /// Where the peer's device is.
    pub(crate) fn location(&self) -> Location {
        Location { target: self.dialog.remote_target().clone(), next_hop: self.next_hop() }
    }
}

/// Where requests in a dialog go whose peer was last heard over this flow.
pub(crate) fn next_hop(dialog: &Dialog, flow: Flow) -> NextHop {
    NextHop { flow, uri: dialog.next_hop_of(flow) }
}
