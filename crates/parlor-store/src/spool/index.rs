//! What the spool holds, and for whom how much.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::NewFile;
use crate::KeptFile;

/// How much is kept at most.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    /// Octets of one file.
    pub file: u64,
    /// Octets of all that one user has left, in all rooms.
    pub owner: u64,
    /// Octets of all files of one room.
    pub room: u64,
    /// Octets of everything.
    pub total: u64,
    /// How many files one room may have.
    pub files_of_room: usize,
    /// How many one user may have left, in all rooms.
    pub files_of_owner: usize,
    /// How many files there may be.
    pub files: usize,
}

/// What has no space left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The file itself is too large.
    #[error("the file is too large")]
    File,
    /// What its sender may leave.
    #[error("there is no space for more of this user's files")]
    Owner,
    /// What its room may hold.
    #[error("there is no space for more of this room's files")]
    Room,
    /// The spool as a whole.
    #[error("there is no space for more files")]
    Total,
    /// The room, its sender or the spool has as many files as it may.
    #[error("there are too many files")]
    TooMany,
}

/// What there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets, those included that are promised to files that are arriving.
    pub octets: u64,
    /// Files, those included that are arriving.
    pub files: usize,
}

#[derive(Debug, Default)]
struct Share {
    octets: u64,
    files: usize,
}

/// The files and the sums over them.
#[derive(Debug, Default)]
pub(super) struct Index {
    kept: BTreeMap<u64, Arc<KeptFile>>,
    rooms: HashMap<String, Share>,
    owners: HashMap<String, Share>,
    total: u64,
    /// Those that are arriving among them.
    files: usize,
    next_id: u64,
}

impl Index {
    pub(super) fn new(kept: Vec<KeptFile>, next_id: u64) -> Self {
        let mut index = Self { next_id, ..Self::default() };
        for file in kept {
            index.add(&file.room, &file.account, file.size);
            index.kept.insert(file.id, Arc::new(file));
        }
        index
    }

    pub(super) fn files_of(&self, room: &str) -> Vec<Arc<KeptFile>> {
        self.kept.values().filter(|file| file.room == room).cloned().collect()
    }

    pub(super) fn usage(&self) -> Usage {
        Usage { octets: self.total, files: self.files }
    }

