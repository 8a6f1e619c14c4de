//! One message to one device (RFC 3261 §§16.6, 16.7).

use super::lanes::Entry;
use super::target::Target;
use super::{Branch, Failure, Origin, RelayId, SendId, forward};
use crate::{Output, Proxy};
use parlor_sip::Response;
use std::time::Instant;

/// What became of a branch.
#[derive(Debug)]
enum Ended {
    Answered(Box<Response>),
    Failed(Failure),
    /// It is too large for what carries it (MSG-16).
    TooLarge,
    /// Too much waits for the device.
    Congested,
}

impl Proxy {
    /// A final response of a device.
    pub fn handle_response(&mut self, now: Instant, id: SendId, response: Box<Response>) {
        if !self.handle_notified(now, id, &response) {
            self.branch_ended(now, id, Ended::Answered(response));
        }
    }

    /// A device has not answered.
    pub fn handle_failure(&mut self, now: Instant, id: SendId, failure: Failure) {
        if !self.handle_not_notified(now, id, failure) {
            self.branch_ended(now, id, Ended::Failed(failure));
        }
    }

    /// Sends to one device, at once or when it is its turn.
    pub(super) fn send(&mut self, now: Instant, relay: RelayId, target: Target) {
        let id = SendId(self.relays.name());
        // MSG-17: whatever carries it, and whoever sends it.
        let entry = self.relays.lanes.enter(&target.uri, id, self.settings.limits.waiting);
        let branch = Branch { relay, target };
        match entry {
            Entry::Go => {
                self.relays.branches.insert(id, branch);
                self.go(now, id);
            }
            Entry::Wait => drop(self.relays.branches.insert(id, branch)),
            Entry::Full => self.target_ended(now, branch, Ended::Congested),
        }
    }

    /// It is its turn.
    fn go(&mut self, now: Instant, id: SendId) {
        let Some(Branch { relay, target, .. }) = self.relays.branches.get(&id) else { return };
        let Some(relay) = self.relays.all.get(relay) else { return };
        let request = forward::request_for(&relay.request, target, relay.share);
        if forward::fits(&request, target) {
            let (way, mark) = (target.way.clone(), relay.mark);
            self.emit(Output::Send { id, request, way, mark });
        } else {
            self.branch_ended(now, id, Ended::TooLarge);
        }
    }

    fn branch_ended(&mut self, now: Instant, id: SendId, ended: Ended) {
        let Some(branch) = self.relays.branches.remove(&id) else { return };
        let silent = matches!(ended, Ended::Failed(_));
        self.leave_lane(now, &branch, silent);
        self.target_ended(now, branch, ended);
    }

    /// Lets the next message go to a device, or gives up all that wait when nobody is there.
    fn leave_lane(&mut self, now: Instant, branch: &Branch, silent: bool) {
        let device = &branch.target.uri;
        if !silent {
            if let Some(next) = self.relays.lanes.leave(device) {
                self.go(now, next);
            }
            return;
        }
        let waiting: Vec<SendId> = self.relays.lanes.clear(device).collect();
        for id in waiting {
            if let Some(branch) = self.relays.branches.remove(&id) {
                self.target_ended(now, branch, Ended::Failed(Failure::Silence));
            }
        }
    }

    /// A device has answered, or will not.
    fn target_ended(&mut self, now: Instant, branch: Branch, ended: Ended) {
        let Branch { relay: id, mut target, .. } = branch;
        if may_have_another_flow(&ended)
            && let Some(next) = target.next_flow()
        {
            return self.send(now, id, next);
        }
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        relay.pending -= 1;
        let response = match ended {
            Ended::Answered(response) => Some(forward::response_for(&relay.request, &response)),
            Ended::Failed(Failure::Silence) => None,
            Ended::Failed(Failure::Unreachable) | Ended::Congested => Some(relay.response(480)),
            // What is kept waits for a stream.
            Ended::TooLarge if matches!(relay.origin, Origin::Mailbox { .. }) => None,
            Ended::TooLarge => Some(relay.response(413)),
        };
        match response {
            Some(response) if response.is_success() || response.code >= 600 => self.answer(now, id, response),
            Some(response) => relay.best.note(response),
            None => {}
        }
        self.conclude_if_over(now, id);
    }
}

/// RFC 5626 §6, RFC 3263 §4.3: where one flow to a device, or one server of a domain, does not do, another may.
fn may_have_another_flow(ended: &Ended) -> bool {
    match ended {
        Ended::Failed(Failure::Silence | Failure::Unreachable) => true,
        Ended::Answered(response) => matches!(response.code, 430 | 503),
        // The other one may be a stream.
        Ended::TooLarge => true,
        Ended::Congested => false,
    }
}
