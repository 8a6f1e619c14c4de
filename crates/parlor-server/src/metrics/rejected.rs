//! What can be refused: every pair of labels of `parlor_rejected_total`. docs/operating.md tells what each means.

use prometheus::{IntCounter, IntCounterVec};

macro_rules! rejections {
    ($($layer:literal { $($variant:ident = $reason:literal,)+ })+) => {
        /// Something that was refused, by protocol layer and reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rejected {
            $($(
                #[doc = concat!("`", $layer, "`, `", $reason, "`.")]
                $variant,
            )+)+
        }

        impl Rejected {
            /// All of them, each at its own position.
            pub const ALL: &'static [Self] = &[$($(Self::$variant),+),+];

            /// The labels `layer` and `reason`.
            pub fn labels(self) -> (&'static str, &'static str) {
                match self { $($(Self::$variant => ($layer, $reason),)+)+ }
            }
        }
    };
}

rejections! {
    "sip" {
        SipMalformed = "malformed",
        SipFraming = "framing",
        SipSocket = "socket",
        SipTooManyOfAddress = "too_many_of_address",
        SipTooManyTransactions = "too_many_transactions",
        SipTooManySessions = "too_many_sessions",
        SipTooManyJoins = "too_many_joins",
        SipTooManySubscribes = "too_many_subscribes",
        SipOverload = "overload",
        SipMerged = "merged",
        SipUnsendable = "unsendable",
        SipBadRequest = "bad_request",
        SipDate = "date",
        SipMethod = "method",
        SipBodyType = "body_type",
        SipUriScheme = "uri_scheme",
        SipExtension = "extension",
        SipSessionInterval = "session_interval",
        SipEvent = "event",
        SipAccept = "accept",
        SipTooBrief = "too_brief",
        SipNoDialog = "no_dialog",
        SipGlare = "glare",
        SipOutOfOrder = "out_of_order",
        SipDialOut = "dial_out",
        SipOther = "other",
    }
    "auth" {
        AuthWrong = "wrong",
        AuthStale = "stale",
        AuthReplayed = "replayed",
        AuthUnasked = "unasked",
        AuthTooManyOfAddress = "too_many_of_address",
        AuthForeignFrom = "foreign_from",
        AuthUnproven = "unproven",
    }
    "proxy" {
        ProxyForbidden = "forbidden",
        ProxyNoUser = "no_user",
        ProxyEntityTag = "entity_tag",
        ProxyUnavailable = "unavailable",
        ProxyMailboxFull = "mailbox_full",
        ProxyLoop = "loop",
        ProxyTooBrief = "too_brief",
        ProxyTooLarge = "too_large",
        ProxyTooManyOfUser = "too_many_of_user",
        ProxyOverload = "overload",
        ProxyNotStored = "not_stored",
    }
    "sdp" {
        SdpNotAcceptable = "not_acceptable",
        SdpBadAnswer = "bad_answer",
    }
    "tls" {
        TlsHandshake = "handshake",
        TlsHandshakeTimeout = "handshake_timeout",
    }
    "msrp" {
        MsrpFraming = "framing",
        MsrpTooManyOfAddress = "too_many_of_address",
        MsrpNoSession = "no_session",
        MsrpForeignFromPath = "foreign_from_path",
        MsrpWrongScheme = "wrong_scheme",
        MsrpNotSecure = "not_secure",
        MsrpTooManyConnections = "too_many_connections",
        MsrpOwnListener = "own_listener",
        MsrpTooManyOfConnection = "too_many_of_connection",
        MsrpBoundElsewhere = "bound_elsewhere",
        MsrpUnknownMethod = "unknown_method",
        MsrpMalformedHeader = "malformed_header",
        MsrpMalformedRequest = "malformed_request",
        MsrpNotCpim = "not_cpim",
        MsrpTooLarge = "too_large",
        MsrpOutOfOrder = "out_of_order",
        MsrpHeldBack = "held_back",
        MsrpTooManyOpen = "too_many_open",
        MsrpTimedOut = "timed_out",
        MsrpRefusedBefore = "refused_before",
    }
    "cpim" {
        CpimMalformed = "malformed_cpim",
        CpimUnknownRequirement = "unknown_requirement",
        CpimForeignSender = "foreign_sender",
        CpimSeveralRecipients = "several_recipients",
    }
    "room" {
        RoomUnknown = "no_room",
        RoomFull = "full",
        RoomForbidden = "forbidden",
        RoomAnonymous = "anonymous",
        RoomUnknownRecipient = "unknown_recipient",
        RoomPrivate = "private",
        RoomPrivateUnsupported = "private_unsupported",
        RoomForSidebar = "for_sidebar",
        RoomWrappedType = "wrapped_type",
        RoomNotAllowed = "not_allowed",
        RoomNickname = "nickname",
        RoomNicknameMalformed = "nickname_malformed",
        RoomNicknameTaken = "nickname_taken",
    }
    "file" {
        FileType = "type",
        FileSize = "size",
        FileOutOfOrder = "out_of_order",
        FileSecondMessage = "second_message",
        FileNoSpace = "no_space",
        FileContent = "content",
    }
    "http" {
        HttpMalformed = "malformed",
        HttpSlow = "slow",
        HttpBrokenOff = "broken_off",
        HttpGaveWay = "gave_way",
    }
}

/// A counter for each, made beforehand: a rate sees the first one too.
#[derive(Debug)]
pub(super) struct Rejections(Box<[IntCounter]>);

impl Rejections {
    pub(super) fn new(family: &IntCounterVec) -> Self {
        let counter = |rejected: &Rejected| {
            let (layer, reason) = rejected.labels();
            family.with_label_values(&[layer, reason])
        };
        Self(Rejected::ALL.iter().map(counter).collect())
    }

    pub(super) fn of(&self, rejected: Rejected) -> &IntCounter {
        &self.0[rejected as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each is at its own position, with labels of its own.
    #[test]
    fn each_has_its_own_labels() {
        let labels: BTreeSet<_> = Rejected::ALL.iter().map(|rejected| rejected.labels()).collect();
        assert_eq!(labels.len(), Rejected::ALL.len());
        for (index, rejected) in Rejected::ALL.iter().enumerate() {
            assert_eq!(*rejected as usize, index);
        }
    }

    /// docs/operating.md tells what each means, and of no others.
    #[test]
    fn documented() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
        let text = std::fs::read_to_string(file).unwrap();
        let section = text.split("### Rejections\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
        let mut layer = String::new();
        let mut told = BTreeSet::new();
        for row in section.lines().filter_map(|line| line.strip_prefix("| ")) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
            layer = quoted(cells[0]).pop().unwrap_or(layer);
            told.extend(quoted(cells[1]).into_iter().map(|reason| (layer.clone(), reason)));
        }
        let declared = Rejected::ALL.iter().map(|rejected| rejected.labels());
        let declared: BTreeSet<_> = declared.map(|(layer, reason)| (layer.to_owned(), reason.to_owned())).collect();
        assert_eq!(told, declared);
    }
}
