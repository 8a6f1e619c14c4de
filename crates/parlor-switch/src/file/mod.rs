//! Sessions that carry one file each (RFC 5547 §8.7).
//!
//! They are none of a [`Switch`](crate::Switch): nothing in them goes to a room. A [`FileReceiver`] takes a file as one message
//! that is not wrapped, a [`FileSender`] sends one. Each is fed with the [`Input`](crate::Input)s of its session and has what it
//! answers polled; where the octets come from and go to is not known here.

mod answers;
mod order;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use answers::Control;
pub use receiver::{FileReceiver, FileRefusal, FileStep};
pub use sender::{FileHead, FileSender, Verdict};
