//! Who is in a room (RFC 4575).

use std::collections::HashMap;

use parlor_events::conference_info::{self, Endpoint, EndpointStatus, User};

/// Who is in a room and what it is about, as the room told last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Who is in, in the order in which they were told.
    pub participants: Vec<Participant>,
    /// What the room is about.
    pub topic: Option<String>,
    /// The rooms beside this one: their URIs.
    pub sidebars: Vec<String>,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The URI, by which alone people are told apart; private messages go there.
    pub uri: String,
    /// The nickname, which nobody else in the room has.
    pub nickname: Option<String>,
    /// What the participant wants to be called; anybody may be called so.
    pub display: Option<String>,
    /// Such as `moderator`.
    pub roles: Vec<String>,
    /// On how many devices.
    pub devices: usize,
}

/// What is new in a roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterChange {
    /// Whether nothing was told before: [`RosterChange::joined`] are those who were in already.
    pub first: bool,
    /// Who has come.
    pub joined: Vec<Participant>,
    /// Who has gone, as they were.
    pub left: Vec<Participant>,
    /// Who has changed: as they were and as they are.
    pub changed: Vec<(Participant, Participant)>,
    /// What the room is about now, if that has changed; empty: nothing any more.
    pub topic: Option<String>,
}

impl Roster {
    /// The one of that URI, spelled as in the roster.
    pub fn participant(&self, uri: &str) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.uri == uri)
    }
}

impl Participant {
    /// What to call the participant: nickname, else display name, else URI.
    pub fn name(&self) -> &str {
        self.nickname.as_deref().or(self.display.as_deref()).unwrap_or(&self.uri)
    }
}

impl From<&conference_info::Roster> for Roster {
    fn from(known: &conference_info::Roster) -> Self {
        Self {
            participants: known.users().filter(|user| is_in(user)).map(Participant::from).collect(),
            topic: known.description().and_then(|description| non_empty(description.subject.as_ref())),
            sidebars: known.sidebars().iter().map(|sidebar| sidebar.uri.clone()).collect(),
        }
    }
}

impl From<&User> for Participant {
    fn from(user: &User) -> Self {
        Self {
            uri: user.entity.clone(),
            nickname: non_empty(user.nickname.as_ref()),
            display: non_empty(user.display_text.as_ref()),
            roles: user.roles.clone(),
            devices: user.endpoints.iter().filter(|endpoint| is_connected(endpoint)).count(),
        }
    }
}

impl RosterChange {
    /// What is new since `before`.
    pub(crate) fn between(before: Option<&Roster>, now: &Roster) -> Self {
        let nobody = Roster::default();
        let known = before.unwrap_or(&nobody);
        let mut gone = by_uri(known);
        let mut change = Self { first: before.is_none(), ..Self::default() };
        for participant in &now.participants {
            match gone.remove(&*participant.uri) {
                None => change.joined.push(participant.clone()),
                Some(was) if was != participant => change.changed.push((was.clone(), participant.clone())),
                Some(_) => {}
            }
        }
        let left = known.participants.iter().filter(|was| gone.contains_key(&*was.uri));
        change.left = left.cloned().collect();
        if known.topic != now.topic {
            change.topic = Some(now.topic.clone().unwrap_or_default());
        }
        change
    }

    /// Whether nothing is new.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// About how much memory it takes.
    pub(crate) fn octets(&self) -> usize {
        let both = self.changed.iter().flat_map(|(was, is)| [was, is]);
        let all = self.joined.iter().chain(&self.left).chain(both);
        all.map(|participant| participant.uri.len() + participant.name().len() + size_of::<Participant>()).sum()
    }
}

fn by_uri(roster: &Roster) -> HashMap<&str, &Participant> {
    roster.participants.iter().map(|participant| (&*participant.uri, participant)).collect()
}

/// EVT-57: one who has left may be told of once more, to say how. And who is being called is not in yet.
fn is_in(user: &User) -> bool {
    user.endpoints.is_empty() || user.endpoints.iter().any(is_connected)
}

fn is_connected(endpoint: &Endpoint) -> bool {
    match endpoint.status {
        None | Some(EndpointStatus::Connected | EndpointStatus::OnHold | EndpointStatus::MutedViaFocus) => true,
        Some(
            EndpointStatus::Pending
            | EndpointStatus::DialingOut
            | EndpointStatus::DialingIn
            | EndpointStatus::Alerting
            | EndpointStatus::Disconnecting
            | EndpointStatus::Disconnected,
        ) => false,
    }
}

fn non_empty(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_events::conference_info::ConferenceInfo;

    fn roster(users: &str) -> Roster {
        let xml = format!(
            "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" \
             xmlns:xcon=\"urn:ietf:params:xml:ns:xcon-conference-info\" entity=\"sip:lobby@a\" version=\"1\">\
             <conference-description><subject>Tea</subject></conference-description><users>{users}</users>\
             </conference-info>"
        );
        let mut known = conference_info::Roster::default();
        known.apply(ConferenceInfo::read(xml, &parlor_events::Limits::roster()).unwrap());
        Roster::from(&known)
    }

    fn user(name: &str, nickname: &str, statuses: &[&str]) -> String {
        let endpoint = |(at, status)| format!("<endpoint entity=\"e{at}\"><status>{status}</status></endpoint>");
        let endpoints: String = statuses.iter().enumerate().map(endpoint).collect();
        format!("<user entity=\"sip:{name}@a\" xcon:nickname=\"{nickname}\">{endpoints}</user>")
    }

    /// CHAT-111, EVT-50, EVT-57: nicknames are the attribute; who is called or has left is not in.
    #[test]
    fn those_who_are_in() {
        let users = [
            user("alice", "Al", &["connected", "on-hold", "disconnected"]),
            user("bob", "", &[]),
            user("carol", "", &["disconnected"]),
            user("dave", "", &["alerting"]),
        ];
        let roster = roster(&users.concat());
        let names: Vec<_> = roster.participants.iter().map(|one| (one.name(), one.devices)).collect();
        assert_eq!(names, [("Al", 2), ("sip:bob@a", 0)]);
        assert_eq!(roster.topic.as_deref(), Some("Tea"));
    }

    #[test]
    fn changes_are_those_between_two_rosters() {
        let before = roster(&[user("alice", "Al", &[]), user("bob", "", &[]), user("carol", "", &[])].concat());
        let now = Roster {
            topic: None,
            ..roster(&[user("bob", "Bo", &[]), user("dave", "", &[]), user("carol", "", &[])].concat())
        };
        let change = RosterChange::between(Some(&before), &now);
        let uris = |list: &[Participant]| list.iter().map(|one| one.uri.clone()).collect::<Vec<_>>();
        assert_eq!((uris(&change.joined), uris(&change.left)), (vec!["sip:dave@a".into()], vec!["sip:alice@a".into()]));
        let [(was, is)] = &change.changed[..] else { panic!("{change:?}") };
        assert_eq!((was.name(), is.name(), change.topic.as_deref()), ("sip:bob@a", "Bo", Some("")));
        assert!(RosterChange::between(Some(&now), &now).is_empty());
        let first = RosterChange::between(None, &before);
        assert_eq!((first.first, first.joined.len(), first.topic.as_deref()), (true, 3, Some("Tea")));
    }
}
