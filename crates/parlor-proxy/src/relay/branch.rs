//! One message to one device (RFC 3261 §§16.6, 16.7).

use super::lanes::Entry;
use super::target::Target;
use super::{Asker, Branch, Failure, Origin, RelayId, SendId, forward};
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
        let device = &branch.target.uri;
        match ended {
            Ended::Answered(_) | Ended::TooLarge | Ended::Congested | Ended::Failed(Failure::Overload) => {
                if let Some(next) = self.relays.lanes.leave(device) {
                    self.go(now, next);
                }
                self.target_ended(now, branch, ended);
            }
            Ended::Failed(Failure::Silence | Failure::Unreachable) => {
                let waiting: Vec<SendId> = self.relays.lanes.clear(device).collect();
                // In the order in which they came, also where there is another flow.
                self.target_ended(now, branch, ended);
                waiting.into_iter().for_each(|id| self.give_up(now, id));
            }
        }
    }

    /// Nobody is there for what has waited: it was never sent.
    fn give_up(&mut self, now: Instant, id: SendId) {
        if let Some(branch) = self.relays.branches.remove(&id) {
            self.target_ended(now, branch, Ended::Failed(Failure::Unreachable));
        }
    }

    /// A device has answered, or will not.
    fn target_ended(&mut self, now: Instant, branch: Branch, ended: Ended) {
        let Branch { relay: id, mut target, .. } = branch;
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        if may_have_another_flow(&ended, relay.origin)
            && let Some(next) = target.next_flow()
        {
            return self.send(now, id, next);
        }
        relay.pending -= 1;
        relay.congested |= matches!(ended, Ended::Congested);
        let response = match ended {
            Ended::Answered(response) => Some(forward::response_for(&relay.request, &response)),
            Ended::Failed(Failure::Silence) => None,
            Ended::Failed(Failure::Unreachable) | Ended::Congested => Some(relay.response(480)),
            Ended::Failed(Failure::Overload) => Some(relay.overloaded()),
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
fn may_have_another_flow(ended: &Ended, origin: Origin) -> bool {
    match ended {
        Ended::Failed(Failure::Unreachable) => true,
        // RFC 3261 §17.1.2.2: who waited has given up as well, and may send it again. What is kept goes on.
        Ended::Failed(Failure::Silence) => !matches!(origin, Origin::Sender(Asker::Sender(_), _)),
        Ended::Answered(response) => matches!(response.code, 430 | 503),
        // The other one may be a stream.
        Ended::TooLarge => true,
        Ended::Congested | Ended::Failed(Failure::Overload) => false,
    }
}
