//! The files that were left in a room.

use crate::{Action, FileId, FileRule, FileSelector, FileState, Identity, ParticipantId, Reject, Room, SharedFile};
use parlor_sip::Uri;
use std::time::Instant;

/// What a selector found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundFile {
    /// Nothing.
    None,
    /// This one; of several with the same content the first.
    One(FileId),
    /// Several that are not the same.
    Several,
}

impl Room {
    /// The files in the order in which they came.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (FileId, &SharedFile)> + DoubleEndedIterator {
        self.files.iter().map(|(id, file)| (*id, file))
    }

    /// One file.
    pub fn file(&self, id: FileId) -> Option<&SharedFile> {
        self.files.get(&id)
    }

    /// The file that a selector means (RFC 5547 §8.3.2). What a sender claims of a file that is arriving counts for nothing
    /// beside one that is there and was checked.
    pub fn find_file(&self, selector: &FileSelector) -> FoundFile {
        match self.find_among(selector, FileState::Complete) {
            FoundFile::None => self.find_among(selector, FileState::Arriving),
            found => found,
        }
    }

    /// Of several with the same content the first: a later one does not give it another name.
    fn find_among(&self, selector: &FileSelector, state: FileState) -> FoundFile {
        let mut found = self.files.iter().filter(|(_, file)| file.state == state && selector.selects(file));
        let Some((id, first)) = found.next() else { return FoundFile::None };
        let same =
            |file: &SharedFile| !first.hashes.is_empty() && first.hashes == file.hashes && first.size == file.size;
        if found.all(|(_, file)| same(file)) { FoundFile::One(*id) } else { FoundFile::Several }
    }

    /// Who wants to leave a file here, or to fetch one.
    ///
    /// # Errors
    /// [`Reject::Forbidden`] unless it is a participant, and may speak if it brings something.
    pub fn may_transfer(&self, identity: &Identity, brings: bool) -> Result<ParticipantId, Reject> {
        let known = self.participant_who_is(identity).filter(|_| self.rules().files == FileRule::Participants);
        let id = known.ok_or(Reject::Forbidden)?;
        let speaks = self.participant(id).is_some_and(|own| self.rules().permits(own.role(), Action::Speak));
        if speaks || !brings { Ok(id) } else { Err(Reject::Forbidden) }
    }

    /// Whether somebody left a file here by that address.
    pub(crate) fn has_file_of(&self, sender: &Uri) -> bool {
        let sender = sender.to_string();
        self.files.values().any(|file| *file.sender == *sender)
    }

    /// A file is there, or begins to arrive.
    pub fn add_file(&mut self, file: SharedFile) -> FileId {
        let id = FileId(self.fresh_id());
        self.file_expiries.extend(file.expires.map(|at| (at, id)));
        self.files.insert(id, file);
        self.journal.described();
        id
    }

    /// All of a file has come; `file` is what is known of it now.
    pub fn complete_file(&mut self, id: FileId, file: SharedFile) {
        if let Some(known) = self.files.get_mut(&id) {
            let before = std::mem::replace(known, SharedFile { state: FileState::Complete, ..file });
            self.file_expiries.extend(known.expires.map(|at| (at, id)));
            if before.expires != known.expires {
                self.forget_expiry(id, &before);
            }
            self.journal.described();
        }
    }

    /// A file is gone, or did not come.
    pub fn remove_file(&mut self, id: FileId) {
        if let Some(file) = self.files.remove(&id) {
            self.forget_expiry(id, &file);
            self.journal.described();
        }
    }

    /// The files whose time is over are gone; gives which.
    pub fn expire_files(&mut self, now: Instant) -> Vec<FileId> {
        let over: Vec<FileId> = self.file_expiries.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in &over {
            self.remove_file(*id);
        }
        over
    }

    /// When [`Room::expire_files`] has something to do.
    pub fn next_file_expiry(&self) -> Option<Instant> {
        self.file_expiries.first().map(|(at, _)| *at)
    }

    fn forget_expiry(&mut self, id: FileId, file: &SharedFile) {
        if let Some(at) = file.expires {
            self.file_expiries.remove(&(at, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::tests::{identity, now, room};
    use crate::{FileHashes, Role, Roles, Rules};
    use std::time::Duration;

    fn file(name: &str, content: u8) -> SharedFile {
        SharedFile {
            name: name.into(),
            kind: "text/plain".into(),
            size: Some(3),
            hashes: FileHashes { sha1: Some([content; 20]), sha256: Some([content; 32]) },
            sender: "sip:alice@example.org".into(),
            sender_name: None,
            state: FileState::Complete,
            expires: Some(now() + Duration::from_secs(u64::from(content))),
        }
    }

    /// RFC 5547 §8.3.2: none, one, or several; the same content twice is one file.
    #[test]
    fn a_selector_finds_at_most_one_content() {
        let mut room = room(Rules::default());
        let selector = FileSelector { size: Some(3), ..FileSelector::default() };
        assert_eq!(room.find_file(&selector), FoundFile::None);
        let seen = room.revision();
        let first = room.add_file(file("a.txt", 1));
        assert!(room.changes_since(seen).expect("known").description, "the roster is told");
        room.add_file(file("b.txt", 1));
        assert_eq!(room.find_file(&selector), FoundFile::One(first));
        let claimed = SharedFile { state: FileState::Arriving, ..file("c.txt", 1) };
        let claimed =
            [claimed.clone(), SharedFile { hashes: FileHashes { sha256: None, ..claimed.hashes }, ..claimed }];
        let claimed = claimed.map(|file| room.add_file(file));
        assert_eq!(room.find_file(&selector), FoundFile::One(first), "what is claimed counts for nothing");
        claimed.into_iter().for_each(|id| room.remove_file(id));
        let other = room.add_file(file("c.txt", 2));
        assert_eq!(room.find_file(&selector), FoundFile::Several);
        let named = FileSelector { name: Some("c.txt".into()), ..selector };
        assert_eq!(room.find_file(&named), FoundFile::One(other));
    }

    #[test]
    fn files_go_when_their_time_is_over() {
        let mut room = room(Rules::default());
        let (first, second) = (room.add_file(file("a", 10)), room.add_file(file("b", 200)));
        let due = room.next_file_expiry().expect("some expire");
        assert_eq!(room.expire_files(due), [first]);
        room.complete_file(second, file("b", 100));
        assert_eq!(
            room.next_file_expiry(),
            room.file(second).and_then(|file| file.expires),
            "what holds is the latest"
        );
        assert_eq!(room.files().map(|(id, _)| id).collect::<Vec<_>>(), [second]);
    }

    /// Only participants, and those who may only read bring nothing.
    #[test]
    fn who_may_transfer() {
        let roles = Roles { everybody: Role::Visitor, ..Roles::default() };
        let mut moderated = room(Rules { moderated: true, roles, ..Rules::default() });
        moderated.join(identity("sip:alice@example.org")).expect("admitted");
        let may = |brings, who| moderated.may_transfer(&identity(who), brings).is_ok();
        assert!(may(false, "sip:alice@example.org"));
        assert!(!may(true, "sip:alice@example.org") && !may(false, "sip:bob@example.org"));
        let mut open = room(Rules::default());
        open.join(identity("sip:alice@example.org")).expect("admitted");
        assert!(open.may_transfer(&identity("sip:alice@example.org"), true).is_ok());
        let mut off = room(Rules { files: FileRule::Off, ..Rules::default() });
        off.join(identity("sip:alice@example.org")).expect("admitted");
        assert!(off.may_transfer(&identity("sip:alice@example.org"), false).is_err());
    }
}
