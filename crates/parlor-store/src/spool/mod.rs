//! The octets of files, on disk.
//!
//! A file [begins](Spool::begin) as an [`Incoming`], which is written to piece by piece, hashed on the way, and
//! [finished](Incoming::finish) or dropped. Meanwhile and later it is read by [`Reader`]s, which follow the writer. Disks are
//! waited for by threads of the spool's own: nobody else blocks. What is kept, and how much, is held in memory and in a
//! [`Store`]; after a crash what was not finished is removed.

mod content;
mod incoming;
mod index;
mod pool;
mod reader;
#[cfg(test)]
mod tests;

pub use content::Content;
pub use incoming::{Expected, Incoming, NewFile};
pub use index::{Full, SpoolLimits, Usage};
pub use reader::{Piece, Reader};

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::index::Index;
use self::pool::Pool;
use crate::{KeptFile, Store, StoreError};

/// How many threads wait for the disk.
const THREADS: usize = 4;

/// A place for files. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    directory: PathBuf,
    limits: SpoolLimits,
    index: Mutex<Index>,
    pool: Pool,
    store: Arc<dyn Store>,
}

/// Why a file is not kept, or not read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no space for it.
    #[error("{0}")]
    Full(#[from] Full),
    /// It is not as large as was said.
    #[error("the file is not as large as was said")]
    Size,
    /// It is not what was said.
    #[error("the file's content is not what was said")]
    Hash,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The disk failed.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The database failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// It will not come to its end, or was removed.
    #[error("the file is gone")]
    Gone,
}

impl Spool {
    /// Opens the spool in a directory of its own, which is made if missing. What a former run has not finished is removed, and
    /// what is known of files that are not there, or whose time is over at `now`, is forgotten. Blocks.
    ///
    /// # Errors
    /// When the directory or the store cannot be used.
    pub fn open(directory: &Path, limits: SpoolLimits, store: Arc<dyn Store>, now: u64) -> Result<Self, SpoolError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let known = store.files().wait()?;
        let next_id = known.iter().map(|file| file.id + 1).max().unwrap_or(1);
        let mut there = files_in(directory)?;
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for file in known {
            let is_whole = there.get(&file.on_disk()) == Some(&file.size);
            if is_whole && file.expires > now {
                there.remove(&file.on_disk());
                kept.push(file);
            } else {
                lost.push(file.id);
            }
        }
        for name in there.keys() {
            fs::remove_file(directory.join(name))?;
        }
        store.remove_files(lost).wait()?;
        let index = Mutex::new(Index::new(kept, next_id));
        let pool = Pool::new(THREADS)?;
        Ok(Self(Arc::new(Shared { directory: directory.to_owned(), limits, index, pool, store })))
    }

    /// The files of a room, those that came first first.
    pub fn files_of(&self, room: &str) -> Vec<Arc<KeptFile>> {
        self.0.index().files_of(room)
    }

    /// What there is now.
    pub fn usage(&self) -> Usage {
        self.0.index().usage()
    }

    /// A file begins to arrive. Its size, if that is known, is taken from what is left at once.
    ///
    /// # Errors
    /// [`Full`] says what has no space left.
    pub fn begin(&self, file: NewFile) -> Result<Incoming, Full> {
        let id = self.0.index().begin(&file, &self.0.limits)?;
        Ok(Incoming::new(Arc::clone(&self.0), id, file))
    }

    /// Reads a file that is kept, from its beginning.
    pub fn read(&self, file: &KeptFile) -> Reader {
        Reader::of_kept(Arc::clone(&self.0), self.0.directory.join(file.on_disk()), file.size)
    }

    /// Reads a file that is arriving, from its beginning.
    pub fn follow(&self, content: &Content) -> Reader {
        Reader::of_arriving(Arc::clone(&self.0), content)
    }

    /// The files whose time is over at `now` are gone; whoever reads one reads on. Gives how many there were.
    pub fn expire(&self, now: u64) -> usize {
        let over = self.0.index().take_expired(now);
        self.0.forget(&over);
        over.len()
    }
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what is on disk of files that the index has no more.
    fn forget(&self, files: &[Arc<KeptFile>]) {
        if files.is_empty() {
            return;
        }
        // What fails here is tidied up at the next start: both sides are compared there.
        drop(self.store.remove_files(files.iter().map(|file| file.id).collect()));
        let paths: Vec<PathBuf> = files.iter().map(|file| self.directory.join(file.on_disk())).collect();
        self.pool.do_later(move || paths.iter().for_each(|path| drop(fs::remove_file(path))));
    }
}

/// The files of ours in a directory, with their sizes. Others are left alone.
fn files_in(directory: &Path) -> io::Result<HashMap<String, u64>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && is_ours(&name)
        {
            found.insert(name, entry.metadata()?.len());
        }
    }
    Ok(found)
}

fn is_ours(name: &str) -> bool {
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    match name.split_once('-') {
        Some(("unfinished", id)) => is_id(id),
        Some((hash, id)) => is_hash(hash) && is_id(id),
        None => false,
    }
}
