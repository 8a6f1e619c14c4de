//! Who calls (SIP-110).

use crate::{Limits, Reject};
use parlor_room::{Identity, is_anonymous, one_line};
use parlor_sip::{HeaderError, HeaderName, Method, NameAddr, Request, Response, Scheme, Uri};

/// What was established about who sends a request, before it reached the room (SIP-110).
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The account that it is proven to come from; without one, From is all there is.
    pub verified: Option<Account>,
    /// Whether it came through a proxy that is trusted: in dialogs that will do.
    pub through_trusted: bool,
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
    pub const UNVERIFIED: Self = Self { verified: None, through_trusted: false };

    /// One who is proven to be this account's user.
    pub fn verified(account: Account) -> Self {
        Self { verified: Some(account), through_trusted: false }
    }

    /// Whether a request of this caller may be in a dialog that this account began (SIP-125). What proves nothing comes from
    /// where the dialog was heard of last: its tags alone may have been seen by others.
    pub(crate) fn may_use_dialog_of(&self, account: Option<&Uri>, method: &Method, from_there: bool) -> bool {
        match (account, &self.verified) {
            (Some(own), Some(verified)) => own.same_user_and_host(&verified.aor),
            (Some(_), None) => self.through_trusted || (from_there && !must_be_proven(method)),
            (None, Some(_) | None) => true,
        }
    }
}

/// SIP-125: whether requests of this method are to prove who sends them, where anything is proven. Of the others that stand
/// in a dialog its tags are proof enough; outside of dialogs they change nothing.
pub fn must_be_proven(method: &Method) -> bool {
    match method {
        Method::Invite | Method::Subscribe | Method::Refer | Method::Message | Method::Register | Method::Publish => {
            true
        }
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Update
        | Method::Prack
        | Method::Info
        | Method::Notify
        | Method::Other(_) => false,
    }
}

/// Who sends a request: the account that was verified, else its From. One who asks for privacy, or whose From names nobody,
/// is anonymous (SIP-112).
///
/// # Errors
/// [`Reject::Header`] when From is no address, [`Reject::Privacy`] when more is to be hidden than we know of.
pub(crate) fn identify(request: &Request, caller: &Caller, limits: &Limits) -> Result<Identity, Reject> {
    let from = request.headers.from()?;
    let claimed = address_of_record(&from.uri).ok_or(HeaderError::Malformed(HeaderName::From))?;
    let pseudonym = is_anonymous(&claimed).then(|| claimed.clone());
    let Account { aor, aliases } =
        caller.verified.clone().unwrap_or_else(|| Account { aor: claimed, aliases: Box::default() });
    let identity = Identity::of(aor).with(display_name(&from, limits), aliases);
    let identity = if caller.verified.is_some() { identity.proven() } else { identity };
    // RFC 3323 §5: who insists on what cannot be had is told so.
    let insists = request.headers.privacy().iter().any(|value| value.eq_ignore_ascii_case("critical"));
    if insists && !request.headers.privacy().iter().all(|value| is_known_privacy(value)) {
        return Err(Reject::Privacy);
    }
    let hides = pseudonym.is_some() || request.headers.privacy().iter().any(|value| hides_who_calls(value));
    Ok(if hides { identity.hidden(pseudonym) } else { identity })
}

/// SIP-112: `id` and `user`; the others are about headers and bodies.
fn hides_who_calls(privacy: &str) -> bool {
    privacy.eq_ignore_ascii_case("id") || privacy.eq_ignore_ascii_case("user")
}

/// SIP-112: whether participants are not to see where a request comes from.
pub(crate) fn hides_address(request: &Request) -> bool {
    let hides = |value: &&str| value.eq_ignore_ascii_case("header") || value.eq_ignore_ascii_case("session");
    request.headers.privacy().iter().any(hides)
}

/// Whether who answers a call of ours is to be anonymous (SIP-112).
pub(crate) fn hides(answer: &Response) -> bool {
    answer.headers.privacy().iter().any(|value| hides_who_calls(value))
}

/// SIP-112. Participants do not see each other's SIP headers, so that most of it is given anyhow.
fn is_known_privacy(value: &str) -> bool {
    let known = ["header", "session", "user", "none", "critical", "id", "history"];
    known.iter().any(|own| own.eq_ignore_ascii_case(value))
}

/// Who somebody is whom we call: the URI that is called.
///
/// # Errors
/// [`Reject::Scheme`] when it is nobody's address.
pub(crate) fn of_callee(callee: &NameAddr, limits: &Limits) -> Result<Identity, Reject> {
    let aor = address_of_record(&callee.uri).ok_or(Reject::Scheme)?;
    Ok(Identity::of(aor).with(display_name(callee, limits), Box::default()))
}

/// The longest address of somebody, in octets: it stands in the roster for each of its devices.
const LONGEST_ADDRESS: usize = 255;

/// The address without what belongs to the device: port, parameters, headers, password.
fn address_of_record(uri: &Uri) -> Option<Uri> {
    let (user, host) = (uri.user_decoded(), uri.host());
    let address = match (uri.scheme(), host) {
        (Scheme::Sip, Some(host)) => Uri::sip(user.as_deref(), host, None).ok(),
        (Scheme::Sips, Some(host)) => Uri::sips(user.as_deref(), host, None).ok(),
        (Scheme::Tel | Scheme::Im | Scheme::Pres, Some(_) | None) => Some(uri.clone()),
        (Scheme::Sip | Scheme::Sips, None) | (Scheme::Other(_), Some(_) | None) => None,
    };
    address.filter(|address| address.to_string().len() <= LONGEST_ADDRESS)
}

/// The display name as one line, cut to what is kept.
fn display_name(from: &NameAddr, limits: &Limits) -> Option<Box<str>> {
    let mut name = one_line(from.display.as_deref()?, limits.display_bytes);
    name.truncate(name.floor_char_boundary(limits.display_bytes));
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.into())
}
