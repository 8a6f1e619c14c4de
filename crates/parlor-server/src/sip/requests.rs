//! Requests of rooms, by their transactions.

use parlor_focus::RequestId;
use parlor_sip::{ClientTransactionId, Method, Response};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Which room is to be told what becomes of a transaction.
#[derive(Debug)]
pub(super) struct Requests {
    asked: HashMap<ClientTransactionId, Asked>,
    transactions: HashMap<(u64, RequestId), ClientTransactionId>,
    /// The INVITEs that have a 2xx, and until when it may come again.
    accepted: VecDeque<(Instant, ClientTransactionId)>,
    /// How long a 2xx may come again: 64*T1 (RFC 6026 §7.2, timer M).
    repeats: Duration,
}

#[derive(Debug)]
struct Asked {
    room: u64,
    id: RequestId,
    accepted: bool,
    /// The provisional responses that were told, one bit each: whoever sends them without end is heard once.
    rung: u128,
}

/// Whose final response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) room: u64,
    pub(super) id: RequestId,
    /// It had come before.
    pub(super) again: bool,
}

impl Requests {
    /// None yet; a 2xx to an INVITE may come again for so long.
    pub(super) fn new(repeats: Duration) -> Self {
        Self { asked: HashMap::new(), transactions: HashMap::new(), accepted: VecDeque::new(), repeats }
    }

    /// A room's request was sent.
    pub(super) fn sent(&mut self, tx: ClientTransactionId, room: u64, id: RequestId) {
        self.asked.insert(tx, Asked { room, id, accepted: false, rung: 0 });
        self.transactions.insert((room, id), tx);
    }

    /// The transaction of a request that is not over.
    pub(super) fn transaction(&self, room: u64, id: RequestId) -> Option<ClientTransactionId> {
        self.transactions.get(&(room, id)).copied()
    }

    /// A provisional response to an INVITE has come, and says something that none has said.
    pub(super) fn rings(&mut self, tx: ClientTransactionId, response: &Response) -> Option<(u64, RequestId)> {
        let invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        let asked = self.asked.get_mut(&tx).filter(|_| invite)?;
        let bit = 1_u128.checked_shl(u32::from(response.code.checked_sub(101)?))?;
        let is_new = asked.rung & bit == 0;
        asked.rung |= bit;
        is_new.then_some((asked.room, asked.id))
    }

    /// A final response has come.
    pub(super) fn answered(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) -> Option<Answered> {
        self.forget(now);
        let asked = self.asked.get_mut(&tx)?;
        let (room, id) = (asked.room, asked.id);
        let again = std::mem::replace(&mut asked.accepted, true);
        let invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        if !(invite && response.is_success()) {
            self.remove(tx);
        } else if !again {
            // RFC 3261 §13.2.2.4: each 2xx that comes again is to be acknowledged again.
            self.accepted.push_back((now + self.repeats, tx));
        }
        Some(Answered { room, id, again })
    }

    /// No answer will come; `None` when one had.
    pub(super) fn failed(&mut self, tx: ClientTransactionId) -> Option<(u64, RequestId)> {
        let asked = self.remove(tx)?;
        (!asked.accepted).then_some((asked.room, asked.id))
    }

    fn forget(&mut self, now: Instant) {
        while let Some((_, tx)) = self.accepted.pop_front_if(|(until, _)| *until <= now) {
            self.remove(tx);
        }
    }

    fn remove(&mut self, tx: ClientTransactionId) -> Option<Asked> {
        let asked = self.asked.remove(&tx)?;
        self.transactions.remove(&(asked.room, asked.id));
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_sip::{Endpoint, Flow, HeaderName, Request, SentBy, TransactionLimits, Transport, Uri};

    const REPEATS: Duration = Duration::from_secs(32);

    struct Scene {
        endpoint: Endpoint,
        requests: Requests,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let endpoint = Endpoint::new(TransactionLimits::default(), rand::make_rng());
            Self { endpoint, requests: Requests::new(REPEATS), now: Instant::now() }
        }

        fn send(&mut self, number: u64) -> ClientTransactionId {
            let address = "192.0.2.1:5060".parse().expect("an address");
            let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: None };
            let uri = "sip:alice@192.0.2.1".parse::<Uri>().expect("a URI");
            let tx = self.endpoint.request(self.now, flow, &SentBy::from(address), Request::new(Method::Invite, uri));
            self.requests.sent(tx, 1, RequestId(number));
            tx
        }

        fn answered(&mut self, tx: ClientTransactionId, code: u16, method: &str) -> Option<Answered> {
            let mut response = Response::new(code, "Whatever");
            response.headers.push(HeaderName::CSeq, format!("1 {method}"));
            self.requests.answered(self.now, tx, &response)
        }
    }

    fn answered(number: u64, again: bool) -> Option<Answered> {
        Some(Answered { room: 1, id: RequestId(number), again })
    }

    /// RFC 3261 §13.2.2.4: every 2xx to an INVITE reaches its room, for as long as it may come again.
    #[test]
    fn a_2xx_that_comes_again_is_told_again_for_a_time() {
        let mut scene = Scene::new();
        let tx = scene.send(1);
        assert_eq!(scene.answered(tx, 200, "INVITE"), answered(1, false));
        scene.now += REPEATS / 2;
        assert_eq!(scene.answered(tx, 200, "INVITE"), answered(1, true));
        scene.now += REPEATS / 2;
        assert_eq!(scene.answered(tx, 200, "INVITE"), None);
        assert!(scene.requests.asked.is_empty() && scene.requests.accepted.is_empty());
    }

    /// What rings is told once for each thing it says; a request is known by its room and name until it is over.
    #[test]
    fn ringing_is_told_once() {
        let mut scene = Scene::new();
        let tx = scene.send(5);
        assert_eq!(scene.requests.transaction(1, RequestId(5)), Some(tx));
        let mut rings = |code, method: &str| {
            let mut response = Response::new(code, "Whatever");
            response.headers.push(HeaderName::CSeq, format!("1 {method}"));
            scene.requests.rings(tx, &response)
        };
        let told = Some((1, RequestId(5)));
        assert_eq!(
            [100, 180, 183, 180, 183, 199, 199].map(|code| rings(code, "INVITE").is_some()),
            [false, true, true, false, false, true, false]
        );
        assert_eq!(rings(181, "INVITE"), told);
        assert_eq!(rings(182, "BYE"), None);
        assert_eq!(scene.answered(tx, 486, "INVITE"), answered(5, false));
        assert_eq!(scene.requests.transaction(1, RequestId(5)), None);
    }

    /// Any other final response is the end, and what had an answer does not fail afterwards.
    #[test]
    fn nothing_else_is_kept() {
        let mut scene = Scene::new();
        for (code, method) in [(486, "INVITE"), (200, "BYE"), (481, "UPDATE")] {
            let tx = scene.send(2);
            assert_eq!(scene.answered(tx, code, method), answered(2, false));
            assert_eq!(scene.answered(tx, code, method), None);
            assert_eq!(scene.requests.failed(tx), None);
        }
        let tx = scene.send(3);
        scene.answered(tx, 200, "INVITE");
        assert_eq!(scene.requests.failed(tx), None);
        let tx = scene.send(4);
        assert_eq!(scene.requests.failed(tx), Some((1, RequestId(4))));
        scene.now += REPEATS;
        scene.requests.forget(scene.now);
        assert!(scene.requests.asked.is_empty() && scene.requests.accepted.is_empty());
    }
}
