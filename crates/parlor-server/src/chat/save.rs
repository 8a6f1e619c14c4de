//! Files that others send, saved.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parlor_client::{Header, MessageId, safe_file_name};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use super::content_type;
use super::screen::Screen;

/// Saves the content of messages in a directory. No file that is there is written to.
pub(super) struct Saver {
    directory: PathBuf,
    screen: Arc<Screen>,
    open: BTreeMap<MessageId, Saving>,
}

/// A file that is being written.
struct Saving {
    path: PathBuf,
    file: File,
}

impl Saver {
    pub(super) fn new(directory: PathBuf, screen: Arc<Screen>) -> Self {
        Self { directory, screen, open: BTreeMap::new() }
    }

    /// A message begins.
    pub(super) async fn begin(&mut self, id: MessageId, header: &Header) {
        let name = header.file_name.as_deref().and_then(safe_file_name);
        let name = name.unwrap_or_else(|| format!("{}.{}", id.as_str(), content_type::ending(&header.essence())));
        match create(&self.directory, &name).await {
            Ok(saving) => drop(self.open.insert(id, saving)),
            Err(error) => self.screen.problem(&format!("{name} is not saved: {error}")),
        }
    }

    /// Its next octets.
    pub(super) async fn write(&mut self, id: MessageId, octets: &[u8]) {
        let Some(saving) = self.open.get_mut(&id) else { return };
        if let Err(error) = saving.file.write_all(octets).await {
            self.screen.problem(&format!("{} is not saved: {error}", saving.path.display()));
            self.discard(id).await;
        }
    }

    /// It is over.
    pub(super) async fn end(&mut self, id: MessageId, complete: bool) {
        let Some(saving) = self.open.get_mut(&id) else { return };
        let path = saving.path.display().to_string();
        let flushed = saving.file.flush().await;
        match flushed {
            Ok(()) if complete => {
                self.open.remove(&id);
                self.screen.notice(&format!("saved as {path}"));
            }
            Ok(()) => {
                self.screen.notice(&format!("{path} did not come to its end and is not saved"));
                self.discard(id).await;
            }
            Err(error) => {
                self.screen.problem(&format!("{path} is not saved: {error}"));
                self.discard(id).await;
            }
        }
    }

    /// Nothing more comes.
    pub(super) async fn give_up(&mut self) {
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(id, false).await;
        }
    }

    async fn discard(&mut self, id: MessageId) {
        if let Some(saving) = self.open.remove(&id) {
            // A part of a file that stays is a nuisance and no more.
            let _ = fs::remove_file(&saving.path).await;
        }
    }
}

/// A new file of that name, or of a similar one if there is such a file already.
async fn create(directory: &Path, name: &str) -> io::Result<Saving> {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
        Some(_) | None => (name, String::new()),
    };
    let mut path = directory.join(name);
    for number in 1..SIMILAR_NAMES {
        // Refuses files that are there, links among them.
        match File::create_new(&path).await {
            Ok(file) => return Ok(Saving { path, file }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = directory.join(format!("{stem} ({number}){ending}"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// How many are tried.
const SIMILAR_NAMES: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A second file of one name stands beside the first.
    #[tokio::test]
    async fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let mut names = Vec::new();
        for name in ["a.txt", "a.txt", "a.txt", "b", "b"] {
            names.push(create(directory.path(), name).await.unwrap().path);
        }
        let expected = ["a.txt", "a (1).txt", "a (2).txt", "b", "b (1)"].map(|name| directory.path().join(name));
        assert_eq!(names, expected);
    }
}
