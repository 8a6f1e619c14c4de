//! What comes in on one participant's connection: MSRP from the server, plain frames from the bare broadcaster.

use anyhow::{Context, bail, ensure};

use crate::{
    frame::{Frame, Headers, Scanner},
    marker::{self, Marker},
    shape::Shape,
};

/// What the driver learns from the bytes read.
pub(crate) enum Arrival {
    /// A message has arrived completely, with so many bytes on the wire.
    Delivery(Marker, usize),
    /// Our SEND was accepted (200), or the broadcaster has taken us in.
    Accepted,
    /// A message of the room itself.
    Notice,
}

/// The messages that are expected, so that each can be checked.
#[derive(Default)]
pub(crate) struct Expect {
    /// Bytes of a whole message body, CPIM headers included.
    pub(crate) body: usize,
    /// Bytes of a frame of the broadcaster.
    pub(crate) frame: usize,
    /// Position of the marker in the body; another one stands at its end.
    pub(crate) lead: usize,
    /// The whole body, where every byte is to be compared.
    pub(crate) exact: Option<Vec<u8>>,
}

/// The incoming side of one connection.
pub(crate) enum Wire {
    Msrp(Box<Session>),
    Bare { greeted: bool, at: usize, marker: Option<Marker> },
}

/// An MSRP session of ours.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) path: String,
    pub(crate) peer: String,
    scanned: usize,
    /// Messages of which some chunks have arrived.
    open: Vec<Open>,
    /// Of the last message of one frame.
    shape: Option<Shape>,
}

struct Open {
    message_id: Vec<u8>,
    marker: Marker,
    received: usize,
    length: usize,
}

impl Wire {
    pub(crate) fn bare() -> Wire {
        Wire::Bare { greeted: false, at: 0, marker: None }
    }

    pub(crate) fn msrp(path: String, peer: String) -> Wire {
        Wire::Msrp(Box::new(Session { path, peer, ..Session::default() }))
    }

    /// Reads what is complete in `data` and returns its length; `answers` gets what the peer asks for.
    pub(crate) fn feed(
        &mut self,
        data: &[u8],
        scanner: &Scanner,
        expect: &Expect,
        answers: &mut Vec<u8>,
        mut arrived: impl FnMut(Arrival) -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let mut used = 0;
        match self {
            Wire::Msrp(session) => loop {
                if let Some((arrival, length)) = session.read_alike(&data[used..], expect, answers) {
                    used += length;
                    arrived(arrival)?;
                    continue;
                }
                let Some(frame) = scanner.frame(&data[used..], &mut session.scanned)? else { break };
                used += frame.length;
                if let Some(arrival) = session.read(&frame, expect, answers)? {
                    arrived(arrival)?;
                }
            },
            Wire::Bare { greeted, at, marker } => {
                if !*greeted && !data.is_empty() {
                    ensure!(data[0] == b'+', "the broadcaster greets with +");
                    *greeted = true;
                    used = 1;
                    arrived(Arrival::Accepted)?;
                }
                while used < data.len() {
                    if *at == 0 {
                        let Some(digits) = data.get(used..used + marker::LENGTH) else {
                            break;
                        };
                        *marker = Some(Marker::read(digits).context("a frame without marker: framing is lost")?);
                    }
                    let taken = (expect.frame - *at).min(data.len() - used);
                    (used, *at) = (used + taken, *at + taken);
                    if *at == expect.frame {
                        *at = 0;
                        let marker = marker.take().context("every frame starts with its marker")?;
                        arrived(Arrival::Delivery(marker, expect.frame))?;
                    }
                }
            }
        }
        Ok(used)
    }
}

