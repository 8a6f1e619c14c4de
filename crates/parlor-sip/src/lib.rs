//! SIP without I/O: messages, transactions, dialogs (RFC 3261, RFC 6026).

mod flow;
mod header;
mod limits;
mod message;
mod method;
mod params;
mod transaction;
mod uri;

pub use flow::{ConnectionId, Flow, SentBy, Transport};
pub use header::{
    CSeq, HeaderError, HeaderName, Headers, MediaType, NameAddr, ReferTo, Refresher, Replaces, SessionExpires,
    TokenParams, Via, Warning,
};
pub use limits::Limits;
pub use message::{
    Message, ParseError, ParseErrorKind, Request, Response, Salvage, StreamDecoder, StreamError, StreamEvent, TooLarge,
    parse_datagram, reason_phrase,
};
pub use method::Method;
pub use params::{Param, Params};
pub use transaction::{
    ClientTransactionId, Endpoint, Event, ServerTransactionId, Stats, Timers, TransactionLimits, Transmit,
};
pub use uri::{Scheme, Uri, UriError};
