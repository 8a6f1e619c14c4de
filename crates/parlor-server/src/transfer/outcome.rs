//! What becomes of a transfer.

use crate::metrics::{Rejected, TransferEnd};
use parlor_focus::EndReason;
use parlor_store::SpoolError;
use parlor_switch::FileRefusal;

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of the file is where it should be.
    Complete,
    /// All of it was sent, and its receiver has not said that it has it.
    Unconfirmed,
    /// The peer has ended it before its end.
    BrokenOff,
    /// Its connection was lost, or could not be made.
    Lost,
    /// The peer took nothing for too long.
    Stalled,
    /// Nothing came for too long.
    TimedOut,
    /// It is not taken.
    Refused(FileRefusal),
    /// The file that was to be sent is gone.
    Gone,
    /// A fault of ours.
    Failed,
}

impl Outcome {
    /// How the session ends because of it.
    pub(crate) fn reason(self) -> EndReason {
        match self {
            Self::Complete | Self::Unconfirmed | Self::BrokenOff => EndReason::Transferred,
            Self::Lost => EndReason::ConnectionLost,
            Self::Stalled => EndReason::Stalled,
            Self::TimedOut | Self::Refused(_) | Self::Gone | Self::Failed => EndReason::TransferFailed,
        }
    }

    /// How it counts.
    pub(super) fn label(self) -> TransferEnd {
        match self {
            Self::Complete => TransferEnd::Complete,
            Self::Unconfirmed => TransferEnd::Unconfirmed,
            Self::BrokenOff => TransferEnd::BrokenOff,
            Self::Lost => TransferEnd::Lost,
            Self::Stalled => TransferEnd::Stalled,
            Self::TimedOut => TransferEnd::TimedOut,
            Self::Refused(_) => TransferEnd::Refused,
            Self::Gone => TransferEnd::Gone,
            Self::Failed => TransferEnd::Failed,
        }
    }
}

/// How a refusal counts.
pub(super) fn rejection_of(refusal: FileRefusal) -> Rejected {
    match refusal {
        FileRefusal::Type => Rejected::FileType,
        FileRefusal::Size => Rejected::FileSize,
        FileRefusal::OutOfOrder => Rejected::FileOutOfOrder,
        FileRefusal::SecondMessage => Rejected::FileSecondMessage,
        FileRefusal::NoSpace => Rejected::FileNoSpace,
        FileRefusal::Content => Rejected::FileContent,
    }
}

/// What the sender is told when the spool does not take its file.
pub(super) fn refusal_of(error: &SpoolError) -> FileRefusal {
    match error {
        SpoolError::Size | SpoolError::Empty => FileRefusal::Size,
        SpoolError::Hash => FileRefusal::Content,
        SpoolError::Full(_) | SpoolError::Disk(_) | SpoolError::Store(_) | SpoolError::Gone => FileRefusal::NoSpace,
    }
}
