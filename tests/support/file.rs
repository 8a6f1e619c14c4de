//! Files as clients offer and fetch them (RFC 5547).

use sha1::{Digest as _, Sha1};

use super::msrp::{MsrpMessage, Send};
use super::participant::{Joined, Participant};
use super::server::Server;
use super::sip::{Call, SipMessage, SipUser};
use super::unique;

/// A file with what is said of it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// Its octets.
    pub(crate) content: Vec<u8>,
}

impl File {
    /// One of so many octets, of which no part is like another.
    pub(crate) fn of(name: &str, length: usize) -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ length as u64;
        let mut content = Vec::with_capacity(length + 8);
        while content.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            content.extend_from_slice(&state.to_le_bytes());
        }
        content.truncate(length);
        Self { name: name.to_owned(), content }
    }

    /// `sha-1:` and the hash as it stands in SDP.
    pub(crate) fn hash(&self) -> String {
        let octets: Vec<String> = Sha1::digest(&self.content).iter().map(|octet| format!("{octet:02X}")).collect();
        format!("sha-1:{}", octets.join(":"))
    }

    /// Everything that Blink says of a file.
    pub(crate) fn selector(&self) -> String {
        let (name, size, hash) = (&self.name, self.content.len(), self.hash());
        format!("name:\"{name}\" type:application/octet-stream size:{size} hash:{hash}")
    }
}

/// An offer about a file on this path.
fn offer(offer: &str, direction: &str, selector: &str) -> String {
    let kept = |line: &&str| !["a=accept", "a=chatroom"].iter().any(|other| line.starts_with(other));
    let rest: String = offer.split_inclusive("\r\n").filter(kept).collect();
    let id = unique("t");
    format!("{rest}a={direction}\r\na=accept-types:*\r\na=file-selector:{selector}\r\na=file-transfer-id:{id}\r\n")
}

/// The answer to an INVITE about a file that is refused.
pub(crate) fn refused(server: &Server, name: &str, direction: &str, selector: &str) -> SipMessage {
    let mut user = SipUser::tcp(server, name);
    let mut call = Call::new(&user, &server.room("lobby"));
    let path = super::participant::own_path(&user);
    let response = call.ask_to_join(&mut user, "", &offer(&super::sip::offer(&path), direction, selector));
    user.send(call.ack_failure(&response));
    response
}

/// A session that carries a file, bound.
pub(crate) struct Transfer {
    /// Both ends of it.
    pub(crate) end: Participant,
    /// The room's answer.
    pub(crate) answer: SipMessage,
    id: String,
}

impl Transfer {
    /// A file is to be sent to the lobby.
    pub(crate) fn push(server: &Server, name: &str, selector: &str) -> Self {
        Self::begin(server, name, "sendonly", selector)
    }

    /// A file is to be fetched from the lobby.
    pub(crate) fn pull(server: &Server, name: &str, selector: &str) -> Self {
        Self::begin(server, name, "recvonly", selector)
    }

    fn begin(server: &Server, name: &str, direction: &str, selector: &str) -> Self {
        let change = |text: String| offer(&text, direction, selector);
        let mut joined = Joined::invite(server, SipUser::tcp(server, name), "lobby", change);
        let answer = joined.answer.clone();
        let connection = joined.connection(server);
        Self { end: joined.bind(connection), answer, id: unique("m") }
    }

    /// A chunk of the file as Blink sends it: octets `from` to `to` of it, its last one ended by `flag`.
    pub(crate) fn chunk(&self, file: &File, from: usize, to: usize, flag: char) -> Send {
        let total = file.content.len();
        let range =
            if to - from > 2048 { format!("{}-*/{total}", from + 1) } else { format!("{}-{to}/{total}", from + 1) };
        let send = self.end.chunk(&self.id, &range, &file.content[from..to], flag);
        send.kind("application/octet-stream").header("Success-Report: yes").header("Failure-Report: yes")
    }

    /// Sends the whole file in chunks of 64 KiB, and waits until it is complete: until a report ends at its total.
    pub(crate) fn send(&mut self, file: &File) {
        let total = file.content.len();
        let mut from = 0;
        while from < total {
            let to = total.min(from + 64 * 1024);
            let send = self.chunk(file, from, to, if to == total { '$' } else { '+' });
            assert_eq!(self.end.ask(&send), 200, "{from}");
            from = to;
        }
        self.completes(total);
    }

    /// Waits for the report that completes the file.
    pub(crate) fn completes(&mut self, total: usize) {
        let total = Some(u64::try_from(total).unwrap());
        loop {
            let report = self.end.msrp.next_report();
            assert!(report.header("Status").starts_with("000 200"), "{report:?}");
            let (_, end, whole) = report.byte_range();
            if whole == total && end == total {
                return;
            }
        }
    }

    /// The whole file, reported chunk by chunk; gives the head of its first chunk too.
    pub(crate) fn fetch(&mut self) -> (MsrpMessage, Vec<u8>) {
        let first = self.end.msrp.next_send();
        let mut whole = first.content().to_vec();
        self.report(&first, whole.len());
        let mut last = first.clone();
        while last.flag == '+' {
            last = self.end.msrp.next_send();
            assert_eq!(last.byte_range().0, u64::try_from(whole.len()).unwrap() + 1, "{last:?}");
            whole.extend_from_slice(last.content());
            self.report(&last, whole.len());
        }
        assert_eq!(last.flag, '$', "{last:?}");
        (first, whole)
    }

    /// Reports a chunk that ends at `end`, as it asks for.
    pub(crate) fn report(&mut self, chunk: &MsrpMessage, end: usize) {
        assert_eq!(chunk.header("Success-Report"), "yes", "{chunk:?}");
        let (start, _, total) = chunk.byte_range();
        let total = total.map_or("*".to_owned(), |total| total.to_string());
        let Participant { path, session, msrp, .. } = &mut self.end;
        let (tid, id) = (unique(""), chunk.header("Message-ID"));
        msrp.write(format!(
            "MSRP {tid} REPORT\r\nTo-Path: {session}\r\nFrom-Path: {path}\r\nMessage-ID: {id}\r\n\
             Byte-Range: {start}-{end}/{total}\r\nStatus: 000 200 OK\r\n-------{tid}$\r\n"
        ));
    }
}
