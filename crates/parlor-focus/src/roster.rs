//! What subscribers are told of a room (RFC 4575 §5). Each participant is written once for all documents, each document
//! once for all subscribers.

use crate::Settings;
use parlor_events::conference_info::{
    AvailableMedia, ConferenceState, Description, Document, Endpoint, EndpointStatus, Execution, Fragment, HostInfo,
    JoiningMethod, Media, MediaStatus, Parts, State, UriEntry, User,
};
use parlor_room::{
    Action, Bridge, Changes, Direction, EndpointId, Participant, ParticipantId, Revision, Room, Session, SessionId,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a document tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Everything.
    All,
    /// Everything but who is in, only how many they are (EVT-20, EVT-54).
    Count,
    /// What has changed since then.
    Since(Revision),
    /// That the room has ended (EVT-34).
    Gone,
}

/// The documents of a room.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    users: BTreeMap<ParticipantId, Fragment>,
    /// The revision of `users`.
    as_of: Revision,
    /// The latest, each with what it tells and as of when.
    documents: VecDeque<(Telling, Revision, Arc<Document>)>,
}

/// How many documents are kept: those of subscribers who were told together share one, and at times there are a few such
/// groups.
const KEPT: usize = 8;

impl Roster {
    /// A document as of now; `None` when it is too long ago since when changes are to be told, or they cannot be told apart
    /// from the rest.
    pub(crate) fn document(&mut self, room: &Room, settings: &Settings, telling: Telling) -> Option<Arc<Document>> {
        let now = room.revision();
        let known = self.documents.iter().find(|(told, as_of, _)| (*told, *as_of) == (telling, now));
        if let Some((_, _, document)) = known {
            return Some(Arc::clone(document));
        }
        self.catch_up(room, settings);
        let document = match telling {
            Telling::All => self.all(room, settings),
            Telling::Count => whole(room, settings, &[]),
            Telling::Since(revision) => self.changes(room, &room.changes_since(revision)?)?,
            Telling::Gone => gone(room),
        };
        let document = Arc::new(document);
        self.documents.truncate(KEPT - 1);
        self.documents.push_front((telling, now, Arc::clone(&document)));
        Some(document)
    }

    /// Writes anew who has changed since the last document.
    fn catch_up(&mut self, room: &Room, settings: &Settings) {
        if self.as_of == room.revision() {
            return;
        }
        match room.changes_since(self.as_of) {
            Some(Changes { present, gone, .. }) => {
                if !gone.is_empty() {
                    self.users.retain(|id, _| room.participant(*id).is_some());
                }
                for id in present {
                    self.write(room, settings, id);
                }
            }
            None => {
                self.users.clear();
                room.participants().for_each(|(id, _)| self.write(room, settings, id));
            }
        }
        self.as_of = room.revision();
    }

    fn write(&mut self, room: &Room, settings: &Settings, id: ParticipantId) {
        if let Some(participant) = room.participant(id) {
            self.users.insert(id, Fragment::from(&user(room, settings, id, participant)));
        }
    }

    fn all(&self, room: &Room, settings: &Settings) -> Document {
        whole(room, settings, &self.users.values().collect::<Vec<_>>())
    }

    /// EVT-46, EVT-57, EVT-61, EVT-62. When a sidebar has gone everything is told, since what remains cannot say so: the
    /// schema knows no empty list of sidebars.
    fn changes(&self, room: &Room, changes: &Changes) -> Option<Document> {
        if changes.sidebars {
            return None;
        }
        let gone: Vec<Fragment> = changes.gone.iter().map(|gone| Fragment::deleted(&gone.entity)).collect();
        let present = changes.present.iter().filter_map(|id| self.users.get(id));
        let users: Vec<&Fragment> = gone.iter().chain(present).collect();
        let counted = conference_state(room);
        Some(Document::from(&Parts {
            entity: &room.uri().to_string(),
            state: State::Partial,
            description: changes.description.then(|| description(room)).as_ref(),
            host: None,
            conference_state: Some(&counted),
            users: (!users.is_empty()).then_some((State::Partial, &users)),
            sidebars: None,
        }))
    }
}

/// A document with everything but perhaps those who are in (EVT-45).
fn whole(room: &Room, settings: &Settings, users: &[&Fragment]) -> Document {
    Document::from(&Parts {
        entity: &room.uri().to_string(),
        state: State::Full,
        description: Some(&description(room)),
        host: Some(&HostInfo { display_text: Some(settings.hosts.domain().to_owned()), ..HostInfo::default() }),
        conference_state: Some(&conference_state(room)),
        users: Some((State::Full, users)),
        sidebars: None,
    })
}

fn gone(room: &Room) -> Document {
    Document::from(&Parts {
        entity: &room.uri().to_string(),
        state: State::Deleted,
        description: None,
        host: None,
        conference_state: None,
        users: None,
        sidebars: None,
    })
}

