//! A file that is arriving.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio::sync::watch;

use super::content::{Content, Progress};
use super::{Full, Shared, SpoolError};
use crate::KeptFile;

/// Whose file is to arrive, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// The room that it is left in.
    pub room: String,
    /// The user that it counts for.
    pub account: String,
    /// Its octets, if they are known; no more than these are taken.
    pub size: Option<u64>,
}

/// What a file has to be; what is not known counts as met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// SHA-1.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
}

impl Expected {
    fn is_met_by(&self, file: &KeptFile) -> bool {
        self.sha1.is_none_or(|hash| hash == file.sha1) && self.sha256.is_none_or(|hash| hash == file.sha256)
    }
}

/// A file that is arriving. It is gone with all that was written of it if this is dropped.
#[derive(Debug)]
pub struct Incoming {
    shared: Arc<Shared>,
    id: u64,
    file: NewFile,
    /// So many octets count in the index.
    counted: u64,
    /// Octets that were written.
    octets: u64,
    progress: watch::Sender<Progress>,
    /// `None` until the first octets come, and while a thread has it.
    sink: Option<Sink>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Arriving,
    /// The store knows of it, or is about to.
    Noted,
    Kept,
}

/// Where the octets go; removed when dropped, unless it is to be kept.
struct Sink {
    file: Arc<File>,
    path: PathBuf,
    sha1: Sha1,
    sha256: Sha256,
    is_kept: bool,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Sink {
    fn new(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file: Arc::new(file), path, sha1: Sha1::new(), sha256: Sha256::new(), is_kept: false })
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(octets)?;
        self.sha1.update(octets);
        self.sha256.update(octets);
        Ok(())
    }

    /// Puts the whole file where it stays, so that it is there after a crash: first its octets, then its name.
    fn settle(&mut self, directory: &Path, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        let last = directory.join(name);
        fs::rename(&self.path, &last)?;
        self.path = last;
        File::open(directory)?.sync_all()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if !self.is_kept {
            // What stays behind is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Incoming {
    pub(super) fn new(shared: Arc<Shared>, id: u64, file: NewFile) -> Self {
        let (progress, _) = watch::channel(Progress::Arriving(0));
        let counted = file.size.unwrap_or(0);
        Self { shared, id, file, counted, octets: 0, progress, sink: None, stage: Stage::Arriving }
    }

    /// Octets that were written.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// For those who want to read it meanwhile; nothing can be read before something was written.
    pub fn content(&self) -> Option<Content> {
        let file = Arc::clone(&self.sink.as_ref()?.file);
        Some(Content { file, progress: self.progress.subscribe() })
    }

    /// Writes the next octets. After an error nothing more can be written.
    ///
    /// # Errors
    /// A [`SpoolError`]
    pub async fn write(&mut self, octets: Bytes) -> Result<(), SpoolError> {
        let after = self.octets + octets.len() as u64;
        if self.file.size.is_some_and(|size| after > size) {
            return Err(SpoolError::Size);
        }
        if after > self.counted {
            self.grow(after - self.counted)?;
        }
        let sink = match (self.sink.take(), self.octets) {
            (Some(sink), _) => Some(sink),
            (None, 0) => None,
            (None, _) => return Err(SpoolError::Gone),
        };
        let path = self.shared.directory.join(format!("unfinished-{}", self.id));
        let written = self.shared.pool.run(move || {
            let mut sink = sink.map_or_else(|| Sink::new(path), Ok)?;
            sink.write(&octets).map(|()| sink)
        });
        self.sink = Some(written.await.ok_or(SpoolError::Gone)??);
        self.octets = after;
        self.progress.send_replace(Progress::Arriving(after));
        Ok(())
    }

    fn grow(&mut self, octets: u64) -> Result<(), Full> {
        self.shared.index().grow(&self.file, self.counted, octets, &self.shared.limits)?;
        self.counted += octets;
        Ok(())
    }

    /// All octets were written: from now on the file is kept, if it is what it should be. `about` is what else is known of it; its
    /// id, room, account, size and hashes are seen to here.
    ///
    /// # Errors
    /// A [`SpoolError`]; the file is gone then.
    pub async fn finish(mut self, expected: Expected, about: KeptFile) -> Result<Arc<KeptFile>, SpoolError> {
        if self.octets == 0 {
            return Err(SpoolError::Empty);
        }
        if self.file.size.is_some_and(|size| size != self.octets) {
            return Err(SpoolError::Size);
        }
        let mut sink = self.sink.take().ok_or(SpoolError::Gone)?;
        let kept = Arc::new(KeptFile {
            id: self.id,
            room: self.file.room.clone(),
            account: self.file.account.clone(),
            size: self.octets,
            sha1: sink.sha1.clone().finalize().into(),
            sha256: sink.sha256.clone().finalize().into(),
            ..about
        });
        if !expected.is_met_by(&kept) {
            self.sink = Some(sink);
            return Err(SpoolError::Hash);
        }
        let (directory, name) = (self.shared.directory.clone(), kept.on_disk());
        let settled = self.shared.pool.run(move || sink.settle(&directory, &name).map(|()| sink));
        self.sink = Some(settled.await.ok_or(SpoolError::Gone)??);
        self.stage = Stage::Noted;
        self.shared.store.add_file(KeptFile::clone(&kept)).await?;
        self.shared.index().keep(&self.file, self.counted, Arc::clone(&kept));
        self.stage = Stage::Kept;
        self.progress.send_replace(Progress::Complete(self.octets));
        Ok(kept)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut sink = self.sink.take();
        if let (Stage::Kept, Some(sink)) = (self.stage, &mut sink) {
            sink.is_kept = true;
            return;
        }
        self.progress.send_replace(Progress::Failed);
        self.shared.index().give_up(&self.file, self.counted);
        if self.stage == Stage::Noted {
            drop(self.shared.store.remove_files(vec![self.id]));
        }
        self.shared.pool.do_later(move || drop(sink));
    }
}
