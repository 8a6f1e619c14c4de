use crate::header::{HeaderError, Replaces};
use crate::message::{Request, Response};

/// What identifies a dialog on our side (RFC 3261 §12).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: Box<str>,
    /// Our tag.
    pub local_tag: Box<str>,
    /// The peer's tag; empty for a peer of RFC 2543.
    pub remote_tag: Box<str>,
}

impl DialogId {
    /// The dialog that a received request is in; `None` if it is outside of any.
    pub fn of_request(request: &Request) -> Result<Option<Self>, HeaderError> {
        let Some(local_tag) = request.headers.to_tag()? else { return Ok(None) };
        Ok(Some(Self {
            call_id: request.headers.call_id()?.into(),
            local_tag,
            remote_tag: request.headers.from_tag()?.unwrap_or_default(),
        }))
    }

    /// The dialog that a received response is in; `None` if it names no tag of the peer.
    pub fn of_response(response: &Response) -> Result<Option<Self>, HeaderError> {
        let Some(remote_tag) = response.headers.to_tag()? else { return Ok(None) };
        Ok(Some(Self {
            call_id: response.headers.call_id()?.into(),
            local_tag: response.headers.from_tag()?.unwrap_or_default(),
            remote_tag,
        }))
    }
}

impl From<Replaces> for DialogId {
    /// RFC 3891 §3: to-tag is compared with our tag, from-tag with the peer's.
    fn from(replaces: Replaces) -> Self {
        Self { call_id: replaces.call_id, local_tag: replaces.to_tag, remote_tag: replaces.from_tag }
    }
}
