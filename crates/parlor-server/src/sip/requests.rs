//! Requests of rooms, by their transactions.

use parlor_focus::RequestId;
use parlor_sip::{ClientTransactionId, Method, Response};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Which room is to be told what becomes of a transaction.
#[derive(Debug)]
pub(super) struct Requests {
    asked: HashMap<ClientTransactionId, Asked>,
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
        Self { asked: HashMap::new(), accepted: VecDeque::new(), repeats }
    }

    /// A room's request was sent.
    pub(super) fn sent(&mut self, tx: ClientTransactionId, room: u64, id: RequestId) {
        self.asked.insert(tx, Asked { room, id, accepted: false });
    }

    /// A final response has come.
    pub(super) fn answered(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) -> Option<Answered> {
        self.forget(now);
        let asked = self.asked.get_mut(&tx)?;
        let (room, id) = (asked.room, asked.id);
        let again = std::mem::replace(&mut asked.accepted, true);
        let invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        if !(invite && response.is_success()) {
            self.asked.remove(&tx);
        } else if !again {
            // RFC 3261 §13.2.2.4: each 2xx that comes again is to be acknowledged again.
            self.accepted.push_back((now + self.repeats, tx));
        }
        Some(Answered { room, id, again })
    }

    /// No answer will come; `None` when one had.
    pub(super) fn failed(&mut self, tx: ClientTransactionId) -> Option<(u64, RequestId)> {
        let asked = self.asked.remove(&tx)?;
        (!asked.accepted).then_some((asked.room, asked.id))
    }

    fn forget(&mut self, now: Instant) {
        while let Some((_, tx)) = self.accepted.pop_front_if(|(until, _)| *until <= now) {
            self.asked.remove(&tx);
        }
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
