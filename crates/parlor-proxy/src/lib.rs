//! The SIP server beside the rooms, without I/O: a registrar, which knows where the devices of users are, and a stateful
//! proxy that brings them their messages (RFC 3261 §§10 and 16, RFC 3428).
//!
//! A [`Proxy`] is driven by the task that has the transactions: requests go in by [`Proxy::handle_register`], with who was
//! found to send them; responses, and what is to be stored, are polled by [`Proxy::poll_output`]. A REGISTER is answered
//! once [`Proxy::handle_stored`] says that its bindings outlive a restart.

mod mailbox;
mod output;
mod presence;
mod proxy;
mod registrar;
mod reject;
mod relay;
mod settings;
#[cfg(test)]
mod tests;

pub use mailbox::{Amount, Fetched, MessageId, SavedMessage};
pub use output::{Change, Fate, Output, Paged, StoreId, Stored, Way};
pub use presence::{PresenceLimits, PresenceSettings, PublicationId, Rule, Rules, SavedPublication};
pub use proxy::{Proxy, Restored, Sender};
pub use registrar::{BindingId, SavedBinding, admissible};
pub use reject::Reject;
pub use relay::{Failure, Mark, PageId, Recipient, SearchId, SendId};
pub use settings::{Limits, Settings};
