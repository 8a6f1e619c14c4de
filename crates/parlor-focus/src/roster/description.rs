//! What a room is about, and its state.

use crate::sdp::sha1;
use parlor_events::conference_info::{AvailableMedia, ConferenceState, Description, File, MediaStatus, UriEntry};
use parlor_room::{Bridge, FileState, Room, SharedFile};

/// What a room is about, and perhaps which files are in it.
pub(super) fn description(room: &Room, with_files: bool) -> Description {
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
        files: if with_files { files(room) } else { None },
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

/// Those that can be fetched by what is told of them, in the form that Blink and SylkServer know; nothing of files in a room
/// without any. Where their names are too long for all of them, the latest are told.
fn files(room: &Room) -> Option<Vec<File>> {
    let mut octets = 0;
    let latest = room.files().rev().filter_map(|(_, file)| listed(file)).take_while(|file| {
        octets += ENTRY + in_xml(&file.name) + in_xml(&file.sender);
        octets <= MOST_OF_FILES
    });
    let mut files: Vec<File> = latest.collect();
    files.reverse();
    (!files.is_empty()).then_some(files)
}

/// How many octets of a document may be about files.
const MOST_OF_FILES: usize = 32 * 1024;
/// What an entry has beside its names: elements, hash, size.
const ENTRY: usize = 192;

/// The octets that a text takes in a document, at the most.
fn in_xml(text: &str) -> usize {
    text.chars().map(|c| if "&<>\"'".contains(c) { "&quot;".len() } else { c.len_utf8() }).sum()
}

fn listed(file: &SharedFile) -> Option<File> {
    let name = file.sender_name.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
    Some(File {
        name: file.name.to_string(),
        hash: sha1(&file.hashes.sha1?),
        size: file.size?,
        sender: format!("{name}<{}>", file.sender),
        status: match file.state {
            FileState::Complete => "OK",
            FileState::Arriving => "INCOMPLETE",
        }
        .to_owned(),
    })
}

/// The label of the one medium that a room has itself.
pub(super) const CHAT: &str = "chat";
/// EVT-52.
pub(super) const MESSAGE: &str = "message";

pub(super) fn conference_state(room: &Room) -> ConferenceState {
    ConferenceState {
        user_count: u32::try_from(room.participants().len()).ok(),
        active: Some(room.is_open()),
        locked: Some(!room.is_open()),
    }
}
