//! What a server changes while it runs.

use crate::{Binding, Message, Publication};

/// A change; several that are asked for together are made all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A binding is new, or replaces the one of its name.
    PutBinding(Binding),
    /// The binding of that name is gone.
    RemoveBinding(u64),
    /// A publication is new, or replaces the one of its name.
    PutPublication(Publication),
    /// The publication of that name is gone.
    RemovePublication(u64),
    /// A message is to wait for its recipient, unless it does already or did so lately.
    KeepMessage(Message),
    /// A message has come to its end. That it was here is remembered for a while.
    EndMessage {
        /// Its name.
        id: u64,
        /// When, in milliseconds since 1970-01-01T00:00:00Z.
        at: u64,
    },
}
