//! To which devices a message goes, and in what order (RFC 3261 §16.5).

use crate::Way;
use crate::registrar::Binding;
use parlor_sip::{NameAddr, Transport, Uri};
use std::collections::VecDeque;

/// A device, and how it is reached.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) path: Box<[NameAddr]>,
    pub(crate) way: Way,
    /// Further flows of the same device, for when this one fails (RFC 5626 §6).
    pub(crate) others: VecDeque<Target>,
}

impl Target {
    /// A device that is not registered, and was heard from.
    pub(super) fn at(uri: Uri, way: Way) -> Self {
        Self { uri, path: Box::default(), way, others: VecDeque::new() }
    }

    fn of(binding: &Binding) -> Self {
        Self {
            uri: binding.contact.uri.clone().into_request_uri(),
            path: binding.path.clone(),
            way: binding.way(),
            others: VecDeque::new(),
        }
    }

    /// MSG-16: whether a message of any size may go there: only over a stream to the device itself.
    pub(crate) fn takes_any_size(&self) -> bool {
        self.path.is_empty() && self.way.flow.transport != Transport::Udp
    }

    /// The device's next flow.
    pub(crate) fn next_flow(&mut self) -> Option<Self> {
        let next = self.others.pop_front()?;
        Some(Self { others: std::mem::take(&mut self.others), ..next })
    }
}

/// The devices in groups: those that the user likes best first. Of each device the flow that was registered last is tried,
/// and its others only when that fails.
pub(crate) fn groups(bindings: &[Binding]) -> VecDeque<Vec<Target>> {
    let mut usable: Vec<&Binding> = bindings.iter().filter(|binding| binding.contact.uri.is_sip()).collect();
    usable.sort_by_key(|binding| std::cmp::Reverse(binding.revision));
    let mut devices: Vec<(u16, &Binding, Target)> = Vec::new();
    for binding in usable {
        let same = |other: &Binding| match (&other.flow_id, &binding.flow_id) {
            (Some(other), Some(own)) => other.instance == own.instance,
            (Some(_), None) | (None, _) => false,
        };
        match devices.iter_mut().find(|(_, other, _)| same(other)) {
            Some((_, _, device)) => device.others.push_back(Target::of(binding)),
            None => devices.push((binding.contact.q(), binding, Target::of(binding))),
        }
    }
    devices.sort_by_key(|(q, _, _)| std::cmp::Reverse(*q));
    let mut groups: VecDeque<Vec<Target>> = VecDeque::new();
    let mut last = None;
    for (q, _, target) in devices {
        match groups.back_mut().filter(|_| last == Some(q)) {
            Some(group) => group.push(target),
            None => groups.push_back(vec![target]),
        }
        last = Some(q);
    }
    groups
}
