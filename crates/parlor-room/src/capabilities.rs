//! What one session said in its SDP that it can take (RFC 4975 §8.6, RFC 7701 §8).

use mime::Mime;
use std::sync::Arc;

/// Which way messages with a payload may flow, seen from the participant (MSRP-120).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Sends and receives.
    #[default]
    SendRecv,
    /// Sends, but gets no deliveries.
    SendOnly,
    /// Gets deliveries, but may not send.
    RecvOnly,
    /// Neither: on hold.
    Inactive,
}

impl Direction {
    /// Whether the participant takes deliveries.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// Whether the participant may send messages with a payload.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The same direction seen from the other side (RFC 3264 §6.1).
    pub fn reversed(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }
}

/// A list of media types as `a=accept-types` and `a=accept-wrapped-types` carry it: `type/subtype`, `type/*` or `*`.
///
/// Entries are kept in lower case and without parameters, which take no part in matching (MSRP-115, MSRP-E8).
/// Cloning shares the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeList(Arc<[Box<str>]>);

impl TypeList {
    /// The list `*`.
    pub fn any() -> Self {
        Self::from_entries(["*"])
    }

    /// Builds a list from its entries; parameters are cut off and case is folded. What is no media type is left out.
    pub fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self(entries.into_iter().filter_map(essence_of).collect())
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether nothing at all is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `essence` (`type/subtype` in any case, without parameters) is covered by an entry.
    pub fn accepts(&self, essence: &str) -> bool {
        self.iter().any(|entry| covers(entry, essence))
    }
}

/// `*`, or what stands before the parameters, in lower case.
fn essence_of(entry: &str) -> Option<Box<str>> {
    match entry.trim() {
        "*" => Some("*".into()),
        entry => entry.parse::<Mime>().ok().map(|media| media.essence_str().to_ascii_lowercase().into_boxed_str()),
    }
}

fn covers(entry: &str, essence: &str) -> bool {
    if entry == "*" || entry == "*/*" {
        return true;
    }
    match entry.strip_suffix("/*") {
        Some(major) => {
            essence.split_once('/').is_some_and(|(essence_major, _)| essence_major.eq_ignore_ascii_case(major))
        }
        None => entry.eq_ignore_ascii_case(essence),
    }
}

/// What one session can take and may do, as its latest offer or answer declared it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Which way messages flow.
    pub direction: Direction,
    /// The types this session takes inside message/cpim (CHAT-15).
    pub wrapped_types: TypeList,
    /// The largest message it wants, in octets (`a=max-size`).
    pub max_size: Option<u64>,
    /// Whether there was `a=chatroom` at all: who does not say it knows no chat rooms (CHAT-21).
    pub chatroom: bool,
    /// Whether `a=chatroom` named `nickname` (CHAT-16, CHAT-20).
    pub nickname: bool,
    /// Whether `a=chatroom` named `private-messages` (CHAT-55).
    pub private_messages: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_list_matches_wildcards_without_case_and_parameters() {
        let list = TypeList::from_entries(["Text/Plain;charset=utf-8", "image/*"]);
        assert!(list.accepts("text/PLAIN"));
        assert!(list.accepts("IMAGE/png"));
        assert!(!list.accepts("text/html"));
        assert!(!list.accepts("image"));
        let kept: Vec<_> = TypeList::from_entries(["*", "no type", "a b/c", "*/*"]).iter().map(str::to_owned).collect();
        assert_eq!(kept, ["*", "*/*"]);
        assert!(TypeList::any().accepts("application/octet-stream"));
        assert!(!TypeList::from_entries([]).accepts("text/plain"));
    }

    #[test]
    fn a_reversed_direction_swaps_sending_and_receiving() {
        assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
        assert!(Direction::SendOnly.sends() && !Direction::SendOnly.receives());
        assert!(!Direction::Inactive.sends() && !Direction::Inactive.receives());
    }
}
