//! message/cpim read without copying, and written (RFC 3862).
//!
//! A switch reads of a message only who it is from and to and what type it carries; every octet of it goes on as it came.
//! The [`Scanner`] finds the end of the headers in what has been gathered so far and gives the [`Envelope`]; the
//! [`Builder`] writes messages of our own.
//!
//! ```
//! use parlor_cpim::Scanner;
//!
//! let message = "From: Alice <sip:alice@example.org>\r\nTo: <sip:lobby@chat.example.com>\r\n\r\n\
//!                Content-Type: text/plain\r\n\r\nHello";
//! let mut scanner = Scanner::new(16_384);
//! assert_eq!(scanner.scan(&message.as_bytes()[..30])?, None);
//! let envelope = scanner.scan(message.as_bytes())?.expect("the headers are complete");
//! assert_eq!(envelope.from.uri, "sip:alice@example.org");
//! assert_eq!(envelope.essence(), Some("text/plain"));
//! assert_eq!(&message[envelope.headers_len..], "Hello");
//! # Ok::<(), parlor_cpim::CpimError>(())
//! ```

mod address;
mod date_time;
mod envelope;
mod error;
mod escape;
mod lines;
mod mime_header;
mod namespace;
mod scanner;
mod write;

pub use address::Address;
pub use date_time::utc_date_time;
pub use envelope::{Envelope, HeaderName};
pub use error::CpimError;
pub use namespace::CORE_NAMESPACE;
pub use scanner::Scanner;
pub use write::{Builder, write_text};
