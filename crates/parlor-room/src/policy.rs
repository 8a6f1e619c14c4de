//! What a room allows, and why it refuses.

use crate::{Action, Identity, Nickname, Role, TypeList, UserList};
use parlor_sip::Uri;
use std::sync::Arc;
use std::time::Duration;

/// The rules of one room, as configured (RFC 7701 §4.1). Cloning shares the lists.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the room is about at first; told in SDP `i=` and in the roster (CHAT-140). Empty: nothing.
    pub topic: Box<str>,
    /// Text that each newcomer gets from the room once its session is bound (CHAT-121). Empty: none.
    pub welcome: Box<str>,
    /// How many participants, not sessions, may be in at once.
    pub max_participants: usize,
    /// How many sessions one participant may hold at once (CHAT-5).
    pub max_sessions_per_participant: usize,
    /// What happens to one session more than that (CHAT-154).
    pub surplus: Surplus,
    /// Whether a participant's other sessions get what it sends (CHAT-41).
    pub own_copies: bool,
    /// Whether they get what it says to one other (CHAT-59).
    pub own_private_copies: bool,
    /// The largest message, in octets of its CPIM form; told to clients as `a=max-size` (MSRP-117).
    pub max_message_bytes: u64,
    /// How many messages a second one participant may begin to send; 0: any number (CHAT-170).
    pub message_rate: u32,
    /// How many of them at once after a pause.
    pub message_burst: u32,
    /// The types that may stand inside message/cpim; told as `a=accept-wrapped-types` (CHAT-9).
    pub wrapped_types: TypeList,
    /// Where the voices and pictures of the room are, which are none of ours (REQ-1).
    pub bridges: Arc<[Bridge]>,
    /// Whether a session without TLS is refused (CHAT-6, CHAT-23).
    pub require_tls: bool,
    /// Who may join.
    pub allow: UserList,
    /// Who may not, even if `allow` has it.
    pub deny: UserList,
    /// Whether one may take part under a pseudonym (CHAT-105).
    pub anonymous: bool,
    /// Whether nicknames may be set (CHAT-1).
    pub nicknames: bool,
    /// Nicknames that nobody gets, by the form in which they are compared (CHAT-90).
    pub reserved_nicknames: Arc<[Box<str>]>,
    /// The longest nickname, in octets: it stands in the roster for each of its holder's devices.
    pub max_nickname_bytes: usize,
    /// How long only its former holder may take a nickname (CHAT-2).
    pub nickname_quarantine: Duration,
    /// Whether messages to one participant are passed on (CHAT-3).
    pub private_messages: bool,
    /// Whether receipts (IMDN) whose To is the room are passed on (CHAT-161).
    pub pass_imdn: bool,
    /// Whether one may take part by SIP MESSAGE alone (MSG-52); not where messages must travel in TLS.
    pub by_message: bool,
    /// How long who takes part so may say nothing.
    pub by_message_for: Duration,
    /// Whether who is named while away is to be told ([`crate::Room::mentioned`]).
    pub keep_mentions: bool,
    /// Whether a MESSAGE to a user's own address may reach it as a private message of the room (MSG-48).
    pub messages_reach_participants: bool,
    /// Up to how many participants the room passes on who is writing (EVT-107).
    pub composing_up_to: usize,
    /// Whether visitors may only read (CHAT-36).
    pub moderated: bool,
    /// Whether files may be left here and fetched.
    pub files: FileRule,
    /// Who stands how in the room; who is in no list has the role `everybody`.
    pub roles: Roles,
    /// Who may know who is in.
    pub roster: Watchers,
    /// Whether the room tells joiners its topic, and everybody when it changes (CHAT-121).
    pub announce_topic: bool,
    /// Who may set the topic (CHAT-D10).
    pub set_topic: Role,
    /// Who may have somebody invited.
    pub invite: Role,
    /// Who may have somebody removed.
    pub remove: Role,
}

/// Who may know who is in (EVT-31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watchers {
    /// Whoever may join.
    #[default]
    Anyone,
    /// Whoever has joined.
    Participants,
}

/// What happens to a session above the limit of its participant (CHAT-154).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surplus {
    /// It is refused.
    #[default]
    Refuse,
    /// The oldest one ends.
    Replace,
}

/// Who may leave files in a room and fetch them (RFC 5547).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileRule {
    /// Nobody.
    Off,
    /// Participants; those who may speak may leave some.
    #[default]
    Participants,
}

/// A conference elsewhere, for media of the room that we do not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Which medium, as in `m=` lines of SDP: `audio` or `video`.
    pub medium: &'static str,
    /// Where to call.
    pub uri: Uri,
}

/// Who has which role.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Owners.
    pub owners: UserList,
    /// Moderators.
    pub moderators: UserList,
    /// Members.
    pub members: UserList,
    /// The role of all others.
    pub everybody: Role,
}

impl Roles {
    /// The highest role that somebody has.
    pub fn of(&self, identity: &Identity) -> Role {
        let lists = [(Role::Owner, &self.owners), (Role::Moderator, &self.moderators), (Role::Member, &self.members)];
        lists.into_iter().find(|(_, list)| list.has(identity)).map_or(self.everybody, |(role, _)| role)
    }
}

impl Rules {
    /// Whether somebody of that role may do that.
    pub fn permits(&self, role: Role, action: Action) -> bool {
        match action {
            Action::Speak => !self.moderated || role > Role::Visitor,
            Action::SetTopic => role >= self.set_topic,
            Action::Invite => role >= self.invite,
            Action::Remove => role >= self.remove,
        }
    }

    /// Whether nobody gets that nickname.
    pub fn reserves(&self, nickname: &Nickname) -> bool {
        nickname.as_str().len() > self.max_nickname_bytes
            || self.reserved_nicknames.iter().any(|reserved| **reserved == *nickname.key())
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            topic: "".into(),
            welcome: "".into(),
            max_participants: 1000,
            max_sessions_per_participant: 8,
            surplus: Surplus::default(),
            own_copies: true,
            own_private_copies: false,
            max_message_bytes: 100 * 1024 * 1024,
            message_rate: 0,
            message_burst: 1,
            wrapped_types: TypeList::any(),
            bridges: Arc::default(),
            require_tls: false,
            allow: UserList::everybody(),
            deny: UserList::default(),
            anonymous: true,
            nicknames: true,
            reserved_nicknames: Arc::default(),
            max_nickname_bytes: 256,
            nickname_quarantine: Duration::from_secs(300),
            private_messages: true,
            pass_imdn: false,
            by_message: false,
            by_message_for: Duration::from_secs(3600),
            keep_mentions: false,
            messages_reach_participants: false,
            composing_up_to: usize::MAX,
            moderated: false,
            files: FileRule::default(),
            roles: Roles::default(),
            roster: Watchers::default(),
            announce_topic: true,
            set_topic: Role::Moderator,
            invite: Role::Member,
            remove: Role::Moderator,
        }
    }
}

/// Why a room does not let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// As many participants as the rules allow are in.
    #[error("the room is full")]
    Full,
    /// This user already holds as many sessions as the rules allow.
    #[error("too many sessions of one participant")]
    TooManySessions,
    /// The rules do not let this user in.
    #[error("not allowed to join")]
    Forbidden,
    /// The rules let nobody in who does not say who it is (CHAT-105).
    #[error("anonymity is not allowed")]
    Anonymous,
    /// The room is closing down.
    #[error("the room is closing")]
    Closing,
}
