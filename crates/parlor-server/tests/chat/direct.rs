//! `parlor chat` between people.

use std::io::Write as _;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::account::{self, open, said};
use super::*;

/// `parlor chat` of a user, whose lines come through a pipe; killed when dropped.
pub(crate) struct Chat {
    child: Child,
    lines: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    shown: String,
}

impl Chat {
    pub(crate) fn of(user: &str, arguments: &[&str]) -> Self {
        let mut command = server::parlor();
        command.arg("chat").args(arguments).args(["--user", user]);
        command.env("PARLOR_PASSWORD", account::password(user));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (lines, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, lines, output, shown: String::new() }
    }

    pub(crate) fn says(&mut self, line: &str) {
        writeln!(self.lines.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until that is shown; all that was shown until then.
    pub(crate) fn shows(&mut self, wanted: &str) -> String {
        read_to(wanted, &mut self.output, &mut self.shown);
        std::mem::take(&mut self.shown)
    }

    /// Says no more; whether all went well.
    pub(crate) fn ends(mut self) -> bool {
        self.lines = None;
        self.child.wait().unwrap().success()
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two users write to each other, one in a room and one in none; what they see cannot drive a terminal, nor pass for another's.
#[tokio::test(flavor = "multi_thread")]
async fn two_write_to_each_other() {
    let server = account::server().await;
    let mut alice = Chat::of("alice", &[&server.room("lobby"), "--as", "bob"]);
    let shown = alice.shows("you are in");
    assert!(shown.contains("people reach you as sip:alice@127.0.0.1"), "{shown}");
    let mut bob = Chat::of("bob", &[&server.uri(), "--as", "B\u{1b}ob"]);
    bob.shows("people reach you as sip:bob@127.0.0.1");
    bob.says("/dm alice hi \u{1b}[2J\u{7}");
    let shown = alice.shows("2J");
    assert!(shown.contains("bob to you: hi ␛[2J␇") && !shown.contains('\u{1b}'), "{shown}");
    alice.says("/dm sip:bob@127.0.0.1 hi yourself");
    bob.shows("alice to you: hi yourself");
    assert!(bob.ends() && alice.ends());
}

/// MSG-50: what was written while somebody was away is shown when they are back.
#[tokio::test(flavor = "multi_thread")]
async fn written_while_away() {
    let server = account::server().await;
    let mut alice = Chat::of("alice", &[&server.uri()]);
    alice.says("/dm bob are you there?");
    alice.shows("bob will get it later");
    assert!(alice.ends());
    let mut bob = Chat::of("bob", &[&server.uri()]);
    bob.shows("alice to you: are you there?");
    assert!(bob.ends());
}

/// Who types is shown at a terminal, and typing there is told; the tab key knows who has written.
#[tokio::test(flavor = "multi_thread")]
async fn typing_one_to_one() {
    let server = account::server().await;
    let mut alice = open(&server, "alice").await;
    let mut bob = terminal::Terminal::start(&[&server.uri(), "--user", "bob"], &account::password("bob"));
    let to = account::uri("bob");
    alice.messenger().typing(&to);
    bob.shows("alice is typing to you");
    alice.send_text(&to, "hello").await.unwrap();
    bob.shows("alice to you: hello");
    bob.types("/dm al\t");
    bob.shows("/dm alice");
    bob.types("h");
    assert!(matches!(
        account::next_event(&mut alice).await,
        parlor_client::AccountEvent::Composing { active: true, .. }
    ));
    bob.types("ello\r");
    assert!(matches!(
        account::next_event(&mut alice).await,
        parlor_client::AccountEvent::Composing { active: false, .. }
    ));
    assert_eq!(account::next_text(&mut alice).await, said("bob", "hello"));
}

/// What is not possible is told in sentences, and counts as not done.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be() {
    let server = account::server().await;
    let environment = [("PARLOR_PASSWORD", &*account::password("bob"))];
    let lines = "hello\n/who\n/dm nobody hi\n/dm sip:@ hi\n/dm bob\n";
    let output = chat_with(&environment, &[&server.uri(), "--user", "bob", "--no-register"], lines);
    assert_eq!(output.status.code(), Some(1));
    let (told, shown) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    assert!(told.contains("you are in no room") && told.contains("not sent to nobody: there is nobody"), "{told}");
    assert!(told.contains("is no user, and no SIP URI") && told.contains("it is written /dm USER TEXT"), "{told}");
    assert!(told.contains("5 lines were not sent"), "{told}");
    assert!(shown.contains("people do not reach you, but you write to them as sip:bob@127.0.0.1"), "{shown}");
    let guest = chat(&[&server.uri()], "");
    assert!(String::from_utf8(guest.stderr).unwrap().contains("write --user NAME"));
    let wrong = chat_with(&[("PARLOR_PASSWORD", "guess")], &[&server.uri(), "--user", "bob"], "");
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("the user or the password is wrong"));
}
