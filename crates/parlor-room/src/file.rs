//! A file that somebody left in a room, and how files are selected (RFC 5547 §5).

use crate::plain::reorders;
use std::fmt::Write as _;
use std::time::Instant;

/// The longest name that is kept, in octets.
const LONGEST_NAME: usize = 255;

/// Names one file of one room; never used again there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// What is known of a file's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileHashes {
    /// SHA-1, the one that RFC 5547 knows.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
}

impl FileHashes {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.sha1.is_none() && self.sha256.is_none()
    }

    /// Whether whatever is wanted is known and the same.
    pub fn meet(&self, wanted: &Self) -> bool {
        wanted.sha1.is_none_or(|hash| self.sha1 == Some(hash))
            && wanted.sha256.is_none_or(|hash| self.sha256 == Some(hash))
    }
}

/// What somebody says of a file to send it or to ask for it; what is not said is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSelector {
    /// Its name.
    pub name: Option<Box<str>>,
    /// Its media type, perhaps with parameters.
    pub kind: Option<Box<str>>,
    /// Its octets.
    pub size: Option<u64>,
    /// Its content.
    pub hashes: FileHashes,
}

impl FileSelector {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a file is what this says.
    ///
    /// The type does not count beside a hash: who fetches a file by what the roster says of it guesses the type from the
    /// name (Blink), and the content is known already.
    pub fn selects(&self, file: &SharedFile) -> bool {
        let kind = self.kind.as_deref().filter(|_| self.hashes.is_empty());
        self.name.as_ref().is_none_or(|name| *name == file.name)
            && kind.is_none_or(|kind| essence(kind).eq_ignore_ascii_case(essence(&file.kind)))
            && self.size.is_none_or(|size| file.size == Some(size))
            && file.hashes.meet(&self.hashes)
    }
}

/// A media type without its parameters.
pub fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or(kind).trim_end()
}

/// A media type as it can be shown and written wherever one stands: its parameters quoted, without those whose values cannot be.
/// `None` if what was said is none.
pub fn plain_kind(said: &str) -> Option<Box<str>> {
    let kind: mime::Mime = said.parse().ok()?;
    let mut plain = kind.essence_str().to_owned();
    let quotable = |value: &str| value.bytes().all(|octet| matches!(octet, b' '..=b'~') && !b"\"\\%".contains(&octet));
    for (name, value) in kind.params().filter(|(_, value)| quotable(value.as_str())) {
        let _ = write!(plain, ";{name}=\"{value}\"");
    }
    Some(plain.into())
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is still arriving; size and hashes are what its sender says.
    Arriving,
    /// All of it is there.
    Complete,
}

/// A file that somebody left in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// Its name, without any directory.
    pub name: Box<str>,
    /// Its media type, perhaps with parameters.
    pub kind: Box<str>,
    /// Its octets, if they are known.
    pub size: Option<u64>,
    /// Its content, as far as it is known.
    pub hashes: FileHashes,
    /// Who left it: the URI by which the room knew that participant then.
    pub sender: Box<str>,
    /// Who left it, by name.
    pub sender_name: Option<Box<str>>,
    /// How far it has come.
    pub state: FileState,
    /// Until when it stays.
    pub expires: Option<Instant>,
}

/// The last part of a file's name as its sender wrote it, without what could mean more than a name to a file system or a
/// terminal; `file` if nothing of it is left.
pub fn plain_file_name(said: &str) -> Box<str> {
    let last = said.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = |c: char| if c.is_control() || c == '"' || reorders(c) { '_' } else { c };
    let cleaned: String = last.chars().map(harmless).collect();
    let trimmed = cleaned.trim();
    let cut = trimmed[..trimmed.floor_char_boundary(LONGEST_NAME)].trim_end();
    if cut.chars().all(|c| c == '.') { "file".into() } else { cut.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> SharedFile {
        SharedFile {
            name: "test.bin".into(),
            kind: "application/octet-stream".into(),
            size: Some(3000),
            hashes: FileHashes { sha1: Some([1; 20]), sha256: None },
            sender: "sip:alice@example.org".into(),
            sender_name: None,
            state: FileState::Complete,
            expires: None,
        }
    }

    /// RFC 5547 §5: every selector that is there counts, but the type beside a hash.
    #[test]
    fn all_selectors_count() {
        let all = FileSelector {
            name: Some("test.bin".into()),
            kind: Some("Application/Octet-Stream".into()),
            size: Some(3000),
            hashes: FileHashes { sha1: Some([1; 20]), sha256: None },
        };
        assert!(all.selects(&file()) && FileSelector::default().selects(&file()));
        let by_hash = |selector: FileSelector| FileSelector { hashes: all.hashes, ..selector };
        let others = [
            FileSelector { name: Some("other.bin".into()), ..all.clone() },
            FileSelector { size: Some(3001), ..all.clone() },
            FileSelector { kind: Some("text/plain".into()), ..FileSelector::default() },
            FileSelector { hashes: FileHashes { sha1: Some([2; 20]), sha256: None }, ..all.clone() },
            FileSelector { hashes: FileHashes { sha1: Some([1; 20]), sha256: Some([1; 32]) }, ..all.clone() },
        ];
        for other in others {
            assert!(!other.selects(&file()), "{other:?}");
        }
        let guessed = by_hash(FileSelector { kind: Some("text/plain".into()), ..FileSelector::default() });
        assert!(guessed.selects(&file()));
    }

    #[test]
    fn a_type_is_no_more_than_a_type() {
        for (said, plain) in [
            ("text/plain", Some("text/plain")),
            ("Text/Plain; charset=utf-8", Some("text/plain;charset=\"utf-8\"")),
            ("text/plain; a=\"\u{1b}[2J\"", None),
            ("text/plain; a=\"b%\"", Some("text/plain")),
            ("a/b size:1 hash:sha-1:00", None),
            ("a/b\rc", None),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(plain_kind(said).as_deref(), plain, "{said:?}");
        }
    }

    #[test]
    fn a_name_is_no_more_than_a_name() {
        for (said, plain) in [
            ("test.bin", "test.bin"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("..", "file"),
            ("", "file"),
            ("dir/", "file"),
            ("a\r\nb\"c", "a__b_c"),
            ("gpj.\u{202e}exe", "gpj._exe"),
            (" r\u{e9}sum\u{e9}.txt ", "r\u{e9}sum\u{e9}.txt"),
        ] {
            assert_eq!(&*plain_file_name(said), plain, "{said:?}");
        }
        assert_eq!(plain_file_name(&"\u{e9}".repeat(200)).len(), 254);
    }
}
