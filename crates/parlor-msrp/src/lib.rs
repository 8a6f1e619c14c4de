//! MSRP on the wire: URIs, incremental decoder, encoder (RFC 4975, RFC 7701).
//!
//! What a connection reads is pushed into a [`Decoder`] as it comes, and polled out as [`Event`]s: a [`Request`], its
//! body in pieces that are slices of what was pushed, its end; or a [`Response`].
//!
//! ```
//! use parlor_msrp::{Decoder, Event, Flag, Limits};
//!
//! let mut decoder = Decoder::new(Limits::default());
//! decoder.push(
//!     "MSRP a786hjs2 SEND\r\n\
//!      To-Path: msrp://chat.example.com:2855/kjhd37s2s2;tcp\r\n\
//!      From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
//!      Message-ID: 87652491\r\n\
//!      Content-Type: text/plain\r\n\
//!      \r\n\
//!      Hi\r\n\
//!      -------a786hjs2$\r\n"
//!         .into(),
//! );
//! let Some(Event::Request(request)) = decoder.poll()? else { panic!() };
//! assert_eq!(request.from_path.first().host(), "alice.example.com");
//! assert_eq!(decoder.poll()?, Some(Event::Body("Hi".into())));
//! assert_eq!(decoder.poll()?, Some(Event::End(Flag::Complete)));
//! assert_eq!(decoder.poll()?, None);
//! # Ok::<(), parlor_msrp::DecodeError>(())
//! ```
//!
//! Messages are written by the `encode_*` functions, each appending to a buffer, and by [`ChunkSplitter`], which cuts a
//! message into chunks; [`OutgoingTransactions`] waits for the responses.
//!
//! Nothing here reads a clock, a socket or a source of randomness.

mod chunk;
mod decoder;
mod encode;
mod end_line;
mod error;
mod head;
mod header;
mod ident;
mod limits;
mod message;
mod nickname;
mod path;
mod status_code;
mod transaction;
mod uri;

pub use chunk::{Chunk, ChunkSplitter, OutgoingMessage};
pub use decoder::{Decoder, Event};
pub use encode::{
    Report, ResponsePath, SendHead, encode_end, encode_nickname, encode_report, encode_response, encode_send_head,
    response_path,
};
pub use error::{Answerable, DecodeError};
pub use header::{ByteRange, FailureReport, HeaderError, Status};
pub use ident::{IdentError, MessageId, TransactionId};
pub use limits::Limits;
pub use message::{Flag, Method, Request, Response};
pub use nickname::{Quotes, read_nickname};
pub use path::{Path, PathError};
pub use status_code::reason;
pub use transaction::OutgoingTransactions;
pub use uri::{Uri, UriError};
