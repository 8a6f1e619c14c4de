//! To-Path and From-Path: the URIs a request passes, nearest first (RFC 4975 §7.1.1).

use std::fmt;

use bytestring::ByteString;

use crate::uri::{Uri, UriError};

/// A list of URIs, never empty.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    // Nearly every path is a single URI: no allocation for those.
    first: Uri,
    rest: Vec<Uri>,
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is no URI in it.
    #[error("empty path")]
    Empty,
    /// There are more URIs than allowed.
    #[error("more than {0} URIs")]
    TooMany(usize),
    /// One of the URIs is wrong.
    #[error("{0}")]
    Uri(#[from] UriError),
}

impl Path {
    /// The most URIs that [`Path::parse`] accepts.
    pub const MAX_URIS: usize = 16;

    /// Reads URIs separated by spaces.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::from_text(&ByteString::from(text), Self::MAX_URIS)
    }

    /// Reads URIs separated by spaces, as slices of the text given.
    pub(crate) fn from_text(text: &ByteString, max_uris: usize) -> Result<Self, PathError> {
        let mut uris = text.split(' ').filter(|uri| !uri.is_empty()).map(|uri| Uri::from_text(text.slice_ref(uri)));
        let first = uris.next().ok_or(PathError::Empty)??;
        let mut rest = Vec::new();
        for uri in uris {
            if rest.len() + 1 >= max_uris {
                return Err(PathError::TooMany(max_uris));
            }
            rest.push(uri?);
        }
        Ok(Self { first, rest })
    }

    /// The nearest hop: where to connect, and whom to answer.
    pub fn first(&self) -> &Uri {
        &self.first
    }

    /// The far end: whose session it is.
    pub fn last(&self) -> &Uri {
        self.rest.last().unwrap_or(&self.first)
    }

    /// All URIs, nearest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Uri> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// How many URIs there are, at least one.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// Whether both have the same URIs in the same order, compared by [`Uri::matches`].
    pub fn matches(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(one, other)| one.matches(other))
    }

    /// The same path in memory of its own, see [`Uri::detach`].
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { first: self.first.detach(), rest: self.rest.iter().map(Uri::detach).collect() }
    }
}

impl From<Uri> for Path {
    fn from(uri: Uri) -> Self {
        Self { first: uri, rest: Vec::new() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.first.as_str())?;
        for uri in &self.rest {
            f.write_str(" ")?;
            f.write_str(uri.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "msrps://relay.example.com:2855/r1;tcp";
    const ALICE: &str = "msrp://alice.example.com:7777/a1;tcp";

    #[test]
    fn several_uris_keep_their_order_msrp_112() {
        let path = Path::parse(&format!("{RELAY}  {ALICE} ")).expect("two");
        assert_eq!(path.len(), 2);
        assert_eq!(path.first().as_str(), RELAY);
        assert_eq!(path.last().as_str(), ALICE);
        assert_eq!(path.to_string(), format!("{RELAY} {ALICE}"));
        assert!(!path.matches(&Path::from(Uri::parse(RELAY).expect("uri"))));
    }

    #[test]
    fn too_many_uris_are_refused() {
        let text = [RELAY; 17].join(" ");
        assert_eq!(Path::parse(&text), Err(PathError::TooMany(16)));
        assert_eq!(Path::parse(" "), Err(PathError::Empty));
        assert!(Path::parse(&[RELAY; 16].join(" ")).is_ok());
    }

    #[test]
    fn detached_path_is_equal() {
        let path = Path::parse(&format!("{RELAY} {ALICE}")).expect("two");
        assert_eq!(path.detach(), path);
    }
}