fn description(room: &Room) -> Description {
    let topic = room.topic();
    let mut conf_uris = vec![UriEntry::new(&room.uri().to_string(), Some("participation"))];
    let mut available_media = vec![available(CHAT, MESSAGE)];
    for Bridge { medium, uri } in &*room.rules().bridges {
        let bridge = UriEntry::new(&uri.to_string(), Some("participation"));
        conf_uris.push(UriEntry { display_text: Some((*medium).to_owned()), ..bridge });
        available_media.push(available(medium, medium));
    }
    Description {
        display_text: Some(room.name().to_owned()),
        subject: (!topic.is_empty()).then(|| topic.to_owned()), // CHAT-140
        conf_uris,
        maximum_user_count: u32::try_from(room.rules().max_participants).ok(),
        available_media,
        ..Description::default()
    }
}

fn available(label: &str, media_type: &str) -> AvailableMedia {
    AvailableMedia {
        label: label.to_owned(),
        display_text: None,
        media_type: media_type.to_owned(),
        status: Some(MediaStatus::SendRecv),
    }
}

/// The label of the one medium that a room has itself.
const CHAT: &str = "chat";
/// EVT-52.
const MESSAGE: &str = "message";

fn conference_state(room: &Room) -> ConferenceState {
    ConferenceState {
        user_count: u32::try_from(room.participants().len()).ok(),
        active: Some(room.is_open()),
        locked: Some(!room.is_open()),
    }
}

/// EVT-55, EVT-56, EVT-58: one user for each participant, one endpoint for each of its devices.
fn user(room: &Room, settings: &Settings, id: ParticipantId, participant: &Participant) -> User {
    let identity = participant.identity();
    let nickname = room.nickname_of(id).map(|nickname| nickname.as_str().to_owned());
    let shown = nickname.clone().or_else(|| identity.display.as_deref().map(str::to_owned));
    let mut endpoints: BTreeMap<EndpointId, Endpoint> = BTreeMap::new();
    for (id, session) in participant.sessions().iter().filter_map(|id| Some((*id, room.session(*id)?))) {
        let new = || endpoint(settings, session, shown.as_deref());
        let known = endpoints.entry(session.on()).or_insert_with(new);
        known.media.push(medium(room, id, session, known.media.len() + 1));
        if session.capabilities().direction != Direction::Inactive {
            known.status = Some(EndpointStatus::Connected);
        }
    }
    User {
        nickname,
        display_text: shown.clone(), // CHAT-112
        roles: vec![participant.role().as_str().to_owned()],
        endpoints: endpoints.into_values().collect(),
        ..User::new(&identity.aor.to_string())
    }
}

/// A device as the first of its sessions has it. It is on hold until one of them is not (EVT-50).
fn endpoint(settings: &Settings, session: &Session, shown: Option<&str>) -> Endpoint {
    let place = session.endpoint();
    let own_name = session.nickname().map(|nickname| nickname.as_str());
    let joined = settings.clock.map(|clock| clock.since_epoch(place.joined));
    let joined = joined.map(|time| parlor_cpim::utc_date_time(time.as_secs(), time.subsec_millis() as u16));
    let by = |uri: &str| Execution { by: Some(uri.to_owned()), ..Execution::default() };
    Endpoint {
        display_text: own_name.or(shown).map(str::to_owned),
        referred: place.referred_by.as_deref().map(by), // SIP-81
        status: Some(EndpointStatus::OnHold),
        joining_method: Some(match place.method {
            parlor_room::JoiningMethod::DialedIn => JoiningMethod::DialedIn,
            parlor_room::JoiningMethod::DialedOut => JoiningMethod::DialedOut,
            parlor_room::JoiningMethod::FocusOwner => JoiningMethod::FocusOwner,
        }),
        joining_info: joined.map(|when| Execution { when: Some(when), ..Execution::default() }),
        ..Endpoint::new(&place.entity)
    }
}

/// One of a device's sessions.
fn medium(room: &Room, id: SessionId, session: &Session, number: usize) -> Media {
    Media {
        id: number.to_string(),
        media_type: Some(MESSAGE.to_owned()),
        label: Some(CHAT.to_owned()),
        status: Some(media_status(session.capabilities().direction, room.may(id, Action::Speak))),
        ..Media::default()
    }
}

/// EVT-52: what somebody who may only read sends, the room does not pass on.
fn media_status(direction: Direction, can_speak: bool) -> MediaStatus {
    match (direction, can_speak) {
        (Direction::SendRecv, true) => MediaStatus::SendRecv,
        (Direction::SendOnly, true) => MediaStatus::SendOnly,
        (Direction::SendRecv | Direction::RecvOnly, _) => MediaStatus::RecvOnly,
        (Direction::SendOnly | Direction::Inactive, _) => MediaStatus::Inactive,
    }
}
