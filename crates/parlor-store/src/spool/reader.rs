//! Reading a file, also while it is arriving.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::content::{Content, Progress};
use super::{Shared, SpoolError};

/// Reads one file from its beginning.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    source: Source,
    offset: u64,
}

#[derive(Debug)]
enum Source {
    /// Not opened yet.
    At(PathBuf, u64),
    /// All of it is there.
    Whole(Arc<File>, u64),
    Arriving(Arc<File>, watch::Receiver<Progress>),
}

/// The next octets of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The octets, at least one.
    pub octets: Bytes,
    /// Whether they are the last.
    pub is_last: bool,
}

impl Reader {
    pub(super) fn of_kept(shared: Arc<Shared>, path: PathBuf, size: u64) -> Self {
        Self { shared, source: Source::At(path, size), offset: 0 }
    }

    pub(super) fn of_arriving(shared: Arc<Shared>, content: &Content) -> Self {
        let source = Source::Arriving(Arc::clone(&content.file), content.progress.clone());
        Self { shared, source, offset: 0 }
    }

    /// Reads the next `most` octets, or what is left. Of a file that is arriving something is held back until all of it has come
    /// and is what it should be: nobody gets the end of a wrong file.
    ///
    /// # Errors
    /// [`SpoolError::Gone`] or [`SpoolError::Disk`]
    pub async fn next(&mut self, most: usize) -> Result<Piece, SpoolError> {
        let wanted = most.max(1) as u64;
        let file = self.ready(wanted).await?;
        let (offset, size) = match &self.source {
            Source::Whole(_, size) => (self.offset, Some(*size)),
            Source::At(..) | Source::Arriving(..) => (self.offset, None),
        };
        let left = size.map_or(wanted, |size| size.saturating_sub(offset));
        let length = left.min(wanted);
        if length == 0 {
            return Err(SpoolError::Gone);
        }
        let read = self.shared.pool.run(move || read_at(&file, offset, length));
        let octets = read.await.ok_or(SpoolError::Gone)??;
        self.offset += length;
        Ok(Piece { octets, is_last: size == Some(self.offset) })
    }

    /// Waits until so many octets can be read, or all that are left.
    async fn ready(&mut self, wanted: u64) -> Result<Arc<File>, SpoolError> {
        loop {
            match &mut self.source {
                Source::Whole(file, _) => return Ok(Arc::clone(file)),
                Source::At(path, size) => {
                    let (path, size) = (path.clone(), *size);
                    let file = self.shared.pool.run(move || File::open(path)).await.ok_or(SpoolError::Gone)?;
                    self.source = Source::Whole(Arc::new(file.map_err(gone)?), size);
                }
                Source::Arriving(file, progress) => {
                    let least = self.offset + wanted;
                    let settled = progress.wait_for(|now| match now {
                        Progress::Arriving(octets) => *octets > least,
                        Progress::Complete(_) | Progress::Failed => true,
                    });
                    let settled = settled.await.map_or(Progress::Failed, |now| *now);
                    match settled {
                        Progress::Arriving(_) => return Ok(Arc::clone(file)),
                        Progress::Complete(size) => self.source = Source::Whole(Arc::clone(file), size),
                        Progress::Failed => return Err(SpoolError::Gone),
                    }
                }
            }
        }
    }
}

fn gone(error: io::Error) -> SpoolError {
    if error.kind() == io::ErrorKind::NotFound { SpoolError::Gone } else { SpoolError::Disk(error) }
}

fn read_at(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let mut octets = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut octets, offset)?;
    Ok(Bytes::from(octets))
}
