//! Who calls (SIP-110).

use crate::{Limits, Reject};
use parlor_room::{Identity, Room};
use parlor_sip::{HeaderError, HeaderName, NameAddr, Request, Scheme, Uri};

/// What was established about who sends a request, before it reached the room (SIP-110).
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The account that it is proven to come from; without one, From is all there is.
    pub verified: Option<Account>,
}

/// An account of this server, or one that a trusted proxy vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The address of record.
    pub aor: Uri,
    /// Further URIs that are this user's own: tel, im and other aliases (CHAT-22).
    pub aliases: Box<[Uri]>,
}

impl Caller {
    /// Somebody who has proven nothing.
    pub const UNVERIFIED: Self = Self { verified: None };

    /// Whether a request of this caller may be in a dialog that this account began. Who is not verified here may send
    /// what is not challenged in dialogs: the tags of the dialog are what it proves (SIP-125).
    pub(crate) fn may_use_dialog_of(&self, account: Option<&Uri>) -> bool {
        match (account, &self.verified) {
            (Some(own), Some(verified)) => own.same_user_and_host(&verified.aor),
            (None, Some(_)) | (_, None) => true,
        }
    }
}

/// Who sends a request: the account that was verified, else its From.
///
/// # Errors
/// [`Reject::Header`] when From names nobody; [`Reject::Anonymous`] when it is anonymous and such a
/// caller is in the room, as messages of the two could not be told apart.
pub(crate) fn identify(request: &Request, caller: &Caller, room: &Room, limits: &Limits) -> Result<Identity, Reject> {
    let from = request.headers.from()?;
    let display = display_name(&from, limits);
    if let Some(Account { aor, aliases }) = caller.verified.clone() {
        return Ok(Identity { aor, display, aliases });
    }
    let aor = address_of_record(&from)?;
    if is_anonymous(&aor) && room.participants().any(|(_, known)| known.identity().owns(&aor)) {
        return Err(Reject::Anonymous);
    }
    Ok(Identity { aor, display, aliases: Box::default() })
}

/// The address without what belongs to the device: port, parameters, headers, password.
fn address_of_record(from: &NameAddr) -> Result<Uri, Reject> {
    let malformed = || Reject::Header(HeaderError::Malformed(HeaderName::From));
    let uri = &from.uri;
    let (user, host) = (uri.user_decoded(), uri.host());
    match (uri.scheme(), host) {
        (Scheme::Sip, Some(host)) => Uri::sip(user.as_deref(), host, None).map_err(|_| malformed()),
        (Scheme::Sips, Some(host)) => Uri::sips(user.as_deref(), host, None).map_err(|_| malformed()),
        (Scheme::Tel | Scheme::Im | Scheme::Pres, Some(_) | None) => Ok(uri.clone()),
        (Scheme::Sip | Scheme::Sips, None) | (Scheme::Other(_), Some(_) | None) => Err(malformed()),
    }
}

/// SIP-112: any host under `.invalid` is nobody's.
fn is_anonymous(aor: &Uri) -> bool {
    let host = aor.host().unwrap_or("").to_ascii_lowercase();
    host == "invalid" || host.ends_with(".invalid")
}

/// The display name without control characters, cut to what is kept.
fn display_name(from: &NameAddr, limits: &Limits) -> Option<Box<str>> {
    let mut name: String = from.display.as_deref()?.chars().filter(|c| !c.is_control()).collect();
    let end = (0..=name.len().min(limits.display_bytes)).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or(0));
    let name = name.trim();
    (!name.is_empty()).then(|| name.into())
}
