//! Messages of rooms: to those who are in them by MESSAGE alone (MSG-52), and to those who are named in them.

use super::relay::{code, message, message_to, one};
use super::{Scene, parse, tcp, udp, uri};
use crate::{Failure, Fate, PageId, Paged, Recipient, Way};
use parlor_sip::Uri;

fn bob() -> Recipient {
    Recipient::User { name: "bob".into(), has_account: true }
}

fn elsewhere() -> Option<(Uri, Way)> {
    let there = uri("sip:bob@192.0.2.9:5007");
    Some((there.clone(), Way { flow: udp(7), uri: there }))
}

impl Scene {
    fn page(&mut self, id: u64, elsewhere: Option<(Uri, Way)>, size: usize) {
        let text = message_to("sip:bob@chat.example.com", "", &"x".repeat(size));
        self.proxy.handle_page(self.now, PageId(id), Some("bob"), elsewhere, parse(&text));
        self.outputs();
    }

    fn mention(&mut self) {
        self.transactions += 1;
        let text = message("").replace("asd88asd77a", &format!("mention{}", self.transactions));
        self.proxy.handle_mention(self.now, "bob", parse(&text));
        self.outputs();
    }

    fn paged(&mut self) -> Vec<(u64, u16)> {
        let code = |paged| match paged {
            Paged::Ended(code) => code,
            Paged::Delayed => 0,
        };
        std::mem::take(&mut self.paged).into_iter().map(|(id, paged)| (id.0, code(paged))).collect()
    }
}

/// MSG-52: a room's message goes to the devices that are registered, else to where its recipient was heard, and the room is
/// told what became of it.
#[test]
fn to_devices_or_elsewhere() {
    let mut scene = Scene::new();
    scene.page(1, None, 10);
    assert_eq!(scene.paged(), [(1, 480)]);
    scene.page(2, elsewhere(), 10);
    let sent = one(scene.sent());
    assert_eq!((sent.request.uri.to_string().as_str(), sent.way.flow), ("sip:bob@192.0.2.9:5007", udp(7)));
    scene.fails(&sent, Failure::Silence);
    assert_eq!(scene.paged(), [(2, 408)]);
    scene.page(3, elsewhere(), 1300);
    assert_eq!(scene.paged(), [(3, 413)], "MSG-16");
    scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(2));
    scene.page(4, elsewhere(), 1300);
    let sent = one(scene.sent());
    assert_eq!(sent.way.flow, tcp(2));
    scene.answers(&sent, 200);
    assert_eq!(scene.paged(), [(4, 200)]);
    assert!(scene.fates.is_empty() && scene.kept.is_empty());
}

/// MSG-17: messages of rooms and of users wait for each other.
#[test]
fn in_one_lane_with_others() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    scene.page(1, None, 10);
    assert_eq!(code(scene.message(&message(""), &bob())), 0);
    let first = one(scene.sent());
    assert_eq!(first.request.body.len(), 10);
    scene.answers(&first, 200);
    let second = one(scene.sent());
    assert_eq!(code(scene.answers(&second, 200)), 200);
    assert_eq!(scene.paged(), [(1, 200)]);
}

/// What is said of somebody goes to its devices, and waits for them if they are away or do not answer.
#[test]
fn mentions_are_kept() {
    let mut scene = Scene::new();
    scene.mention();
    assert_eq!((scene.kept.len(), scene.fates.as_slice()), (1, &[Fate::Kept][..]));
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    let sent = one(scene.sent());
    scene.answers(&sent, 200);
    assert!(scene.kept.is_empty());
    scene.fates.clear();
    scene.mention();
    let sent = one(scene.sent());
    scene.answers(&sent, 200);
    assert_eq!(scene.fates, [Fate::Delivered]);
    scene.mention();
    let sent = one(scene.sent());
    scene.answers(&sent, 480);
    assert_eq!(scene.kept.len(), 1);
}

/// Rooms leave half of what may be on its way to users; what is not sent for want of room, or as too much waits for the device,
/// is told apart from what the device does.
#[test]
fn not_sent_is_told_apart() {
    let mut scene = Scene::with(|settings| (settings.limits.relayed_bytes, settings.limits.waiting) = (40_000, 2));
    scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(2));
    scene.page(1, None, 4000);
    scene.page(2, None, 4000);
    scene.page(3, None, 4000);
    assert_eq!(scene.paged(), [(3, 0)], "no room for it");
    assert_eq!(code(scene.message(&message_to("sip:bob@chat.example.com", "", &"x".repeat(4000)), &bob())), 0);
    scene.page(4, None, 10);
    assert_eq!(scene.paged(), [(4, 0)], "a full lane");
    let first = one(scene.sent());
    scene.answers(&first, 200);
    let second = one(scene.sent());
    scene.answers(&second, 480);
    assert_eq!(scene.paged(), [(1, 200), (2, 480)]);
    scene.page(5, None, 4000);
    assert!(scene.paged().is_empty(), "what has ended takes nothing");
}
