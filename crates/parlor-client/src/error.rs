//! What can go wrong, by who is at fault.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::sdp::AnswerError;

/// Why a room could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The text is no SIP URI of a room.
    #[error("{0:?} is not the SIP URI of a room, such as sip:lobby@127.0.0.1")]
    RoomUri(String),
    /// The URI of the room names a transport that is not spoken here.
    #[error("{0:?} names a transport that is not spoken here: sip: goes over udp, tcp or tls, sips: over tls")]
    Transport(String),
    /// The name to join under cannot be made into a SIP URI.
    #[error("{0:?} is no name to join under")]
    Name(String),
    /// The host of the room could not be looked up.
    #[error("{host} is not known: {error}")]
    Lookup {
        /// The host.
        host: String,
        /// What the system said.
        error: io::Error,
    },
    /// No connection for SIP.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// TLS is wanted, but [`JoinOptions::tls`](crate::JoinOptions::tls) was not given.
    #[error("TLS is needed, but there are no certificates to trust")]
    NoTls,
    /// The room refused.
    #[error("refused: {0}")]
    Rejected(Rejection),
    /// The room asks for a user and a password, and there are none.
    #[error("the room asks for a user and a password")]
    NoLogin,
    /// The room does not believe that we are that user.
    #[error("the user or the password is wrong")]
    WrongLogin,
    /// The connection for SIP was lost before the room answered.
    #[error("the connection was lost before the room answered")]
    Lost,
    /// The room admitted us, but what it said of the MSRP session is of no use.
    #[error("the answer of the room cannot be used: {0}")]
    Answer(#[from] AnswerError),
    /// No connection for MSRP.
    #[error("no MSRP connection to {address}: {error}")]
    ConnectMsrp {
        /// Where to: host and port of the answered path.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// The MSRP session was refused.
    #[error("the MSRP session was refused: {code} {}", parlor_msrp::reason(*.code))]
    Bind {
        /// The MSRP status code.
        code: u16,
    },
    /// The room ended the session while we joined.
    #[error("ended while joining: {0}")]
    Ended(crate::Closed),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// The refusal of an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The SIP status code.
    pub code: u16,
    /// The words after the code.
    pub reason: String,
    /// The texts of the Warnings.
    pub warnings: Vec<String>,
    /// After how many seconds another try makes sense.
    pub retry_after: Option<u32>,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.reason)?;
        if !self.warnings.is_empty() {
            write!(f, " ({})", self.warnings.join("; "))?;
        }
        match self.retry_after {
            Some(seconds) => write!(f, ", try again in {seconds} s"),
            None => Ok(()),
        }
    }
}

/// Why a message was not delivered to the room.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The room refused it.
    #[error("refused: {code} {}", parlor_msrp::reason(*.code))]
    Refused {
        /// The MSRP status code: of the response, or of a failure REPORT.
        code: u16,
    },
    /// No response within 30 seconds (MSRP-59), or not the REPORT that was asked for.
    #[error("the room did not answer in time")]
    Timeout,
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The room takes no content of this type (MSRP-116).
    #[error("the room takes no {0}")]
    Type(String),
    /// It is larger than the room takes (MSRP-117).
    #[error("larger than the {max} octets that the room takes")]
    TooLarge {
        /// The room's `a=max-size`.
        max: u64,
    },
    /// The source could not be read.
    #[error("cannot be read: {0}")]
    Source(#[from] io::Error),
    /// The source ended before, or goes on after, the size that was told.
    #[error("is not as long as was said")]
    Size,
}

/// Why we have not got a nickname. The present one, if any, is kept (CHAT-87).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicknameError {
    /// The room allows no nicknames (403).
    #[error("this room allows no nicknames")]
    Forbidden,
    /// It cannot be a nickname: empty, too long, or with characters that are not allowed (424).
    #[error("that cannot be a nickname")]
    Malformed,
    /// Somebody else has it, or it is reserved (425).
    #[error("that nickname is taken or reserved")]
    Taken,
    /// The room knows no nicknames (501).
    #[error("this room knows no nicknames")]
    Unsupported,
    /// Refused for another reason.
    #[error("refused: {code} {}", parlor_msrp::reason(*.code))]
    Refused {
        /// The MSRP status code.
        code: u16,
    },
    /// No response within 30 seconds (MSRP-59).
    #[error("the room did not answer in time")]
    Timeout,
    /// The session is over.
    #[error("the session is over")]
    Closed,
}

/// Why somebody was not invited or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferError {
    /// The room does not do that, or not for us.
    #[error("refused: {0}")]
    Refused(Rejection),
    /// The room tried, and that is what came of it: they did not take the call, or were not there.
    #[error("{code} {reason}")]
    Failed {
        /// The SIP status code.
        code: u16,
        /// The words after it.
        reason: String,
    },
    /// The room does not tell what became of it.
    #[error("the room did not answer in time")]
    Unanswered,
    /// The session is over.
    #[error("the session is over")]
    Closed,
}

/// Why leaving did not go as it should. The session is over all the same.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// The BYE was not answered.
    #[error("the room did not answer our goodbye")]
    Unanswered,
}
