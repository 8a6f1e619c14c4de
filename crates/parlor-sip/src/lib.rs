//! SIP without I/O: messages, transactions, dialogs (RFC 3261, RFC 6026). Nothing here opens a socket or reads a clock:
//! bytes and time come in, bytes, events and the next time to call come out.
//!
//! - **Reading.** [`parse_datagram`] for UDP; a [`StreamDecoder`] for every TCP or TLS connection. Both give a
//!   [`Message`] in which the header fields a transaction needs are known to be well-formed, or a [`ParseError`] that
//!   still knows how it is to be answered. All [`Limits`] are checked before anything is allocated.
//! - **Header fields.** [`Headers`] is the list as it came; its methods read the fields into types. Fields a request
//!   cannot be handled without give a [`HeaderError`], which is a 400; others are absent when malformed.
//! - **Transactions.** One [`Endpoint`] holds them all: retransmissions, 100, ACK of failures, CANCEL, merged requests.
//!   The core sees an [`Event`] for each new request, ACK of a 2xx and response. It retransmits its own 2xx.
//! - **Dialogs.** [`Dialog`] keeps the order of requests and builds those of ours.
//! - **Subscriptions.** [`subscription`] has what notifiers of every package decide alike.
//!
//! ```
//! use parlor_sip::{Endpoint, Event, Flow, Limits, Response, Transport, parse_datagram};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[allow(clippy::disallowed_methods)]
//! # let now = std::time::Instant::now();
//! # let rng = rand::SeedableRng::seed_from_u64(1);
//! let mut endpoint = Endpoint::new(Default::default(), rng);
//! let flow = Flow {
//!     transport: Transport::Udp,
//!     local: "127.0.0.1:5060".parse()?,
//!     remote: "127.0.0.1:5070".parse()?,
//!     connection: None,
//! };
//! let datagram = "OPTIONS sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n\
//!     From: <sip:alice@example.com>;tag=1\r\nTo: <sip:lobby@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
//! match parse_datagram(&datagram.into(), &Limits::default()) {
//!     Ok(message) => endpoint.handle_message(now, flow, message),
//!     Err(error) => endpoint.handle_invalid(flow, &error),
//! }
//! while let Some(event) = endpoint.poll_event() {
//!     if let Event::Request { tx, request, .. } = event {
//!         endpoint.respond(now, tx, &Response::for_request(&request, 200, "OK"));
//!     }
//! }
//! let transmit = endpoint.poll_transmit().expect("the response");
//! assert!(transmit.bytes.starts_with(b"SIP/2.0 200 OK\r\n"));
//! assert!(endpoint.poll_timeout().is_some(), "the transaction lingers for retransmissions");
//! # Ok(())
//! # }
//! ```

mod contacts;
mod dialog;
pub mod digest;
mod flow;
mod header;
mod limits;
mod message;
mod method;
mod params;
pub mod subscription;
mod transaction;
mod uri;

pub use contacts::{Contacts, SipAddress};
pub use dialog::{Dialog, DialogError, DialogId};
pub use flow::{ConnectionId, Flow, SentBy, Transport};
pub use header::{
    CSeq, HeaderError, HeaderName, Headers, MediaType, NameAddr, ReferTo, Refresher, Replaces, SessionExpires,
    TokenParams, Via, Warning, sip_date,
};
pub use limits::Limits;
pub use message::{
    Message, ParseError, ParseErrorKind, Part, Request, Response, Salvage, StreamDecoder, StreamError, StreamEvent,
    TooLarge, multipart, parse_datagram, parts, reason_phrase,
};
pub use method::Method;
pub use params::{Param, Params};
pub use transaction::{
    ClientTransactionId, Endpoint, Event, ServerTransactionId, Stats, Timers, TransactionLimits, Transmit,
};
pub use uri::{Scheme, Uri, UriError};
