//! A room whose task panics takes nobody along.

use super::*;
use crate::room::registry::Dispatch;
use parlor_focus::RequestId;
use parlor_sip::Method;
use tokio::time::{sleep, timeout};

impl Scene {
    async fn next_output(&mut self) -> SipOutput {
        let next = timeout(Duration::from_secs(20), self.to_sip.recv()).await;
        next.expect("an output in time").expect("the rooms have it")
    }

    /// Somebody joins the lobby: gives which room that is, and the session.
    async fn admitted(&mut self, name: &str) -> (u64, Arc<SessionEntry>) {
        let invite = self.request(&invite(name));
        assert!(matches!(self.rooms.join("lobby", invite), Dispatch::Taken));
        let SipOutput::Respond { response, .. } = self.next_output().await else { panic!("no answer") };
        assert_eq!(response.code, 200);
        let tag = response.headers.to_tag().expect("readable").expect("a tag");
        let room = u64::from_str_radix(parlor_focus::tag_prefix(&tag).expect("one of ours"), 16).expect("a number");
        let ack = SipInput::Ack(Box::new(parse(&ack(name, &tag))));
        assert!(matches!(self.rooms.dispatch_by_id(room, ack), Dispatch::Taken));
        let sdp = String::from_utf8(response.body.to_vec()).expect("SDP is text");
        let path = sdp.lines().find_map(|line| line.strip_prefix("a=path:")).expect("a path");
        let id = path.rsplit('/').next().and_then(|rest| rest.strip_suffix(";tcp")).expect("a session id");
        (room, self.shared.table.agreed(id).expect("the session is known"))
    }

    async fn next_bye(&mut self) -> (u64, RequestId) {
        loop {
            match self.next_output().await {
                SipOutput::Request { room, id, request, .. } if request.method == Method::Bye => return (room, id),
                SipOutput::Request { .. }
                | SipOutput::Respond { .. }
                | SipOutput::Locate { .. }
                | SipOutput::Place { .. }
                | SipOutput::Shutdown { .. }
                | SipOutput::Cancel { .. }
                | SipOutput::Page { .. }
                | SipOutput::Mention { .. }
                | SipOutput::NotSaid(_)
                | SipOutput::Ack { .. } => {}
            }
        }
    }

    async fn without_rooms(&self) {
        eventually(|| self.shared.metrics.rooms.get() == 0 && self.rooms.is_empty()).await;
        assert_eq!((self.shared.metrics.participants.get(), self.shared.metrics.msrp_sessions.get()), (0, 0));
    }
}

impl Bound {
    /// A connection that tells the room by its mailbox.
    async fn mailed(entry: &Arc<SessionEntry>) -> Self {
        let bound = Self::new(entry);
        let Place { outbox, slot, .. } = bound.place.clone();
        entry.inbox.bound(Arc::clone(entry), outbox, slot, None).await;
        bound
    }
}

async fn eventually(met: impl Fn() -> bool) {
    let waiting = async {
        while !met() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.expect("it comes about in time");
}

/// Its participants get BYE, its sessions are nobody's, its name is free for another room at once, and it is counted.
#[tokio::test]
async fn participants_get_bye() {
    let mut scene = Scene::new();
    let (_, entry) = scene.admitted("alice").await;
    let bound = Bound::mailed(&entry).await;
    assert!(matches!(scene.rooms.join("lobby", SipInput::Fault), Dispatch::Taken));
    let (room, id) = scene.next_bye().await;
    eventually(|| entry.is_closed() && bound.place.outbox.is_vacant()).await;
    let (next, _) = scene.admitted("bob").await;
    assert_ne!(next, room);
    scene.rooms.dispatch_by_id(room, SipInput::Failed(id));
    scene.rooms.shut_down();
    let (room, id) = scene.next_bye().await;
    assert_eq!(room, next);
    scene.rooms.dispatch_by_id(room, SipInput::Failed(id));
    scene.without_rooms().await;
    assert_eq!(scene.shared.metrics.room_panics.get(), 1);
}

/// If even that fails, nothing of it stays.
#[tokio::test]
async fn a_second_panic_leaves_nothing() {
    let mut scene = Scene::new();
    let (room, entry) = scene.admitted("alice").await;
    let bound = Bound::mailed(&entry).await;
    for _ in 0..2 {
        assert!(matches!(scene.rooms.dispatch_by_id(room, SipInput::Fault), Dispatch::Taken));
    }
    scene.without_rooms().await;
    eventually(|| entry.is_closed() && bound.place.outbox.is_vacant()).await;
}
