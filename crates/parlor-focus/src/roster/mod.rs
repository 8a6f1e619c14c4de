//! What subscribers are told of a room (RFC 4575 §5). Each participant is written once for all documents, each document
//! once for all subscribers.

mod description;
mod user;

use crate::{Focus, Settings};
use description::{conference_state, description};
use parlor_events::conference_info::{Document, Fragment, HostInfo, Parts, Sidebars, State, UriEntry};
use parlor_room::{Changes, Gone, ParticipantId, Revision, Room};
use parlor_sip::Uri;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use user::{departed, user};

/// What a document tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Everything, and how those left who did since then.
    All(Option<Revision>),
    /// Everything but who is in, only how many they are (EVT-20, EVT-54).
    Count,
    /// What has changed since then. If it is to be told how somebody left, it is told of those who left before, up to this,
    /// that they are gone.
    Since(Revision, Option<Revision>),
    /// That the room has ended (EVT-34).
    Gone,
}

/// A document as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) document: Arc<Document>,
    /// It shows somebody as disconnected.
    pub(crate) farewell: bool,
}

/// The documents of a room.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// The rooms that belong to this one.
    sidebars: Vec<UriEntry>,
    users: BTreeMap<ParticipantId, Fragment>,
    /// The revision of `users`.
    as_of: Revision,
    /// The latest, each with what it tells and as of when.
    documents: VecDeque<(Telling, Revision, Written)>,
}

/// How many documents are kept: those of subscribers who were told together share one, and at times there are a few such
/// groups.
const KEPT: usize = 8;

/// A room that belongs to another one (CHAT-131).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidebar {
    /// Where it is joined.
    pub uri: Uri,
    /// What people call it.
    pub name: Box<str>,
}

impl Focus {
    /// From now on these are all the rooms that belong to this one.
    pub fn set_sidebars(&mut self, room: &mut Room, sidebars: &[Sidebar]) {
        let entry = |sidebar: &Sidebar| UriEntry {
            display_text: Some(sidebar.name.to_string()),
            ..UriEntry::new(&sidebar.uri.to_string(), None)
        };
        let shown = sidebars.iter().map(entry).collect();
        if self.roster.sidebars != shown {
            self.roster.sidebars = shown;
            room.set_sidebars(sidebars.iter().filter_map(|sidebar| sidebar.uri.user()).map(Into::into));
        }
    }
}

impl Roster {
    /// A document as of now; `None` when it is too long ago since when changes are to be told, or they cannot be told apart
    /// from the rest.
    pub(crate) fn document(&mut self, room: &Room, settings: &Settings, telling: Telling) -> Option<Written> {
        let now = room.revision();
        let known = self.documents.iter().find(|(told, as_of, _)| (*told, *as_of) == (telling, now));
        if let Some((_, _, written)) = known {
            return Some(written.clone());
        }
        self.catch_up(room, settings);
        let (document, farewell) = match telling {
            Telling::All(left_since) => self.all(room, settings, left_since),
            Telling::Count => (self.whole(room, settings, &[], false), false),
            Telling::Since(known, buried) => self.changes(room, known, buried)?,
            Telling::Gone => (gone(room), false),
        };
        let written = Written { document: Arc::new(document), farewell };
        self.documents.truncate(KEPT - 1);
        self.documents.push_front((telling, now, written.clone()));
        Some(written)
    }

    /// Writes anew who has changed since the last document.
    fn catch_up(&mut self, room: &Room, settings: &Settings) {
        if self.as_of == room.revision() {
            return;
        }
        match room.changes_since(self.as_of) {
            Some(Changes { present, .. }) => {
                for id in present {
                    self.write(room, settings, id);
                }
                // One who left and came back is not among those who are gone, but is another participant.
                if self.users.len() > room.participants().len() {
                    self.users.retain(|id, _| room.participant(*id).is_some());
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

    /// Whether somebody is shown as disconnected stands beside the document.
    fn all(&self, room: &Room, settings: &Settings, left_since: Option<Revision>) -> (Document, bool) {
        let left = left_since.and_then(|known| room.changes_since(known)).map(|news| news.gone).unwrap_or_default();
        let left: Vec<Fragment> = left.iter().map(departed).collect();
        (self.whole(room, settings, &self.users.values().chain(&left).collect::<Vec<_>>(), true), !left.is_empty())
    }

    /// A document with everything but perhaps those who are in, and the files (EVT-45).
    fn whole(&self, room: &Room, settings: &Settings, users: &[&Fragment], files: bool) -> Document {
        Document::from(&Parts {
            entity: &room.uri().to_string(),
            state: State::Full,
            description: Some(&description(room, files)),
            host: Some(&HostInfo { display_text: Some(settings.hosts.domain().to_owned()), ..HostInfo::default() }),
            conference_state: Some(&conference_state(room)),
            users: Some((State::Full, users)),
            sidebars: Some(&Sidebars { state: State::Full, list: self.sidebars.clone() }),
        })
    }

    /// EVT-46, EVT-57, EVT-61, EVT-62. When a sidebar has gone everything is told, since what remains cannot say so: the
    /// schema knows no empty list of sidebars.
    fn changes(&self, room: &Room, known: Revision, buried: Option<Revision>) -> Option<(Document, bool)> {
        let changes = room.changes_since(known)?;
        if changes.sidebars {
            return None;
        }
        let deleted = |gone: &Gone| Fragment::deleted(&gone.entity);
        let gone: Vec<Fragment> = match buried {
            None => changes.gone.iter().map(deleted).collect(),
            Some(buried) => {
                let all = room.changes_since(buried)?.gone;
                // Who left later stands later.
                let (before, since) = all.split_at(all.len().saturating_sub(changes.gone.len()));
                before.iter().map(deleted).chain(since.iter().map(departed)).collect()
            }
        };
        let farewell = buried.is_some() && !changes.gone.is_empty();
        let present = changes.present.iter().filter_map(|id| self.users.get(id));
        let users: Vec<&Fragment> = gone.iter().chain(present).collect();
        let counted = conference_state(room);
        let document = Document::from(&Parts {
            entity: &room.uri().to_string(),
            state: State::Partial,
            description: changes.description.then(|| description(room, true)).as_ref(),
            host: None,
            conference_state: Some(&counted),
            users: (!users.is_empty()).then_some((State::Partial, &users)),
            sidebars: None,
        });
        Some((document, farewell))
    }
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
