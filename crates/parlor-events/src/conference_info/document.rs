//! Documents for many subscribers: each user is written once, each change once, and the version is added for each.

use super::{ConferenceInfo, ConferenceState, Description, HostInfo, Sidebars, State, User};
use crate::tree::Namespace;
use crate::write::{Xml, any_uri};

/// A user as it stands in documents, written once for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment(Box<str>);

impl Fragment {
    /// That nobody of that URI is in any more (EVT-57).
    pub fn deleted(entity: &str) -> Self {
        let mut xml = Xml::new();
        xml.empty("user", &[("entity", &any_uri(entity)), ("state", State::Deleted.as_str())]);
        Self(xml.finish().into())
    }

    /// Its size in octets.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl From<&User> for Fragment {
    fn from(user: &User) -> Self {
        let mut xml = Xml::new();
        user.write(&mut xml);
        Self(xml.finish().into())
    }
}

/// What a document is made of. The order of the schema is that of the fields.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The conference's URI.
    pub entity: &'a str,
    /// Whether the document tells everything or what has changed.
    pub state: State,
    /// What the conference is about.
    pub description: Option<&'a Description>,
    /// Who hosts it.
    pub host: Option<&'a HostInfo>,
    /// Its state.
    pub conference_state: Option<&'a ConferenceState>,
    /// Who is in: all or some.
    pub users: Option<(State, &'a [&'a Fragment])>,
    /// Its sidebars.
    pub sidebars: Option<&'a Sidebars>,
}

/// A document whose version is not set, as each subscription counts its own (EVT-40).
#[derive(Clone, Debug)]
pub struct Document {
    xml: Box<str>,
    /// Where the version is to stand: within the root's tag.
    version_at: usize,
}

impl From<&Parts<'_>> for Document {
    fn from(parts: &Parts<'_>) -> Self {
        let mut xml = Xml::document();
        let mut version_at = 0;
        let root = [
            ("xmlns", Namespace::CONFERENCE_INFO),
            // On the root alone, as most users have a nickname.
            ("xmlns:xcon", Namespace::XCON),
            ("entity", &any_uri(parts.entity)),
            ("state", parts.state.as_str()),
        ];
        xml.element("conference-info", &root, |xml| {
            version_at = xml.len() - 1;
            parts.write(xml);
        });
        Self { xml: xml.finish().into(), version_at }
    }
}

impl Parts<'_> {
    fn write(&self, xml: &mut Xml) {
        if let Some(description) = self.description {
            description.write(xml);
        }
        if let Some(host) = self.host {
            host.write(xml);
        }
        if let Some(state) = self.conference_state {
            state.write(xml);
        }
        if let Some((state, users)) = self.users {
            xml.element("users", &[("state", state.as_str())], |xml| users.iter().for_each(|user| xml.raw(&user.0)));
        }
        if let Some(sidebars) = self.sidebars {
            sidebars.write(xml);
        }
    }
}

impl Document {
    /// The document as one subscriber gets it.
    pub fn with_version(&self, version: u32) -> String {
        let (before, after) = self.xml.split_at(self.version_at);
        let version = format!(" version=\"{version}\"");
        [before, &version, after].concat()
    }

    /// Its size in octets, without the version.
    pub fn size(&self) -> usize {
        self.xml.len()
    }

    fn without_version(&self) -> String {
        self.xml.to_string()
    }
}

impl ConferenceInfo {
    /// The document as text.
    pub fn to_xml(&self) -> String {
        let fragments: Vec<Fragment> = self.users.iter().flat_map(|users| &users.list).map(Fragment::from).collect();
        let fragments: Vec<&Fragment> = fragments.iter().collect();
        let document = Document::from(&Parts {
            entity: &self.entity,
            state: self.state,
            description: self.description.as_ref(),
            host: self.host.as_ref(),
            conference_state: self.conference_state.as_ref(),
            users: self.users.as_ref().map(|users| (users.state, &fragments[..])),
            sidebars: self.sidebars.as_ref(),
        });
        match self.version {
            Some(version) => document.with_version(version),
            None => document.without_version(),
        }
    }
}
