//! What rooms, focus and switch say, as labels of metrics.

use crate::metrics::{DropReason, Layer, SessionEnd};
use parlor_focus::EndReason;
use parlor_switch::{Dropped, Refusal};

/// How the end of a session counts.
pub(super) fn end_of(reason: EndReason) -> SessionEnd {
    match reason {
        EndReason::Left | EndReason::MediaRemoved | EndReason::RoomClosed => SessionEnd::Left,
        EndReason::NoAck | EndReason::BadAnswer | EndReason::Unreachable => SessionEnd::Failed,
        EndReason::BindTimeout => SessionEnd::Unbound,
        EndReason::ConnectionLost => SessionEnd::Lost,
        EndReason::Expired => SessionEnd::Expired,
        EndReason::Stalled => SessionEnd::Stalled,
        EndReason::Shutdown => SessionEnd::Shutdown,
    }
}

/// How a copy that was not delivered counts.
pub(super) fn cause_of(why: Dropped) -> DropReason {
    match why {
        Dropped::Stalled => DropReason::Stalled,
        Dropped::Memory => DropReason::Memory,
        Dropped::Aborted => DropReason::Aborted,
        Dropped::Unaccepted => DropReason::Unaccepted,
        Dropped::Oversized => DropReason::Oversized,
        Dropped::Closed => DropReason::Closed,
    }
}

/// Where a refusal belongs.
pub(super) fn layer_of(refusal: Refusal) -> Layer {
    match refusal {
        Refusal::MalformedRequest
        | Refusal::NotCpim
        | Refusal::TooLarge
        | Refusal::OutOfOrder
        | Refusal::HeldBack
        | Refusal::TooManyOpen
        | Refusal::TimedOut
        | Refusal::Again { .. } => Layer::Msrp,
        Refusal::MalformedCpim | Refusal::UnknownRequirement | Refusal::ForeignSender | Refusal::SeveralRecipients => {
            Layer::Cpim
        }
        Refusal::WrappedType | Refusal::NotAllowed | Refusal::UnknownRecipient | Refusal::Nickname => Layer::Room,
    }
}
