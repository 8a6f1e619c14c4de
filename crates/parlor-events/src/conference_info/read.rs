//! Reading documents: what is missing is absent, what is not known is skipped (EVT-E3).

use super::{
    AvailableMedia, ConferenceInfo, ConferenceState, Description, DisconnectionMethod, Endpoint, EndpointStatus,
    Execution, File, HostInfo, JoiningMethod, Media, MediaStatus, Sidebars, State, UriEntry, User, Users,
};
use crate::tree::{Element, Namespace};
use crate::{Limits, XmlError};

impl ConferenceInfo {
    /// Reads a document.
    ///
    /// # Errors
    /// An [`XmlError`] when it is none, or a user has no entity.
    pub fn read(xml: impl AsRef<[u8]>, limits: &Limits) -> Result<Self, XmlError> {
        let root = Element::root(xml.as_ref(), Namespace::ConferenceInfo, "conference-info", limits)?;
        Ok(Self {
            entity: root.plain_attribute("entity").ok_or(XmlError::Incomplete)?.trim().to_owned(),
            state: state(&root),
            version: root.plain_attribute("version").and_then(|version| version.trim().parse().ok()),
            description: root.child("conference-description").map(Description::from),
            host: root.child("host-info").map(HostInfo::from),
            conference_state: root.child("conference-state").map(ConferenceState::from),
            users: root.child("users").map(Users::try_from).transpose()?,
            sidebars: root.child("sidebars-by-ref").map(Sidebars::from),
        })
    }
}

/// How many endpoints a user may have, and how many entries a list: more are not looked at, as each is compared with those
/// known.
const MOST: usize = 1000;
/// How many media an endpoint may have.
const MOST_MEDIA: usize = 16;

/// EVT-41: the default is full.
fn state(element: &Element) -> State {
    element.plain_attribute("state").and_then(State::named).unwrap_or(State::Full)
}

fn text(element: &Element, name: &str) -> Option<String> {
    element.child_text(name).map(str::to_owned)
}

fn words(element: &Element, name: &str) -> Vec<String> {
    element.child_text(name).map(|text| text.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

fn entries<'a, T: From<&'a Element>>(element: &'a Element, name: &str) -> Vec<T> {
    element.child(name).map(|list| list.children_named("entry").take(MOST).map(T::from).collect()).unwrap_or_default()
}

fn boolean(element: &Element, name: &str) -> Option<bool> {
    match element.child_text(name)? {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn number(element: &Element, name: &str) -> Option<u32> {
    element.child_text(name)?.parse().ok()
}

impl From<&Element> for Description {
    fn from(element: &Element) -> Self {
        let resources = element.children.iter().find(|child| is_extension(child, "resources"));
        let files = resources.and_then(|resources| resources.child("files"));
        Self {
            display_text: text(element, "display-text"),
            subject: text(element, "subject"),
            free_text: text(element, "free-text"),
            keywords: words(element, "keywords"),
            conf_uris: entries(element, "conf-uris"),
            service_uris: entries(element, "service-uris"),
            maximum_user_count: number(element, "maximum-user-count"),
            available_media: entries(element, "available-media"),
            files: files.map(|files| files.children_named("file").map(File::from).collect()),
        }
    }
}

fn is_extension(element: &Element, name: &str) -> bool {
    element.namespace == Namespace::AgConference && *element.name == *name
}

impl From<&Element> for File {
    fn from(element: &Element) -> Self {
        let value = |name| element.plain_attribute(name).unwrap_or_default().to_owned();
        Self {
            name: value("name"),
            hash: value("hash"),
            size: value("size").parse().unwrap_or(0),
            sender: value("sender"),
            status: value("status"),
        }
    }
}

impl From<&Element> for UriEntry {
    fn from(element: &Element) -> Self {
        Self {
            uri: text(element, "uri").unwrap_or_default(),
            display_text: text(element, "display-text"),
            purpose: text(element, "purpose"),
            modified: element.child("modified").map(Execution::from),
        }
    }
}

impl From<&Element> for AvailableMedia {
    fn from(element: &Element) -> Self {
        Self {
            label: element.plain_attribute("label").unwrap_or_default().to_owned(),
            display_text: text(element, "display-text"),
            media_type: text(element, "type").unwrap_or_default(),
            status: element.child_text("status").and_then(MediaStatus::named),
        }
    }
}

impl From<&Element> for HostInfo {
    fn from(element: &Element) -> Self {
        Self {
            display_text: text(element, "display-text"),
            web_page: text(element, "web-page"),
            uris: entries(element, "uris"),
        }
    }
}

impl From<&Element> for ConferenceState {
    fn from(element: &Element) -> Self {
        Self {
            user_count: number(element, "user-count"),
            active: boolean(element, "active"),
            locked: boolean(element, "locked"),
        }
    }
}

impl TryFrom<&Element> for Users {
    type Error = XmlError;

    fn try_from(element: &Element) -> Result<Self, XmlError> {
        let list = element.children_named("user").map(User::try_from).collect::<Result<_, _>>()?;
        Ok(Self { state: state(element), list })
    }
}

impl TryFrom<&Element> for User {
    type Error = XmlError;

    fn try_from(element: &Element) -> Result<Self, XmlError> {
        let roles = element.child("roles").map(|roles| roles.children_named("entry"));
        let endpoints = element.children_named("endpoint").take(MOST).map(Endpoint::try_from);
        Ok(Self {
            entity: entity(element)?,
            state: state(element),
            nickname: element.attribute(Namespace::Xcon, "nickname").map(str::to_owned),
            display_text: text(element, "display-text"),
            associated_aors: entries(element, "associated-aors"),
            roles: roles.map(|entries| entries.map(|entry| entry.text().to_owned()).collect()).unwrap_or_default(),
            languages: words(element, "languages"),
            cascaded_focus: text(element, "cascaded-focus"),
            endpoints: endpoints.collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<&Element> for Endpoint {
    type Error = XmlError;

    fn try_from(element: &Element) -> Result<Self, XmlError> {
        Ok(Self {
            entity: entity(element)?,
            state: state(element),
            display_text: text(element, "display-text"),
            referred: element.child("referred").map(Execution::from),
            status: element.child_text("status").and_then(EndpointStatus::named),
            joining_method: element.child_text("joining-method").and_then(JoiningMethod::named),
            joining_info: element.child("joining-info").map(Execution::from),
            disconnection_method: element.child_text("disconnection-method").and_then(DisconnectionMethod::named),
            disconnection_info: element.child("disconnection-info").map(Execution::from),
            media: element.children_named("media").take(MOST_MEDIA).map(Media::from).collect(),
        })
    }
}

impl From<&Element> for Media {
    fn from(element: &Element) -> Self {
        Self {
            id: element.plain_attribute("id").unwrap_or_default().to_owned(),
            display_text: text(element, "display-text"),
            media_type: text(element, "type"),
            label: text(element, "label"),
            src_id: text(element, "src-id"),
            status: element.child_text("status").and_then(MediaStatus::named),
        }
    }
}

impl From<&Element> for Execution {
    fn from(element: &Element) -> Self {
        Self { when: text(element, "when"), reason: text(element, "reason"), by: text(element, "by") }
    }
}

impl From<&Element> for Sidebars {
    fn from(element: &Element) -> Self {
        Self { state: state(element), list: element.children_named("entry").take(MOST).map(UriEntry::from).collect() }
    }
}

/// What users and endpoints are told apart by.
fn entity(element: &Element) -> Result<String, XmlError> {
    element.plain_attribute("entity").map(|entity| entity.trim().to_owned()).ok_or(XmlError::Incomplete)
}
