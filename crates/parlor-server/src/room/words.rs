//! What the room says of itself (CHAT-121).

use parlor_focus::sdp;
use parlor_room::{Participant, ParticipantId, Room, SessionId, SharedFile, one_line};

/// How many participants are named to whom the roster is told as text, and up to which length of the text.
const NAMED: usize = 50;
const LONG_ENOUGH: usize = 3000;
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

/// What a newcomer is told, one message each.
pub(super) fn greetings(room: &Room, session: SessionId) -> Vec<String> {
    let rules = room.rules();
    let (Some(own), Some(holder)) = (room.session(session), room.participant_of(session)) else { return Vec::new() };
    let welcome = (!rules.welcome.is_empty()).then(|| rules.welcome.to_string());
    let topic = (rules.announce_topic && !room.topic().is_empty()).then(|| format!("The topic is: {}", room.topic()));
    // CHAT-103: nothing else tells it to clients that read no roster.
    let identity = holder.identity();
    let pseudonym = || format!("You are anonymous: nobody in this room sees of you more than {}.", identity.aor);
    let pseudonym = identity.is_anonymous().then(pseudonym);
    // CHAT-21
    let unaware = (!own.capabilities().chatroom).then(|| introduction(room));
    [welcome, topic, pseudonym, unaware].into_iter().flatten().collect()
}

/// That somebody has set the topic.
pub(super) fn topic_set(room: &Room, session: SessionId) -> String {
    let by = room.session(session).map(|own| own.participant());
    let by = by.and_then(|id| Some(shown(room, id, room.participant(id)?))).unwrap_or_else(|| "Somebody".to_owned());
    match room.topic() {
        "" => format!("{by} removed the topic."),
        topic => format!("{by} set the topic: {topic}"),
    }
}

/// What somebody is told who knows no chat rooms: where it is, and with whom.
fn introduction(room: &Room) -> String {
    let all = room.participants();
    let count = all.len();
    let mut text = format!("This is a chat room, {}. What you write goes to everybody who is in it:", room.uri());
    let mut named = 0;
    for (id, participant) in all.take(NAMED) {
        if text.len() > LONG_ENOUGH {
            break;
        }
        text += "\n- ";
        text += &shown(room, id, participant);
        named += 1;
    }
    if count > named {
        text += &format!("\nand {} more", count - named);
    }
    text
}

fn shown(room: &Room, id: ParticipantId, participant: &Participant) -> String {
    name_and_address(known_as(room, id, participant).as_deref(), &participant.identity().aor.to_string())
}

/// Who somebody is, in a sentence of the room. Anybody may choose any name, so the address never goes without saying (CHAT-172).
fn name_and_address(name: Option<&str>, address: &str) -> String {
    let address = one_line(address, 2 * LONGEST_NAME);
    match name {
        Some(name) => format!("{name} <{address}>"),
        None => address,
    }
}

/// The nickname, or the name that came with the address.
pub(super) fn known_as(room: &Room, id: ParticipantId, participant: &Participant) -> Option<String> {
    let nickname = room.nickname_of(id).map(|nickname| nickname.as_str());
    let name = nickname.or(participant.identity().display.as_deref())?.replace(['<', '>', '"'], " ");
    let name = one_line(&name, LONGEST_NAME);
    (!name.is_empty()).then_some(name)
}

/// What everybody is told of a file: who, what, and how to get it.
pub(super) fn file_left(room: &Room, file: &SharedFile) -> String {
    let sender = name_and_address(file.sender_name.as_deref(), &file.sender);
    let size = file.size.unwrap_or_default();
    let hash = file.hashes.sha1.map(|hash| sdp::sha1(&hash)).unwrap_or_default();
    format!(
        "{sender} left a file here: \"{}\", {}, {size} bytes. Fetch it from {} with a=recvonly and \
         a=file-selector:hash:{hash}",
        file.name,
        file.kind,
        room.uri()
    )
}