    /// A file begins; what is known of its size counts from now on.
    pub(super) fn begin(&mut self, file: &NewFile, limits: &SpoolLimits) -> Result<u64, Full> {
        let files = |shares: &HashMap<String, Share>, key: &str| shares.get(key).map_or(0, |share| share.files);
        if files(&self.rooms, &file.room) >= limits.files_of_room
            || files(&self.owners, &file.account) >= limits.files_of_owner
            || self.files >= limits.files
        {
            return Err(Full::TooMany);
        }
        let octets = file.size.unwrap_or(0);
        self.fits(file, 0, octets, limits)?;
        self.add(&file.room, &file.account, octets);
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    /// A file of which so many octets count already gets more.
    pub(super) fn grow(&mut self, file: &NewFile, has: u64, octets: u64, limits: &SpoolLimits) -> Result<(), Full> {
        self.fits(file, has, octets, limits)?;
        self.share_of(&file.room, &file.account, |share| share.octets += octets);
        self.total += octets;
        Ok(())
    }

    fn fits(&self, file: &NewFile, has: u64, octets: u64, limits: &SpoolLimits) -> Result<(), Full> {
        let of = |shares: &HashMap<String, Share>, key: &str| shares.get(key).map_or(0, |share| share.octets);
        let checks = [
            (has, limits.file, Full::File),
            (of(&self.owners, &file.account), limits.owner, Full::Owner),
            (of(&self.rooms, &file.room), limits.room, Full::Room),
            (self.total, limits.total, Full::Total),
        ];
        let over = checks.into_iter().find(|(there, limit, _)| there.saturating_add(octets) > *limit);
        over.map_or(Ok(()), |(_, _, full)| Err(full))
    }

    /// A file that was arriving, and for which so many octets count, will not come.
    pub(super) fn give_up(&mut self, file: &NewFile, octets: u64) {
        self.sub(&file.room, &file.account, octets);
    }

    /// A file that was arriving is kept.
    pub(super) fn keep(&mut self, file: &NewFile, counted: u64, kept: Arc<KeptFile>) {
        self.sub(&file.room, &file.account, counted);
        self.add(&kept.room, &kept.account, kept.size);
        self.kept.insert(kept.id, kept);
    }

    pub(super) fn take_expired(&mut self, now: u64) -> Vec<Arc<KeptFile>> {
        let over: Vec<_> = self.kept.values().filter(|file| file.expires <= now).cloned().collect();
        for file in &over {
            self.kept.remove(&file.id);
            self.sub(&file.room, &file.account, file.size);
        }
        over
    }

    fn add(&mut self, room: &str, owner: &str, octets: u64) {
        self.share_of(room, owner, |share| {
            share.octets += octets;
            share.files += 1;
        });
        self.total += octets;
        self.files += 1;
    }

    fn sub(&mut self, room: &str, owner: &str, octets: u64) {
        self.share_of(room, owner, |share| {
            share.octets = share.octets.saturating_sub(octets);
            share.files = share.files.saturating_sub(1);
        });
        for (shares, key) in [(&mut self.rooms, room), (&mut self.owners, owner)] {
            if shares.get(key).is_some_and(|share| share.files == 0) {
                shares.remove(key);
            }
        }
        self.total = self.total.saturating_sub(octets);
        self.files = self.files.saturating_sub(1);
    }

    fn share_of(&mut self, room: &str, owner: &str, change: impl Fn(&mut Share)) {
        change(self.rooms.entry(room.to_owned()).or_default());
        change(self.owners.entry(owner.to_owned()).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SpoolLimits =
        SpoolLimits { file: 50, owner: 80, room: 100, total: 150, files_of_room: 3, files_of_owner: 2, files: 5 };

    fn file(room: &str, owner: &str, size: Option<u64>) -> NewFile {
        NewFile { room: room.to_owned(), account: owner.to_owned(), size }
    }

    /// Each limit refuses what goes beyond it, whether it was promised or comes as a surprise, and nothing of what was refused
    /// counts.
    #[test]
    fn each_limit_holds() {
        let mut index = Index::default();
        let begin = |index: &mut Index, room, owner, size| index.begin(&file(room, owner, Some(size)), &LIMITS).err();
        assert_eq!(begin(&mut index, "a", "x", 51), Some(Full::File));
        assert_eq!(begin(&mut index, "a", "x", 50), None);
        assert_eq!(begin(&mut index, "b", "x", 31), Some(Full::Owner));
        assert_eq!(begin(&mut index, "a", "y", 45), None);
        assert_eq!(begin(&mut index, "a", "z", 6), Some(Full::Room));
        assert_eq!(begin(&mut index, "b", "z", 40), None);
        assert_eq!(begin(&mut index, "c", "u", 16), Some(Full::Total));
        let unknown = file("a", "z", None);
        assert!(index.begin(&unknown, &LIMITS).is_ok());
        assert_eq!(index.grow(&unknown, 0, 6, &LIMITS), Err(Full::Room));
        assert_eq!(index.grow(&unknown, 48, 3, &LIMITS), Err(Full::File));
        assert_eq!(index.grow(&unknown, 0, 5, &LIMITS), Ok(()));
        assert_eq!(begin(&mut index, "a", "u", 0), Some(Full::TooMany));
        assert_eq!(index.usage(), Usage { octets: 140, files: 4 });
        index.give_up(&unknown, 5);
        assert_eq!(begin(&mut index, "a", "u", 5), None);
    }

    /// However small files are, there are only so many of one user, and in all.
    #[test]
    fn files_are_counted_too() {
        let mut index = Index::default();
        let begin = |index: &mut Index, room, owner| index.begin(&file(room, owner, Some(1)), &LIMITS).err();
        assert_eq!([begin(&mut index, "a", "x"), begin(&mut index, "b", "x")], [None, None]);
        assert_eq!(begin(&mut index, "c", "x"), Some(Full::TooMany), "of one user");
        assert_eq!([begin(&mut index, "a", "y"), begin(&mut index, "c", "y"), begin(&mut index, "c", "z")], [None; 3]);
        assert_eq!(begin(&mut index, "c", "u"), Some(Full::TooMany), "in all");
        index.give_up(&file("b", "x", Some(1)), 1);
        assert_eq!(begin(&mut index, "c", "x"), None);
    }
}
