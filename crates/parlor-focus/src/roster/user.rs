//! Who is in, and by which devices.

use super::description::{CHAT, MESSAGE};
use crate::Settings;
use parlor_events::conference_info::{
    DisconnectionMethod, Endpoint, EndpointStatus, Execution, Fragment, JoiningMethod, Media, MediaStatus, User,
};
use parlor_room::{
    Action, Departure, Direction, EndpointId, Gone, Participant, ParticipantId, Room, Session, SessionId,
};
use std::collections::BTreeMap;

/// EVT-55, EVT-56, EVT-58: one user for each participant, one endpoint for each of its devices.
pub(super) fn user(room: &Room, settings: &Settings, id: ParticipantId, participant: &Participant) -> User {
    let identity = participant.identity();
    let nickname = room.nickname_of(id).map(|nickname| nickname.as_str().to_owned());
    let shown = nickname.clone().or_else(|| identity.display.as_deref().map(str::to_owned));
    let mut endpoints: BTreeMap<EndpointId, Endpoint> = BTreeMap::new();
    for (id, session) in participant.sessions().iter().filter_map(|id| Some((*id, room.session(*id)?))) {
        let new = || endpoint(settings, session, shown.as_deref());
        let known = endpoints.entry(session.on()).or_insert_with(new);
        // MSG-52: who takes part by MESSAGE has no media of ours.
        if !session.is_by_message() {
            known.media.push(medium(room, id, session, known.media.len() + 1));
        }
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

/// Somebody who has left, and how (EVT-51).
pub(super) fn departed(gone: &Gone) -> Fragment {
    let endpoint = Endpoint {
        status: Some(EndpointStatus::Disconnected),
        disconnection_method: Some(match gone.how {
            Departure::Departed => DisconnectionMethod::Departed,
            Departure::Booted => DisconnectionMethod::Booted,
            Departure::Failed => DisconnectionMethod::Failed,
        }),
        ..Endpoint::new(&gone.entity)
    };
    Fragment::from(&User { endpoints: vec![endpoint], ..User::new(&gone.entity) })
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
