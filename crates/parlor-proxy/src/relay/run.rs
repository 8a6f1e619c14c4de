//! From sender to devices, and the answers back.

use super::lanes::Entry;
use super::target::{Target, groups};
use super::{Branch, Ended, Failure, Mark, Origin, Recipient, Relay, RelayId, SendId, admission, forward};
use crate::{Fate, Output, Proxy, Reject};
use parlor_sip::{Request, Response, ServerTransactionId, reason_phrase};
use std::collections::VecDeque;
use std::time::Instant;

/// What comes in.
impl Proxy {
    /// Takes a message to the devices of its user.
    pub(crate) fn relay(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        mark: Mark,
        recipient: &Recipient,
    ) -> Result<(), Reject> {
        let (name, has_account) = match recipient {
            Recipient::User { name, has_account } => (name, *has_account),
            Recipient::Nobody => return Err(Reject::NotFound),
            // MSG-61: no open relay.
            Recipient::Elsewhere => return Err(Reject::Forbidden),
        };
        self.expire(now);
        let groups = groups(self.registrar.bindings.of(name));
        if groups.is_empty() {
            return Err(if has_account { Reject::Unavailable } else { Reject::NotFound });
        }
        let mut request = request.clone();
        admission::prepare(&mut request, &self.settings);
        let devices: usize = groups.iter().map(Vec::len).sum();
        let octets = forward::octets(&request) * (1 + devices);
        if self.relays.octets + octets > self.settings.limits.relayed_bytes {
            return Err(Reject::Overload);
        }
        self.begin(now, Origin::Sender(tx), request, mark, groups, octets);
        Ok(())
    }

    /// A final response of a device.
    pub fn handle_response(&mut self, now: Instant, id: SendId, response: Box<Response>) {
        self.branch_ended(now, id, Ended::Answered(response));
    }

    /// A device has not answered.
    pub fn handle_failure(&mut self, now: Instant, id: SendId, failure: Failure) {
        self.branch_ended(now, id, Ended::Failed(failure));
    }

    /// Tries further devices where the first are silent.
    pub(crate) fn hurry(&mut self, now: Instant) {
        while let Some((_, id)) = self.relays.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.set_due(id, None);
            self.try_next_group(now, id);
        }
    }
}

impl Proxy {
    fn begin(
        &mut self,
        now: Instant,
        origin: Origin,
        request: Request,
        mark: Mark,
        groups: VecDeque<Vec<Target>>,
        octets: usize,
    ) {
        let id = RelayId(self.relays.name());
        self.relays.octets += octets;
        let relay = Relay {
            origin,
            request,
            mark: mark.0,
            octets,
            groups,
            pending: 0,
            best: super::Best::default(),
            due: None,
        };
        self.relays.all.insert(id, relay);
        self.try_next_group(now, id);
    }

    /// Sends to the next group, or concludes when there is none and nobody may still answer.
    fn try_next_group(&mut self, now: Instant, id: RelayId) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        match relay.groups.pop_front() {
            Some(group) => {
                let due = (!relay.groups.is_empty()).then(|| now + self.settings.group_time);
                // All of them before any of them can end what is on its way.
                relay.pending += group.len();
                self.set_due(id, due);
                group.into_iter().for_each(|target| self.send(now, id, target));
            }
            None if relay.pending == 0 => self.conclude(id),
            None => {}
        }
    }

    /// Sends to one device, at once or when it is its turn.
    fn send(&mut self, now: Instant, relay: RelayId, target: Target) {
        let id = SendId(self.relays.name());
        // A stream controls congestion itself.
        let in_lane = !target.way.flow.transport.is_reliable();
        let entry = match in_lane {
            true => self.relays.lanes.enter(&target.uri, id, self.settings.limits.waiting),
            false => Entry::Go,
        };
        let branch = Branch { relay, target, in_lane };
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
        let request = forward::request_for(&relay.request, target);
        if forward::fits(&request, target) {
            let (way, mark) = (target.way.clone(), relay.mark);
            self.emit(Output::Send { id, request, way, mark });
        } else {
            self.branch_ended(now, id, Ended::TooLarge);
        }
    }

    fn branch_ended(&mut self, now: Instant, id: SendId, ended: Ended) {
        let Some(branch) = self.relays.branches.remove(&id) else { return };
        if branch.in_lane {
            let silent = matches!(ended, Ended::Failed(_));
            self.leave_lane(now, &branch, silent);
        }
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

    /// A device has answered, or will not (RFC 3261 §16.7).
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
            Ended::TooLarge => Some(relay.response(413)),
        };
        match response {
            Some(response) if response.is_success() => {
                relay.groups.clear();
                self.answer(id, response);
            }
            Some(response) if response.code >= 600 => {
                relay.groups.clear();
                self.answer(id, response);
            }
            Some(response) => relay.best.note(response),
            None => {}
        }
        let is_over = self.relays.all.get(&id).is_some_and(|relay| relay.pending == 0);
        if is_over {
            self.try_next_group(now, id);
        }
    }

    /// Nobody will answer any more.
    fn conclude(&mut self, id: RelayId) {
        self.set_due(id, None);
        let best = self.relays.all.get_mut(&id).and_then(|relay| relay.best.take());
        if let Some(best) = best {
            self.answer(id, best);
        }
        let Some(relay) = self.relays.all.remove(&id) else { return };
        self.relays.octets -= relay.octets;
        match relay.origin {
            // RFC 4320 §4.2: by now its sender has given up.
            Origin::Sender(_) => self.emit(Output::Ended(Fate::Unavailable)),
            Origin::Answered => {}
        }
    }

    /// Tells the sender, once (MSG-2).
    fn answer(&mut self, id: RelayId, response: Response) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        match std::mem::replace(&mut relay.origin, Origin::Answered) {
            Origin::Sender(tx) => {
                let fate = match response.code {
                    ..300 => Fate::Delivered,
                    code if super::best::is_unavailable(code) => Fate::Unavailable,
                    _ => Fate::Refused,
                };
                self.respond(tx, response, None);
                self.emit(Output::Ended(fate));
            }
            Origin::Answered => {}
        }
    }

    fn set_due(&mut self, id: RelayId, due: Option<Instant>) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        if let Some(former) = std::mem::replace(&mut relay.due, due) {
            self.relays.timers.remove(&(former, id));
        }
        if let Some(due) = due {
            self.relays.timers.insert((due, id));
        }
    }
}

impl Relay {
    /// A response of our own in a device's place.
    fn response(&self, code: u16) -> Response {
        Response::for_request(&self.request, code, reason_phrase(code))
    }
}

/// RFC 5626 §6: where one flow to a device has failed, another may do.
fn may_have_another_flow(ended: &Ended) -> bool {
    match ended {
        Ended::Failed(Failure::Silence | Failure::Unreachable) => true,
        Ended::Answered(response) => response.code == 430,
        Ended::TooLarge | Ended::Congested => false,
    }
}
