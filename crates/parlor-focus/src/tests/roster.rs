//! What subscribers know in the end is what the room is, whatever happened on the way.

use super::subscribe::{notified, watcher};
use super::*;
use parlor_events::Limits as XmlLimits;
use parlor_events::conference_info::{Applied, ConferenceInfo, Roster};
use rand::RngExt;

/// A subscriber that merges, and what it knows.
struct Subscriber {
    peer: Peer,
    roster: Roster,
}

/// EVT-40, EVT-41, EVT-44, EVT-46, EVT-57: after any sequence of joins, leaves, nicknames, topics, refreshes, refusals and lost answers
/// each subscriber that applied what it got knows who is in, and never saw a gap.
#[test]
fn subscribers_know_who_is_in() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let whole_up_to = [0, 4, 1000][rng.random_range(0..3)];
        let departures = rng.random_bool(0.5);
        let mut run = Run::new(whole_up_to, departures, rng);
        for _ in 0..200 {
            run.step();
        }
        run.settle();
    }
}

struct Run {
    scene: Scene,
    rng: StdRng,
    /// Those who are in.
    present: Vec<(&'static str, Peer)>,
    subscribers: Vec<Subscriber>,
    /// NOTIFYs that are not answered, by the tag of their subscriber.
    unanswered: Vec<(RequestId, Request)>,
}

const NAMES: [&str; 8] = ["user1", "user2", "user3", "user4", "user5", "user6", "user7", "user8"];

impl Run {
    fn new(whole_up_to: usize, departures: bool, rng: StdRng) -> Self {
        let mut scene = Scene::with(
            |rules| rules.nickname_quarantine = Duration::ZERO,
            |settings| {
                settings.subscriptions.whole_up_to = whole_up_to;
                settings.subscriptions.departures = departures;
                settings.bind_timeout = Duration::from_secs(100_000);
            },
        );
        let (mut subscribers, mut unanswered) = (Vec::new(), Vec::new());
        for name in ["alice", "bob", "carol"] {
            let mut peer = watcher(name);
            peer.extra = "Event: conference\r\n".into();
            let first = scene.subscribes(&mut peer);
            subscribers.push(Subscriber { peer, roster: Roster::default() });
            unanswered.push((first.id, first.request));
        }
        Self { scene, rng, present: Vec::new(), subscribers, unanswered }
    }

    fn step(&mut self) {
        let outputs = match self.rng.random_range(0..8) {
            0 | 1 => self.join_or_leave(),
            2 => self.rename(),
            3 => {
                let topic = self.rng.random_range(0..3).to_string();
                self.scene.room.set_topic(&topic);
                self.scene.outputs()
            }
            4 | 5 => self.answer(),
            6 => self.refresh(),
            _ => {
                let time = Duration::from_millis(self.rng.random_range(0..3000));
                self.scene.pass(time)
            }
        };
        self.deliver(&outputs);
    }

    fn join_or_leave(&mut self) -> Vec<Output> {
        let name = NAMES[self.rng.random_range(0..NAMES.len())];
        match self.present.iter().position(|(known, _)| *known == name) {
            Some(index) => {
                let (_, mut peer) = self.present.remove(index);
                self.scene.request(&peer.next("BYE", None), peer.flow).1
            }
            None => {
                let (peer, outputs) = self.scene.joins(name);
                self.present.push((name, peer));
                outputs
            }
        }
    }

    fn rename(&mut self) -> Vec<Output> {
        let session = self.scene.room.sessions().next().map(|(id, _)| id);
        if let Some(session) = session {
            let name = format!("name {}", self.rng.random_range(0..5));
            let _ = self.scene.room.set_nickname(self.scene.now, session, Some(&name));
        }
        self.scene.outputs()
    }

    /// A subscriber answers, or says that it cannot; it has taken in what it says it has.
    fn answer(&mut self) -> Vec<Output> {
        if self.unanswered.is_empty() {
            return Vec::new();
        }
        let (id, request) = self.unanswered.remove(self.rng.random_range(0..self.unanswered.len()));
        let code = if self.rng.random_bool(0.85) { 200 } else { 500 };
        if code == 200 {
            self.take(&request);
        }
        self.scene.answer(id, &reply(&request, code, &[], ""))
    }

    fn take(&mut self, request: &Request) {
        let to = request.headers.to_tag().unwrap();
        let subscriber = self.subscribers.iter_mut().find(|known| to.as_deref() == Some(&*known.peer.tag()));
        let document = ConferenceInfo::read(&request.body, &XmlLimits::roster()).expect("a document");
        assert_eq!(subscriber.expect("its subscriber").roster.apply(document), Applied::Changed);
    }

    fn refresh(&mut self) -> Vec<Output> {
        let index = self.rng.random_range(0..self.subscribers.len());
        let subscriber = &mut self.subscribers[index];
        let (response, outputs) = self.scene.request(&subscriber.peer.next("SUBSCRIBE", None), subscriber.peer.flow);
        assert_eq!(response.code, 200);
        subscriber.peer.learn(&response);
        outputs
    }

    fn deliver(&mut self, outputs: &[Output]) {
        self.unanswered.extend(notified(outputs).into_iter().map(|notified| (notified.id, notified.request)));
        assert!(self.unanswered.len() <= self.subscribers.len(), "EVT-15");
    }

    /// Everything is answered, and time passes until nothing more is told.
    fn settle(&mut self) {
        for _ in 0..20 {
            while let Some((id, request)) = self.unanswered.pop() {
                self.take(&request);
                let outputs = self.scene.answer(id, &reply(&request, 200, &[], ""));
                self.deliver(&outputs);
            }
            let outputs = self.scene.pass(10 * SECOND);
            self.deliver(&outputs);
        }
        let room = &self.scene.room;
        let mut present: Vec<_> = room
            .participants()
            .map(|(id, user)| {
                (user.identity().aor.to_string(), room.nickname_of(id).map(|name| name.as_str().to_owned()))
            })
            .collect();
        present.sort();
        for subscriber in &self.subscribers {
            let users = subscriber.roster.users().map(|user| (user.entity.clone(), user.nickname.clone()));
            let mut known: Vec<_> = users.collect();
            known.sort();
            assert_eq!(known, present);
            let topic = subscriber.roster.description().and_then(|description| description.subject.clone());
            assert_eq!(topic.as_deref().unwrap_or(""), room.topic());
            let counted = subscriber.roster.conference_state().and_then(|state| state.user_count);
            assert_eq!(counted, Some(present.len() as u32));
        }
    }
}
