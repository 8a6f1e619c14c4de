//! Offers and answers for a chat session (RFC 3264, RFC 4975 §8, RFC 6135, RFC 7701 §8).
//!
//! Everything here is a pure function of the peer's SDP and of what we have: [`answer`] answers an
//! offer, [`offer`] makes ours and [`read_answer`] reads what the peer says to it. SDP syntax is
//! `sdp-types`' work; `description` only makes what real peers send palatable to it.

mod answer;
mod chatroom;
mod description;
mod file;
mod file_selector;
mod local;
mod media;
mod offer;
mod setup;

pub use answer::{Line, Negotiated, answer, refusal};
pub use chatroom::Chatroom;
pub use file::{FileAnswer, FileOffer, file_offer};
pub use file_selector::sha1;
pub use local::{Current, LocalMedia, LocalSdp, MsrpAddress, MsrpAddresses};
pub use media::PeerMedia;
pub use offer::{Offered, capabilities, offer, read_answer, without_ended};
pub use setup::Role;

#[cfg(test)]
mod tests;

use thiserror::Error;

/// Why an offer or an answer gives no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SdpReject {
    /// It is not SDP, or larger than we read.
    #[error("malformed SDP")]
    Syntax,
    /// It has no media line that could be the room's session.
    #[error("{0}")]
    NotAcceptable(Unacceptable),
    /// The media line of the room's session was given up, and no other takes its place.
    #[error("the session's media line is gone")]
    Removed,
}

/// Why a media line cannot be the room's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unacceptable {
    /// There is no `m=message` line at all.
    #[error("No message media: this room is joined with MSRP")]
    NoMessage,
    /// The line's port is 0.
    #[error("Media refused")]
    Refused,
    /// The transport is not MSRP over TCP or TLS.
    #[error("Only TCP/MSRP and TCP/TLS/MSRP are supported")]
    Transport,
    /// TLS is asked for, and we have none.
    #[error("TLS is not available")]
    NoTls,
    /// Plain TCP is asked for, and we have none or the room wants TLS.
    #[error("TLS is required")]
    TlsRequired,
    /// The format list is not `*`.
    #[error("The format of MSRP media is *")]
    Format,
    /// `a=path` is missing, malformed, too long, or its scheme is not the transport's.
    #[error("Missing or unusable MSRP path")]
    Path,
    /// `a=path` leads to a session of ours.
    #[error("The MSRP path is one of ours")]
    OwnSession,
    /// The peer does not take message/cpim, which is all that a room sends.
    #[error("message/cpim is required")]
    NoCpim,
    /// The line is for the transfer of one file, in a chat or where there is no place for files.
    #[error("File transfer is not supported")]
    FileTransfer,
    /// `a=file-selector` cannot be read.
    #[error("Unusable file selector")]
    FileSelector,
    /// A file goes one way.
    #[error("A file is sent with sendonly or recvonly")]
    FileDirection,
    /// `a=file-range` is a part of the file.
    #[error("Only whole files are transferred")]
    FileRange,
    /// A file of no octets.
    #[error("The file is empty")]
    EmptyFile,
    /// The file is larger than is taken here.
    #[error("The file is too large")]
    FileTooLarge,
    /// The file is larger than the peer takes, or of another type.
    #[error("The file is not what the offer takes")]
    FileNotTaken,
    /// There is no such file.
    #[error("No such file")]
    NoSuchFile,
    /// There are several such files.
    #[error("Several files are like that")]
    SeveralFiles,
    /// The dialog has a transfer already, and this is another one (RFC 5547 §8.1).
    #[error("Another file needs another dialog")]
    OtherFile,
    /// The peer waits for a connection that we cannot make.
    #[error("The MSRP path cannot be connected to")]
    Unreachable,
    /// The answer is not one to our offer.
    #[error("The answer does not match the offer")]
    Mismatch,
}
