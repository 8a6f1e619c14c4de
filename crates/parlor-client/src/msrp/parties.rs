//! Who speaks and to whom.

use parlor_sip::Uri;

use crate::event::Header;

/// The room and we.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    /// The URIs that the room speaks under.
    pub(crate) room: Vec<Uri>,
    /// Ours.
    pub(crate) own: Uri,
}

impl Parties {
    /// Whether the room itself speaks: in its own name, or from the room to the room, which no participant can.
    pub(super) fn is_of_room(&self, header: &Header) -> bool {
        let Ok(from) = header.from.uri.parse::<Uri>() else { return false };
        let to_itself = || header.to.uri.parse::<Uri>().is_ok_and(|to| from.same_user_and_host(&to));
        // CHAT-57: what another device of ours sends to us is from us to us.
        !from.same_user_and_host(&self.own) && (self.room.iter().any(|uri| from.same_user_and_host(uri)) || to_itself())
    }

    /// Whether that URI is ours.
    pub(super) fn is_own(&self, uri: &str) -> bool {
        uri.parse::<Uri>().is_ok_and(|uri| uri.same_user_and_host(&self.own))
    }

    /// Whether a message to that URI is for us alone (CHAT-50). CHAT-51: a room has several hosts, so its user part is
    /// what others know it by.
    pub(super) fn is_private(&self, to: &str) -> bool {
        let Ok(to) = to.parse::<Uri>() else { return true };
        let is_room =
            |room: &Uri| to.same_user_and_host(room) || to.is_sip() && to.user_decoded() == room.user_decoded();
        to.same_user_and_host(&self.own) || !self.room.iter().any(is_room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parties() -> Parties {
        Parties { room: vec!["sip:lobby@127.0.0.1:5060".parse().unwrap()], own: "sip:alice@a".parse().unwrap() }
    }

    /// CHAT-51: the room is known under several hosts; whoever has its user part and is not the room is us.
    #[test]
    fn private_is_what_is_not_to_the_room() {
        for (to, private) in [
            ("sip:lobby@127.0.0.1", false),
            ("sip:lobby@example.com;transport=tcp", false),
            ("sips:Lobby@127.0.0.1", true),
            ("sip:alice@a", true),
            ("sip:anonymous1@anonymous.invalid", true),
            ("tel:+358555", true),
            ("im:lobby@elsewhere", true),
            ("junk", true),
        ] {
            assert_eq!(parties().is_private(to), private, "{to}");
        }
        let own = "sip:lobby@elsewhere".parse().unwrap();
        assert!(Parties { own, ..parties() }.is_private("sip:lobby@elsewhere"));
    }
}
