//! What a REGISTER asks for (RFC 3261 §10.3, steps 1 and 2 and 6 and 7).

use super::binding::FlowId;
use crate::{Reject, Settings};
use parlor_room::Hosts;
use parlor_sip::{HeaderName, NameAddr, Request};
use std::time::Duration;

/// The extensions that a REGISTER may require.
pub(crate) const EXTENSIONS: [&str; 2] = ["path", "outbound"];
/// RFC 3261 §10.3 step 7: a binding for an hour or more is never too brief.
const HOUR: Duration = Duration::from_secs(3600);

/// What is to become of a user's bindings.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Nothing: they are only to be told.
    Fetch,
    /// All are to be removed.
    RemoveAll,
    /// These are to be added, refreshed or removed.
    Change(Vec<Wanted>),
}

/// One Contact of a REGISTER.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Without `expires`, and without a `reg-id` that does not count.
    pub(crate) contact: NameAddr,
    pub(crate) flow_id: Option<FlowId>,
    /// For how long; `None`: it is to be removed.
    pub(crate) expires: Option<Duration>,
}

/// What stands before the question who sends a REGISTER: that it is for our domain, and that we know what it requires.
///
/// # Errors
/// [`Reject::Forbidden`], [`Reject::Extension`], [`Reject::Header`]
pub fn admissible(request: &Request, hosts: &Hosts) -> Result<(), Reject> {
    let ours = request.uri.host().is_some_and(|host| hosts.contains(host));
    if !ours || !request.uri.is_sip() {
        return Err(Reject::Forbidden);
    }
    let required = request.headers.require()?.into_iter();
    let is_known = |option: &str| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(option));
    let unknown: Vec<Box<str>> = required.filter(|option| !is_known(option)).map(Box::from).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Reject::Extension(unknown)) }
}

/// The proxies that want to be on the way to the device (RFC 3327 §5.3).
pub(crate) fn path(request: &Request) -> Result<Box<[NameAddr]>, Reject> {
    let path = request.headers.path()?;
    if path.iter().any(|hop| !hop.uri.is_sip() || !hop.uri.has_param("lr")) {
        return Err(Reject::Contradiction("Path without lr"));
    }
    Ok(path.into())
}

impl Wish {
    /// # Errors
    /// [`Reject::Contradiction`], [`Reject::TooBrief`], [`Reject::FirstHop`], [`Reject::TooLarge`], [`Reject::Header`]
    pub(crate) fn read(request: &Request, path: &[NameAddr], settings: &Settings) -> Result<Self, Reject> {
        let headers = &request.headers;
        let fields = headers.all(&HeaderName::Contact).count();
        if headers.all(&HeaderName::Contact).any(|value| value.trim() == "*") {
            // SIP-130: alone, and with Expires: 0.
            return match (fields, headers.expires()) {
                (1, Some(0)) => Ok(Self::RemoveAll),
                (_, _) => Err(Reject::Contradiction("Contact: * not alone or without Expires: 0")),
            };
        }
        let contacts = headers.contacts()?;
        if contacts.is_empty() {
            return Ok(Self::Fetch);
        }
        let mut all: Vec<Wanted> = Vec::with_capacity(contacts.len().min(settings.limits.contacts));
        for contact in contacts {
            let wanted = Wanted::read(contact, request, path, settings)?;
            match all.iter_mut().find(|other| other.is_same_as(&wanted)) {
                Some(other) => *other = wanted,
                None => all.push(wanted),
            }
        }
        // RFC 5626 §6: one flow is one REGISTER.
        let flows = all.iter().filter(|wanted| wanted.flow_id.is_some() && wanted.expires.is_some()).count();
        if flows > 0 && all.len() > 1 {
            return Err(Reject::Contradiction("several Contacts with reg-id"));
        }
        Ok(Self::Change(all))
    }
}

impl Wanted {
    fn read(contact: NameAddr, request: &Request, path: &[NameAddr], settings: &Settings) -> Result<Self, Reject> {
        let default = u32::try_from(settings.default_expires.as_secs()).unwrap_or(u32::MAX);
        let seconds = contact.expires().or_else(|| request.headers.expires()).unwrap_or(default);
        let expires = granted(seconds, settings)?;
        let mut contact = contact;
        contact.params.remove("expires");
        // RFC 5626 §6: it counts from who says that it knows what it means.
        let flow_id = FlowId::of(&contact).filter(|_| request.headers.supports("outbound"));
        if flow_id.is_none() {
            contact.params.remove("reg-id");
        }
        if flow_id.is_some() && expires.is_some() && !first_hop_keeps_flows(request, path) {
            return Err(Reject::FirstHop);
        }
        let octets = contact.to_string().len() + path.iter().map(|hop| hop.to_string().len()).sum::<usize>();
        if octets > settings.limits.binding_bytes {
            return Err(Reject::TooLarge);
        }
        Ok(Self { contact, flow_id, expires })
    }

    fn is_same_as(&self, other: &Self) -> bool {
        match (&self.flow_id, &other.flow_id) {
            (None, None) => self.contact.uri.equivalent(&other.contact.uri),
            (own, wanted) => own == wanted,
        }
    }
}

/// SIP-130: for how long.
fn granted(seconds: u32, settings: &Settings) -> Result<Option<Duration>, Reject> {
    let wanted = Duration::from_secs(seconds.into());
    if wanted.is_zero() {
        return Ok(None);
    }
    if wanted < settings.min_expires && wanted < HOUR {
        return Err(Reject::TooBrief(u32::try_from(settings.min_expires.as_secs()).unwrap_or(u32::MAX)));
    }
    Ok(Some(wanted.min(settings.max_expires)))
}

/// RFC 5626 §6: we are the first hop ourselves, or the first that wants to be on the way says `ob`.
fn first_hop_keeps_flows(request: &Request, path: &[NameAddr]) -> bool {
    let hops = request.headers.via().map_or(0, |via| via.len());
    hops <= 1 || path.last().is_some_and(|first| first.uri.has_param("ob"))
}
