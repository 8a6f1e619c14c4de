//! When we tell that we are writing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_cpim::Address;
use parlor_events::iscomposing::{IsComposing, State};

/// Whom a message is for: one participant, or the room.
pub(crate) type Recipient = Option<Address>;

/// What becomes of a message that is being written.
#[derive(Debug)]
pub(crate) enum Step {
    /// More of it was typed.
    Typed(Recipient),
    /// It is sent now.
    Said(Recipient),
}

/// The messages that are being written: at most one to each recipient (RFC 3994 §3.2).
///
/// ```text
///                      typed / tell "active"
///           ┌──────────────────────────────────────┐
///           │                                      ▼ ───────┐ typed; refresh / tell "active"
///         idle                                   active     │
///           ▲                                      │ ◀──────┘
///           └──────────────────────────────────────┘
///             said; nothing typed for 15 s / tell "idle"
/// ```
#[derive(Debug, Default)]
pub(crate) struct Ours {
    active: Vec<Active>,
    /// Those who do not want to know.
    refusing: VecDeque<Recipient>,
    outputs: VecDeque<(Recipient, IsComposing)>,
}

#[derive(Debug)]
struct Active {
    to: Recipient,
    idle_at: Instant,
    refresh_at: Instant,
}

impl Ours {
    /// Takes in a step.
    pub(crate) fn handle_step(&mut self, now: Instant, step: Step) {
        match step {
            Step::Typed(to) => self.handle_typed(now, to),
            Step::Said(to) => drop(self.handle_said(&to)),
        }
    }

    /// Takes in a step that was taken while what [`Ours::poll_output`] gave was being told. A message may have come before
    /// that, and then does not end what came after it.
    pub(crate) fn handle_late_step(&mut self, now: Instant, step: Step) {
        match step {
            Step::Typed(to) => self.handle_typed(now, to),
            Step::Said(to) => {
                if self.handle_said(&to) {
                    self.outputs.push_back((to, told(State::Idle)));
                }
            }
        }
    }

    /// EVT-106: the recipient does not understand it, and is told no more.
    pub(crate) fn handle_refused(&mut self, to: Recipient) {
        self.handle_said(&to);
        if !self.refusing.contains(&to) {
            self.refusing.truncate(MOST_REFUSING - 1);
            self.refusing.push_front(to);
        }
    }

    /// Something was typed.
    fn handle_typed(&mut self, now: Instant, to: Recipient) {
        if self.refusing.contains(&to) {
            return;
        }
        if let Some(active) = self.active.iter_mut().find(|active| active.to == to) {
            active.idle_at = now + IDLE;
            return;
        }
        if self.active.len() >= MOST {
            return;
        }
        self.outputs.push_back((to.clone(), told(State::Active)));
        self.active.push(Active { to, idle_at: now + IDLE, refresh_at: now + AGAIN });
    }

    /// The message was sent, which tells that it is not being written any more. Whether it was.
    fn handle_said(&mut self, to: &Recipient) -> bool {
        self.outputs.retain(|(recipient, _)| recipient != to);
        self.active.extract_if(.., |active| active.to == *to).count() > 0
    }

    /// Lets the timers fire whose time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for idle in self.active.extract_if(.., |active| active.idle_at <= now) {
            self.outputs.push_back((idle.to, told(State::Idle)));
        }
        for active in self.active.iter_mut().filter(|active| active.refresh_at <= now) {
            active.refresh_at = now + AGAIN;
            self.outputs.push_back((active.to.clone(), told(State::Active)));
        }
    }

    /// What is to be told next, and to whom.
    pub(crate) fn poll_output(&mut self) -> Option<(Recipient, IsComposing)> {
        self.outputs.pop_front()
    }

    /// When [`Ours::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.active.iter().map(|active| active.idle_at.min(active.refresh_at)).min()
    }
}

fn told(state: State) -> IsComposing {
    let refresh = (state == State::Active).then_some(REFRESH);
    IsComposing { state, refresh, content_type: Some("text/plain".to_owned()), last_active: None }
}