impl Session {
    fn read(&mut self, frame: &Frame<'_>, expect: &Expect, answers: &mut Vec<u8>) -> anyhow::Result<Option<Arrival>> {
        match frame.word {
            b"SEND" => {}
            b"200" => return Ok(Some(Arrival::Accepted)),
            b"REPORT" => return Ok(None),
            other => bail!("the server answered {:?}", String::from_utf8_lossy(other)),
        }
        let headers = frame.headers();
        if headers.asks_answer() {
            self.answer(frame.transaction, headers.previous_hop(), answers);
        }
        let Some(body) = frame.body else {
            return Ok(Some(Arrival::Notice));
        };
        if headers.start > 1 {
            return self.continued(frame, &headers, body, expect);
        }
        let digits = body.get(expect.lead..expect.lead + marker::LENGTH);
        let Some(marker) = digits.and_then(Marker::read) else {
            return Ok(Some(Arrival::Notice));
        };
        compare(body, 0, expect)?;
        let open = Open { message_id: headers.message_id.to_vec(), marker, received: body.len(), length: frame.length };
        match frame.flag {
            b'$' => {
                self.shape = Some(Shape::of(frame, &headers, body));
                complete(&open, body, expect).map(Some)
            }
            b'+' => {
                self.open.push(open);
                Ok(None)
            }
            _ => bail!("the server gave up a message (#)"),
        }
    }

    fn continued(
        &mut self,
        frame: &Frame<'_>,
        headers: &Headers<'_>,
        body: &[u8],
        expect: &Expect,
    ) -> anyhow::Result<Option<Arrival>> {
        let found = self.open.iter().position(|open| open.message_id == headers.message_id);
        let index = found.context("a later chunk of a message that never began")?;
        let open = &mut self.open[index];
        ensure!(headers.start == open.received + 1, "a chunk starts at {} after {}", headers.start, open.received);
        compare(body, open.received, expect)?;
        open.received += body.len();
        open.length += frame.length;
        match frame.flag {
            b'+' => Ok(None),
            b'$' => complete(&self.open.remove(index), body, expect).map(Some),
            _ => bail!("the server gave up a message (#) after {} bytes", open.received),
        }
    }

    /// Reads a message like the one before; any other is left to `read`, doubtful ones too.
    fn read_alike(&mut self, data: &[u8], expect: &Expect, answers: &mut Vec<u8>) -> Option<(Arrival, usize)> {
        let shape = self.shape.as_ref().filter(|_| expect.exact.is_none())?;
        let (transaction, body) = shape.read(data)?;
        let digits = body.get(expect.lead..expect.lead + marker::LENGTH)?;
        if body.len() != expect.body || !body.ends_with(digits) {
            return None;
        }
        let marker = Marker::read(digits)?;
        if let Some(previous) = &shape.answer_to {
            self.answer(transaction, previous, answers);
        }
        let length = shape.length();
        self.scanned = 0;
        Some((Arrival::Delivery(marker, length), length))
    }

    fn answer(&self, transaction: &[u8], previous: &[u8], answers: &mut Vec<u8>) {
        for part in [
            b"MSRP ".as_slice(),
            transaction,
            b" 200 OK\r\nTo-Path: ",
            previous,
            b"\r\nFrom-Path: ",
            self.path.as_bytes(),
            b"\r\n-------",
            transaction,
            b"$\r\n",
        ] {
            answers.extend_from_slice(part);
        }
    }
}

fn compare(body: &[u8], at: usize, expect: &Expect) -> anyhow::Result<()> {
    if let Some(exact) = &expect.exact {
        ensure!(exact.get(at..at + body.len()) == Some(body), "a copy differs from what was sent");
    }
    Ok(())
}

/// Checks the message whose last chunk is `body`.
fn complete(open: &Open, body: &[u8], expect: &Expect) -> anyhow::Result<Arrival> {
    ensure!(open.received == expect.body, "a copy has {} bytes instead of {}", open.received, expect.body);
    let end = body.len().checked_sub(marker::LENGTH).map(|start| &body[start..]);
    if let Some(end) = end {
        ensure!(Marker::read(end) == Some(open.marker), "a copy ends with another message's bytes");
    }
    Ok(Arrival::Delivery(open.marker, open.length))
}
