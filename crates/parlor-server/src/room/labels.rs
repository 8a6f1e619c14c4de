//! What rooms, focus and switch say, as labels of metrics.

use crate::metrics::{CallEnd, DropReason, MessageKind, Rejected, SessionEnd, SubscriptionEnd, WithheldKind};
use parlor_focus::EndReason;
use parlor_room::NicknameReject;
use parlor_switch::{Dropped, Kind, Refusal, Withheld};

/// How the end of a session counts.
pub(super) fn end_of(reason: EndReason) -> SessionEnd {
    match reason {
        EndReason::Left
        | EndReason::MediaRemoved
        | EndReason::RoomClosed
        | EndReason::Replaced
        | EndReason::Transferred => SessionEnd::Left,
        EndReason::NoAck
        | EndReason::BadAnswer
        | EndReason::Unreachable
        | EndReason::Unanswered
        | EndReason::TransferFailed => SessionEnd::Failed,
        EndReason::BindTimeout => SessionEnd::Unbound,
        EndReason::ConnectionLost => SessionEnd::Lost,
        EndReason::Expired => SessionEnd::Expired,
        EndReason::Stalled => SessionEnd::Stalled,
        EndReason::Removed => SessionEnd::Removed,
        EndReason::Shutdown => SessionEnd::Shutdown,
    }
}

/// How the end of a subscription counts.
pub(crate) fn end_of_subscription(why: parlor_sip::subscription::SubscriptionEnd) -> SubscriptionEnd {
    match why {
        parlor_sip::subscription::SubscriptionEnd::Unsubscribed => SubscriptionEnd::Unsubscribed,
        parlor_sip::subscription::SubscriptionEnd::Expired => SubscriptionEnd::Expired,
        parlor_sip::subscription::SubscriptionEnd::Forbidden => SubscriptionEnd::Forbidden,
        parlor_sip::subscription::SubscriptionEnd::Failed => SubscriptionEnd::Failed,
        parlor_sip::subscription::SubscriptionEnd::Gone => SubscriptionEnd::RoomClosed,
        parlor_sip::subscription::SubscriptionEnd::Shutdown => SubscriptionEnd::Shutdown,
    }
}

/// How a call counts.
pub(super) fn end_of_call(code: u16) -> CallEnd {
    match code {
        200..=299 => CallEnd::Answered,
        486 | 600 => CallEnd::Busy,
        603 => CallEnd::Declined,
        408 | 480 | 487 => CallEnd::Unanswered,
        404 | 604 => CallEnd::Unknown,
        403 => CallEnd::Forbidden,
        _ => CallEnd::Failed,
    }
}

/// How a participant's message counts.
pub(super) fn kind_of(kind: Kind) -> MessageKind {
    match kind {
        Kind::Room => MessageKind::Room,
        Kind::Private => MessageKind::Private,
        Kind::Composing => MessageKind::Composing,
        Kind::Imdn => MessageKind::Imdn,
    }
}

/// How a message that goes to nobody counts.
pub(super) fn withheld_of(withheld: Withheld) -> WithheldKind {
    match withheld {
        Withheld::Composing => WithheldKind::Composing,
        Withheld::Imdn => WithheldKind::Imdn,
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

/// How a refusal counts.
pub(super) fn rejection_of(refusal: Refusal) -> Rejected {
    match refusal {
        Refusal::MalformedRequest => Rejected::MsrpMalformedRequest,
        Refusal::NotCpim => Rejected::MsrpNotCpim,
        Refusal::TooLarge => Rejected::MsrpTooLarge,
        Refusal::OutOfOrder => Rejected::MsrpOutOfOrder,
        Refusal::HeldBack => Rejected::MsrpHeldBack,
        Refusal::TooManyOpen => Rejected::MsrpTooManyOpen,
        Refusal::TimedOut => Rejected::MsrpTimedOut,
        Refusal::Again { .. } => Rejected::MsrpRefusedBefore,
        Refusal::MalformedCpim => Rejected::CpimMalformed,
        Refusal::UnknownRequirement => Rejected::CpimUnknownRequirement,
        Refusal::ForeignSender => Rejected::CpimForeignSender,
        Refusal::SeveralRecipients => Rejected::CpimSeveralRecipients,
        Refusal::WrappedType => Rejected::RoomWrappedType,
        Refusal::NotAllowed => Rejected::RoomNotAllowed,
        Refusal::UnknownRecipient => Rejected::RoomUnknownRecipient,
        Refusal::PrivateNotAllowed => Rejected::RoomPrivate,
        Refusal::PrivateUnsupported => Rejected::RoomPrivateUnsupported,
        Refusal::ForSidebar => Rejected::RoomForSidebar,
        Refusal::Nickname(NicknameReject::NotAllowed) => Rejected::RoomNickname,
        Refusal::Nickname(NicknameReject::Malformed) => Rejected::RoomNicknameMalformed,
        Refusal::Nickname(NicknameReject::Taken) => Rejected::RoomNicknameTaken,
    }
}
