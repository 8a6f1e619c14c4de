//! Sidebars: rooms that belong to another one, are shown in its roster and end with it (CHAT-130 … 132).

use super::founder::Founder;
use super::task::RoomTask;
use super::{Dispatch, RoomHandle, SipInput};
use parlor_focus::{Caller, Reject, Sidebar, uas};
use parlor_sip::{Flow, Method, Request};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// How many sidebars participants may have made of one room at a time: all of them are in its roster.
const SIDEBARS: usize = 32;
/// How many of them one user may have made, so that others find place for theirs.
const SIDEBARS_OF_ONE: usize = 4;

/// What a room and its sidebars know of each other.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// The sidebars of the room, by their numbers.
    sidebars: watch::Sender<BTreeMap<u64, Member>>,
    ended: watch::Sender<bool>,
}

/// A sidebar, as the room that it belongs to has it.
#[derive(Debug, Default)]
struct Member {
    /// `None` until somebody is in who was to make it.
    sidebar: Option<Sidebar>,
    /// The account of who makes it, if somebody does.
    made_by: Option<Box<str>>,
}

/// The room that a sidebar belongs to.
#[derive(Debug)]
pub(super) struct Parent {
    handle: Arc<RoomHandle>,
    /// As what the sidebar was shown there last.
    shown: Option<Box<str>>,
}

impl From<Arc<RoomHandle>> for Parent {
    fn from(handle: Arc<RoomHandle>) -> Self {
        Self { handle, shown: None }
    }
}

/// What a room hears of its family.
#[derive(Debug)]
pub(super) struct News {
    sidebars: watch::Receiver<BTreeMap<u64, Member>>,
    parent: Option<watch::Receiver<bool>>,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// There are other sidebars now, or they are called otherwise.
    Sidebars,
    /// The room that this one belongs to has ended.
    ParentEnded,
}

impl Family {
    /// Somebody makes a sidebar: from now on it counts.
    pub(super) fn expect(&self, sidebar: u64, made_by: Box<str>) {
        let member = Member { sidebar: None, made_by: Some(made_by) };
        self.sidebars.send_modify(|sidebars| drop(sidebars.insert(sidebar, member)));
    }

    /// The room ends, and its sidebars with it.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }
}

impl News {
    /// The next change; each comes once.
    pub(super) async fn next(&mut self) -> Change {
        let parent = self.parent.as_mut();
        let ended = async {
            match parent {
                // Whoever tells it is kept by the sidebar itself.
                Some(parent) => drop(parent.wait_for(|ended| *ended).await),
                None => pending().await,
            }
        };
        tokio::select! {
            Ok(()) = self.sidebars.changed() => return Change::Sidebars,
            () = ended => {}
        }
        self.parent = None;
        Change::ParentEnded
    }
}

impl RoomTask {
    /// What the room hears of its family from now on.
    pub(super) fn family_news(&self) -> News {
        let mut sidebars = self.handle.family.sidebars.subscribe();
        sidebars.mark_changed();
        News { sidebars, parent: self.parent.as_ref().map(|parent| parent.handle.family.ended.subscribe()) }
    }

    pub(super) fn handle_family(&mut self, change: Change) {
        match change {
            Change::Sidebars => {
                let family = &self.handle.family;
                let sidebars: Vec<_> =
                    family.sidebars.borrow().values().filter_map(|member| member.sidebar.clone()).collect();
                self.focus.set_sidebars(&mut self.room, &sidebars);
            }
            // CHAT-132
            Change::ParentEnded if self.is_open() => self.close_room(Instant::now()),
            Change::ParentEnded => {}
        }
    }

    /// The room that this one belongs to shows it as it is called now, once somebody has come who was to make it.
    pub(super) fn show_in_parent(&mut self) {
        let Some(parent) = self.parent.as_mut().filter(|_| self.founder != Founder::Awaited) else { return };
        let name = if self.room.topic().is_empty() { self.room.name() } else { self.room.topic() };
        if parent.shown.as_deref() != Some(name) {
            parent.shown = Some(name.into());
            let sidebar = Sidebar { uri: self.room.uri().clone(), name: name.into() };
            parent.handle.family.sidebars.send_modify(|sidebars| {
                sidebars.entry(self.handle.id()).or_default().sidebar = Some(sidebar);
            });
        }
    }

    /// The room has ended: its sidebars do, and the room that it belongs to shows it no more.
    pub(super) fn leave_family(&self) {
        self.handle.family.end();
        if let Some(parent) = &self.parent {
            let shown = &parent.handle.family.sidebars;
            shown.send_if_modified(|sidebars| sidebars.remove(&self.handle.id()).is_some());
        }
    }

    /// Whether a request asks for a sidebar of this room, and not for the room itself.
    pub(super) fn is_asked_for_sidebar(&self, input: &SipInput) -> bool {
        let SipInput::Request { request, .. } = input else { return false };
        let is_outside = request.headers.to_tag().is_ok_and(|tag| tag.is_none());
        let parent = uas::sidebar_of(request, &self.shared.focus).filter(|_| is_outside);
        request.method == Method::Invite && parent.is_some_and(|parent| *parent == *self.room.name())
    }

    /// A participant who may makes a sidebar; it is joined by the same INVITE.
    pub(super) fn found_sidebar(&mut self, input: SipInput) {
        let SipInput::Request { tx, request, flow, caller, .. } = &input else { return };
        let founder = match self.may_found_sidebar(request, *flow, caller) {
            Ok(founder) => founder,
            Err(reject) => return self.focus.refuse(*tx, request, &reject),
        };
        match self.rooms.found(Some((Arc::clone(&self.handle), founder)), input) {
            Dispatch::NoRoom(SipInput::Request { tx, request, .. })
            | Dispatch::Overloaded(SipInput::Request { tx, request, .. }) => {
                self.focus.refuse(tx, &request, &Reject::Overload);
            }
            Dispatch::Taken | Dispatch::NoRoom(_) | Dispatch::Overloaded(_) => {}
        }
    }

    /// The account of who makes one.
    fn may_found_sidebar(&self, request: &Request, flow: Flow, caller: &Caller) -> Result<Box<str>, Reject> {
        if self.parent.is_some() {
            return Err(Reject::Forbidden);
        }
        let founder = self.focus.may_found_sidebar(&self.room, request, flow, caller)?;
        let account = self.room.participant(founder).map(|own| own.identity().account()).ok_or(Reject::Forbidden)?;
        let sidebars = self.handle.family.sidebars.borrow();
        let own = sidebars.values().filter(|member| member.made_by.as_ref() == Some(&account)).count();
        if sidebars.len() >= SIDEBARS || own >= SIDEBARS_OF_ONE {
            return Err(Reject::Overload);
        }
        Ok(account)
    }
}