/// EVT-102: how long nothing is typed before we count as idle.
const IDLE: Duration = Duration::from_secs(15);
/// How long we say that it holds.
const REFRESH: u32 = 90;
/// We say it again a little earlier, so that it arrives in time. At least 60 s (RFC 3994 §3.2).
const AGAIN: Duration = Duration::from_secs(80);
/// Messages that are written at one time.
const MOST: usize = 16;
/// Of whom is remembered that they do not want to know.
const MOST_REFUSING: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// A person who types, and the time.
    struct Scene {
        ours: Ours,
        start: Instant,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let now = Instant::now();
            Self { ours: Ours::default(), start: now, now }
        }

        fn typed(&mut self) {
            self.ours.handle_typed(self.now, None);
        }

        /// Lets time pass; what is told meanwhile: seconds since the start, state.
        fn wait(&mut self, seconds: u64) -> Vec<(u64, State)> {
            let until = self.now + Duration::from_secs(seconds);
            let mut told = self.take();
            while let Some(due) = self.ours.poll_timeout().filter(|due| *due <= until) {
                self.now = due;
                self.ours.handle_timeout(due);
                told.extend(self.take());
            }
            self.now = until;
            told
        }

        fn take(&mut self) -> Vec<(u64, State)> {
            let at = (self.now - self.start).as_secs();
            std::iter::from_fn(|| self.ours.poll_output()).map(|(_, status)| (at, status.state)).collect()
        }
    }

    /// EVT-102: idle after 15 s without typing, and active anew when it goes on.
    #[test]
    fn pauses_are_told() {
        let mut scene = Scene::new();
        scene.typed();
        assert_eq!(scene.wait(10), [(0, State::Active)]);
        scene.typed();
        assert_eq!(scene.wait(14), []);
        assert_eq!(scene.wait(100), [(25, State::Idle)]);
        assert_eq!(scene.ours.poll_timeout(), None);
        scene.typed();
        assert_eq!(scene.wait(1), [(124, State::Active)]);
    }

    /// EVT-102: what was sent needs no idle.
    #[test]
    fn sent_is_idle_without_a_word() {
        let mut scene = Scene::new();
        for _ in 0..3 {
            scene.typed();
            assert_eq!(scene.wait(2).len(), 1);
            scene.ours.handle_said(&None);
            assert_eq!(scene.wait(100), []);
        }
    }

    /// EVT-102: who goes on typing says so again before what was said ceases to hold, and not more often than each 60 s.
    #[test]
    fn long_messages_are_told_again() {
        let mut scene = Scene::new();
        let told: Vec<_> = std::iter::repeat_with(|| {
            scene.typed();
            scene.wait(5)
        })
        .take(50)
        .flatten()
        .collect();
        assert_eq!(told, [0, 80, 160, 240].map(|at| (at, State::Active)));
        assert!(AGAIN >= Duration::from_secs(60) && AGAIN < Duration::from_secs(REFRESH.into()));
    }

    /// What is sent before it is told that it is written needs no telling; what is sent while it is told does.
    #[test]
    fn message_overtakes() {
        let mut scene = Scene::new();
        scene.typed();
        scene.ours.handle_step(scene.now, Step::Said(None));
        assert_eq!(scene.wait(100), []);
        scene.typed();
        assert_eq!(scene.take(), [(100, State::Active)]);
        scene.ours.handle_late_step(scene.now, Step::Said(None));
        assert_eq!(scene.wait(100), [(100, State::Idle)]);
        scene.ours.handle_late_step(scene.now, Step::Said(None));
        assert_eq!(scene.wait(100), []);
    }

    /// EVT-106: who has refused it is told nothing any more, neither that we go on nor that we stop; others are.
    #[test]
    fn refused_is_never_told_again() {
        let mut scene = Scene::new();
        scene.typed();
        assert_eq!(scene.wait(5), [(0, State::Active)]);
        scene.ours.handle_refused(None);
        assert_eq!(scene.wait(100), []);
        scene.typed();
        assert_eq!(scene.wait(100), []);
        assert_eq!(scene.ours.poll_timeout(), None);
        scene.ours.handle_typed(scene.now, Some(Address::new("sip:bob@b")));
        assert_eq!(scene.wait(1), [(205, State::Active)]);
        (0..1000).for_each(|n| scene.ours.handle_refused(Some(Address::new(format!("sip:{n}@a")))));
        assert_eq!(scene.ours.refusing.len(), MOST_REFUSING);
    }

    /// RFC 3994 §3.2: it is told to whom the message is for; those at one time are bounded.
    #[test]
    fn recipients_are_apart() {
        let mut ours = Ours::default();
        let now = Instant::now();
        let to = |n: usize| Some(Address::new(format!("sip:{n}@a")));
        (0..100).for_each(|n| ours.handle_typed(now, to(n)));
        let told: Vec<_> = std::iter::from_fn(|| ours.poll_output()).map(|(to, _)| to).collect();
        assert_eq!(told, (0..MOST).map(to).collect::<Vec<_>>());
        ours.handle_said(&to(0));
        ours.handle_timeout(now + IDLE);
        assert_eq!(std::iter::from_fn(|| ours.poll_output()).count(), MOST - 1);
    }
}
