//! What a subscriber knows, kept up with each document (RFC 4575 §4.6).

use super::{ConferenceInfo, ConferenceState, Description, Endpoint, HostInfo, Sidebars, State, UriEntry, User, Users};
use std::collections::{BTreeMap, HashMap};

/// What is known of a conference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    version: Option<u32>,
    complete: bool,
    description: Option<Description>,
    host: Option<HostInfo>,
    conference_state: Option<ConferenceState>,
    users: UserList,
    sidebars: Vec<UriEntry>,
}

/// The users in the order in which they were told, found by their entities: there may be thousands, and as many in one
/// document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UserList {
    list: BTreeMap<u64, User>,
    places: HashMap<String, u64>,
    next: u64,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was taken in.
    Changed,
    /// It tells nothing new.
    Stale,
    /// Documents before it are missing: the subscription is to be refreshed, which brings everything (EVT-44).
    Gap,
    /// The conference is gone.
    Gone,
}

impl Roster {
    /// What the conference is about.
    pub fn description(&self) -> Option<&Description> {
        self.description.as_ref()
    }

    /// Who hosts it.
    pub fn host(&self) -> Option<&HostInfo> {
        self.host.as_ref()
    }

    /// Its state.
    pub fn conference_state(&self) -> Option<&ConferenceState> {
        self.conference_state.as_ref()
    }

    /// Who is in, in the order in which they were told.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &User> {
        self.users.list.values()
    }

    /// One who is in.
    pub fn user(&self, entity: &str) -> Option<&User> {
        self.users.list.get(self.users.places.get(entity)?)
    }

    /// Its sidebars.
    pub fn sidebars(&self) -> &[UriEntry] {
        &self.sidebars
    }

    /// A new subscription begins: its numbers have nothing to do with those before. What is known stays until it is told anew.
    pub fn renew(&mut self) {
        self.version = None;
        self.complete = false;
    }

    /// Takes in a document.
    pub fn apply(&mut self, document: ConferenceInfo) -> Applied {
        if let Err(why) = self.admissible(&document) {
            return why;
        }
        self.version = document.version;
        match document.state {
            State::Full => self.replace(document),
            State::Partial => self.merge(document),
            State::Deleted => {
                *self = Self { version: self.version, ..Self::default() };
                return Applied::Gone;
            }
        }
        Applied::Changed
    }

    /// EVT-44. A document without a version can only be believed.
    fn admissible(&self, document: &ConferenceInfo) -> Result<(), Applied> {
        let step = match (self.version, document.version) {
            (Some(known), Some(version)) if version <= known => return Err(Applied::Stale),
            (Some(known), Some(version)) => version - known,
            (None, Some(_)) | (Some(_) | None, None) => 1,
        };
        match document.state {
            State::Partial if step > 1 || !self.complete => Err(Applied::Gap),
            State::Full | State::Partial | State::Deleted => Ok(()),
        }
    }

    fn replace(&mut self, document: ConferenceInfo) {
        self.complete = true;
        self.description = document.description;
        self.host = document.host;
        self.conference_state = document.conference_state;
        self.users = UserList::default();
        document.users.into_iter().flat_map(|users| users.list).for_each(|user| self.users.take(user));
        self.sidebars = document.sidebars.map(|sidebars| sidebars.list).unwrap_or_default();
    }

    /// EVT-61: what has no state of its own is replaced as a whole.
    fn merge(&mut self, document: ConferenceInfo) {
        self.description = document.description.or(self.description.take());
        self.host = document.host.or(self.host.take());
        self.conference_state = document.conference_state.or(self.conference_state.take());
        if let Some(users) = document.users {
            self.merge_users(users);
        }
        if let Some(sidebars) = document.sidebars {
            self.merge_sidebars(sidebars);
        }
    }

    fn merge_users(&mut self, users: Users) {
        if users.state != State::Partial {
            self.users = UserList::default();
        }
        users.list.into_iter().for_each(|user| self.users.take(user));
    }

    fn merge_sidebars(&mut self, sidebars: Sidebars) {
        if sidebars.state != State::Partial {
            self.sidebars.clear();
        }
        for sidebar in sidebars.list {
            match self.sidebars.iter_mut().find(|known| known.uri == sidebar.uri) {
                Some(known) => *known = sidebar,
                None => self.sidebars.push(sidebar),
            }
        }
    }
}

impl UserList {
    /// Takes in what is said of a user.
    fn take(&mut self, news: User) {
        let place = self.places.get(&news.entity).copied();
        match (place.and_then(|place| self.list.get_mut(&place)), news.state) {
            (_, State::Deleted) => self.remove(&news.entity),
            (Some(known), State::Full) => *known = news,
            (Some(known), State::Partial) => known.merge(news),
            (None, State::Full | State::Partial) => {
                self.places.insert(news.entity.clone(), self.next);
                self.list.insert(self.next, news);
                self.next += 1;
            }
        }
    }

    fn remove(&mut self, entity: &str) {
        if let Some(place) = self.places.remove(entity) {
            self.list.remove(&place);
        }
    }
}

impl User {
    fn merge(&mut self, news: Self) {
        let Self { nickname, display_text, associated_aors, roles, languages, cascaded_focus, endpoints, .. } = news;
        merge_value(&mut self.nickname, nickname);
        merge_value(&mut self.display_text, display_text);
        merge_values(&mut self.associated_aors, associated_aors);
        merge_values(&mut self.roles, roles);
        merge_values(&mut self.languages, languages);
        merge_value(&mut self.cascaded_focus, cascaded_focus);
        endpoints.into_iter().for_each(|endpoint| self.merge_endpoint(endpoint));
    }

    fn merge_endpoint(&mut self, news: Endpoint) {
        let known = self.endpoints.iter().position(|known| known.entity == news.entity);
        match (known, news.state) {
            (Some(index), State::Deleted) => drop(self.endpoints.remove(index)),
            (None, State::Deleted) => {}
            (Some(index), State::Full) => self.endpoints[index] = news,
            (Some(index), State::Partial) => self.endpoints[index].merge(news),
            (None, State::Full | State::Partial) => self.endpoints.push(news),
        }
    }
}

impl Endpoint {
    fn merge(&mut self, news: Self) {
        merge_value(&mut self.display_text, news.display_text);
        merge_value(&mut self.referred, news.referred);
        merge_value(&mut self.status, news.status);
        merge_value(&mut self.joining_method, news.joining_method);
        merge_value(&mut self.joining_info, news.joining_info);
        merge_value(&mut self.disconnection_method, news.disconnection_method);
        merge_value(&mut self.disconnection_info, news.disconnection_info);
        for media in news.media {
            match self.media.iter_mut().find(|known| known.id == media.id) {
                Some(known) => *known = media,
                None => self.media.push(media),
            }
        }
    }
}

fn merge_value<T>(known: &mut Option<T>, news: Option<T>) {
    if news.is_some() {
        *known = news;
    }
}

fn merge_values<T>(known: &mut Vec<T>, news: Vec<T>) {
    if !news.is_empty() {
        *known = news;
    }
}

#[cfg(test)]
mod tests;
