//! A client of MSRP chat rooms, and of the people on a server, over tokio: for bots, tests and `parlor chat`.
//!
//! [`Room::join`] invites itself into a room over SIP, connects to the address the room answers with and binds its MSRP
//! session there. Then [`Room::send_text`] and [`Room::send_file`] send, [`Room::next_event`] tells what comes, and
//! [`Room::leave`] says goodbye. A [`Sender`] sends from other tasks.
//!
//! ```no_run
//! use parlor_client::{Event, JoinOptions, Room};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut room = Room::join(JoinOptions::new("sip:lobby@127.0.0.1:5060")?.name("alice")).await?;
//! room.send_text("Hello all").await?;
//! while let Some(event) = room.next_event().await {
//!     match event {
//!         Event::Message(message) if message.text().as_deref() == Some("bye") => break,
//!         Event::Message(message) => println!("{}: {:?}", message.header.from, message.text()),
//!         Event::Closed(why) => println!("the room is closed: {why}"),
//!         _ => {}
//!     }
//! }
//! room.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/echo_bot.rs` is a bot of one page.
//!
//! # People
//!
//! A room tells who is in it: [`Room::roster`] is how it is now, [`Event::Roster`] what is new. A nickname stands for one
//! person alone; what else people call themselves may be anybody's, so they are told apart by URI.
//!
//! ```no_run
//! # use parlor_client::{Event, Message, NicknameError, Room, Uri};
//! # async fn example(mut room: Room) -> Result<(), Box<dyn std::error::Error>> {
//! match room.set_nickname(Some("Alice in Wonderland")).await {
//!     Err(NicknameError::Taken) => room.set_nickname(Some("Alice L.")).await?,
//!     other => other?,
//! }
//! let bob: Uri = "sip:bob@example.com".parse()?;
//! room.typing(Some(&bob));
//! room.send_private(&bob, "only you hear this").await?;
//! room.set_topic("Tea").await?;
//! room.invite(&"sip:carol@example.com".parse()?).await?;
//! room.remove(&bob).await?;
//! while let Some(event) = room.next_event().await {
//!     match event {
//!         Event::Roster(change) => {
//!             for who in &change.joined {
//!                 println!("{} <{}> is here", who.name(), who.uri);
//!             }
//!         }
//!         Event::Composing { who, active: true, .. } => println!("{who} is writing"),
//!         Event::Message(Message { header, .. }) if header.private => println!("{} whispers", header.from),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A room that has no roster, or allows none of this, says so: each call has an error that tells what was refused.
//!
//! # One to one
//!
//! An [`Account`] registers, so that others reach us, and writes to people wherever they are (RFC 3428). Rooms can be joined
//! over its connection: [`Account::join`].
//!
//! ```no_run
//! use parlor_client::{Account, AccountEvent, AccountOptions, JoinOptions, Receipt};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut account = Account::open(AccountOptions::new("sip:example.com", "alice")?.password("s3cret")).await?;
//! let bob = "sip:bob@example.com".parse()?;
//! account.messenger().typing(&bob);
//! if account.send_text(&bob, "Tea?").await? == Receipt::Accepted {
//!     println!("bob is away and will get it");
//! }
//! let room = account.join(JoinOptions::new("sip:lobby@example.com")?.login("alice", "s3cret")).await?;
//! loop {
//!     match account.next_event().await {
//!         AccountEvent::Message(message) => println!("{}: {}", message.from, message.text),
//!         AccountEvent::NotRegistered(why) => println!("nobody reaches us: {why}"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! **One task a room**, an account and a connection each. A room's owns the SIP dialog and the MSRP session and ends with
//! them; dropping the [`Room`] makes it say BYE and end. All that waits in it is bounded ([`Limits`]).
//!
//! **Events must be taken.** When [`Limits::events`] or [`Limits::event_octets`] wait, nothing more is read from the
//! room, which then counts us as slow; nor are the answers to what we send. Short messages can be sent between two
//! events, but while a large one goes out, take events meanwhile.
//!
//! **Large messages come in pieces.** What is at most [`Limits::gathered_body`] long is an [`Event::Message`]; longer
//! content is an [`Event::Start`], [`Event::Chunk`]s in their order, and an [`Event::End`], and those of several
//! messages may alternate.
//!
//! **Where a room is.** The host of its URI is an address or a name that the system can look up, with the URI's port or
//! 5060 (5061 over TLS); there are no SRV lookups yet. [`JoinOptions::server`] overrides it.

// The rules in clippy.toml are for the crates below the client.
#![allow(clippy::disallowed_methods)]

mod account;
mod compose;
mod composing;
mod control;
mod error;
mod event;
mod file_name;
mod limits;
mod msrp;
mod nickname;
mod options;
mod private;
mod room;
mod roster;
mod roster_events;
mod sdp;
mod sender;
mod sip;
mod stream;
mod target;
mod task;

pub use account::{
    Account, AccountError, AccountEvent, AccountOptions, MessageError, Messenger, PagerMessage, Presence, PublishError,
    Receipt, RegisterError, WatchError,
};
pub use error::{JoinError, LeaveError, NicknameError, ReferError, Rejection, SendError};
pub use event::{Closed, Event, Header, Message, Report};
pub use file_name::safe_file_name;
pub use limits::Limits;
pub use options::JoinOptions;
pub use room::Room;
pub use roster::{Participant, Roster, RosterChange};
pub use sdp::{AnswerError, RoomCapabilities};
pub use sender::{Content, Delivery, Progress, Sender};
pub use target::ReachError;

pub use parlor_cpim::Address;
pub use parlor_msrp::MessageId;
pub use parlor_sip::{Transport, Uri};
