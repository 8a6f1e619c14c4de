//! The reading half of a connection: decodes, finds the session of each request, and hands on what its room is to decide.

use super::connection::{Connection, Seat};
use super::find::{NoSeat, find};
use super::run::{CHUNK_OVERHEAD, Run, answers_taken, run_of};
use super::table::{Answer, Binding, SessionEntry};
use super::vacancy::LINGER;
use crate::metrics::{MsrpMethod, Rejected};
use bytes::Bytes;
use parlor_msrp::{
    ByteRange, DecodeError, Decoder, Event, FailureReport, Flag, MessageId, Method, Request, Response, SendHead,
    TransactionId, Uri, encode_end, encode_response, encode_send_head, reason, response_path,
};
use parlor_switch::Input;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout};
use tracing::debug;

/// The most that is read at once, if the connection's window is not smaller.
const READ: usize = 256 * 1024;

/// After so many reads the writer gets a turn.
const READS_IN_A_TURN: u64 = 16;

/// How many events of one read are handed on at once: taken apart, short requests are several times as large.
const ENOUGH: usize = 256;

thread_local! {
    /// One for each worker: an idle connection has no buffer of its own.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// Reads until the peer closes, breaks the framing, or the server stops.
pub(super) async fn read<R: AsyncRead + Unpin>(connection: &Connection, mut half: R) -> io::Result<()> {
    let mut decoder = Decoder::new(connection.settings().decoder);
    let mut current = Current::Nothing;
    let mut reads: u64 = 0;
    loop {
        reads += 1;
        // What is refused here waits for nothing, so a peer that sends without end would keep the writer, and its clock,
        // from ever getting a turn.
        if reads.is_multiple_of(READS_IN_A_TURN) {
            yield_now().await;
        }
        held(connection, pin!(answers_taken(connection))).await;
        let bytes = read_some(&mut half, connection.window.octets()).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        let read_at = Instant::now();
        connection.metrics().msrp_bytes_received.inc_by(bytes.len() as u64);
        let (read, mut counted) = (bytes.len(), 0);
        decoder.push(bytes);
        let mut runs: Vec<Run> = Vec::new();
        if let Current::Of { seat, .. } = &current {
            // What goes on with a chunk may leave with headers of its own.
            run_of(&mut runs, &seat.entry.inbox).bulk += CHUNK_OVERHEAD;
        }
        let mut early = None;
        loop {
            let taken = take_apart(connection, &mut decoder, early.take(), &mut current, &mut runs);
            counted += runs.iter().map(Run::octets).sum::<usize>();
            if let (Taken::All, Some(last)) = (&taken, runs.last_mut()) {
                last.rest = read.saturating_sub(counted);
            }
            for run in runs.drain(..) {
                let too_early = run.too_early;
                held(connection, pin!(run.hand_on(connection, read_at))).await;
                if let Some(until) = too_early {
                    connection.metrics().msrp_rate_waits.inc();
                    held(connection, pin!(sleep_until(until.into()))).await;
                }
            }
            match taken {
                Taken::All => break,
                Taken::Enough => {}
                Taken::Refused => held(connection, pin!(answers_taken(connection))).await,
                Taken::Early(request, answer) => {
                    held(connection, pin!(answer.comes())).await;
                    early = Some(request);
                }
                Taken::Broken(error) => return lose_framing(connection, &mut half, &error).await,
            }
        }
    }
}

/// How far what was read has been taken apart.
enum Taken {
    /// To its end.
    All,
    /// Up to where it is time to hand on what there is, or to wait with what comes.
    Enough,
    /// Up to a request that was answered here.
    Refused,
    /// Up to a request of a session that we offered, and whose answer has not come.
    Early(Box<Request>, Answer),
    /// Up to where the framing is lost.
    Broken(DecodeError),
}

/// `early` is a request that has waited for an answer; it comes before what has not been decoded.
fn take_apart(
    connection: &Connection,
    decoder: &mut Decoder,
    early: Option<Box<Request>>,
    current: &mut Current,
    runs: &mut Vec<Run>,
) -> Taken {
    if let Some(taken) = early.and_then(|request| take_request(connection, request, current, runs)) {
        return taken;
    }
    for _ in 0..ENOUGH {
        match decoder.poll() {
            Ok(Some(Event::Request(request))) => {
                connection.metrics().msrp_requests.of(MsrpMethod::of(request.method.as_str())).inc();
                if let Some(taken) = take_request(connection, request, current, runs) {
                    return taken;
                }
            }
            Ok(Some(Event::Body(body))) => take_body(body, current, runs),
            Ok(Some(Event::End(flag))) => take_end(flag, current, runs),
            Ok(Some(Event::Response(response))) => take_response(connection, response, runs),
            Ok(None) => return Taken::All,
            Err(error) => return Taken::Broken(error),
        }
    }
    Taken::Enough
}

/// Waits for something else than the peer, whose timers stand still meanwhile (CHAT-62).
async fn held<F: Future + Unpin>(connection: &Connection, mut wait: F) -> F::Output {
    let mut waited = false;
    let output = poll_fn(|cx| {
        let state = Pin::new(&mut wait).poll(cx);
        if state.is_pending() && !waited {
            waited = true;
            connection.outbox.hold_reader();
        }
        state
    });
    let output = output.await;
    if waited {
        connection.outbox.release_reader(Instant::now());
    }
    output
}

/// We connected for this session: it is bound, and the first thing on the connection is a SEND (MSRP-154). Gives `false`
/// if it has ended or is bound by now.
pub(super) async fn bind_first(connection: &Connection, entry: Arc<SessionEntry>) -> bool {
    if entry.bind(connection.number) != Binding::Bound {
        return false;
    }
    let mut encoded = Vec::with_capacity(256);
    let tid = TransactionId::from_random(rand::random(), rand::random());
    let message_id = MessageId::from_random(rand::random(), rand::random());
    let empty = ByteRange { start: 1, end: Some(0), total: Some(0) };
    let head = SendHead {
        tid: &tid,
        to: &entry.peer,
        from: &entry.local,
        message_id: &message_id,
        byte_range: Some(empty),
        failure_report: FailureReport::Yes,
        success_report: false,
        content_type: None,
    };
    encode_send_head(&mut encoded, &head);
    encode_end(&mut encoded, &tid, Flag::Complete);
    let Seat { slot, entry } = connection.seat(entry);
    connection.outbox.push_control(Bytes::from(encoded));
    Arc::clone(&entry.inbox).bound(entry, Arc::clone(&connection.outbox), slot, Some(tid)).await;
    true
}

async fn read_some<R: AsyncRead + Unpin>(half: &mut R, most: usize) -> io::Result<Bytes> {
    poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let most = most.min(scratch.len());
            let mut buffer = ReadBuf::new(&mut scratch[..most]);
            match Pin::new(&mut *half).poll_read(cx, &mut buffer) {
                // A copy of its own size: what a message keeps alive is what came with it, not a whole buffer.
                Poll::Ready(Ok(())) => Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled()))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        })
    })
    .await
}

/// Whose request is coming in.
#[derive(Debug)]
enum Current {
    Nothing,
    /// It was answered here; its body is dropped.
    Answered,
    /// Its room decides. The octets of a first frame are counted apart.
    Of {
        seat: Seat,
        first_frame_left: usize,
    },
}

/// A request comes in. Gives how far what was read has been taken apart, if that is not to go on.
fn take_request(
    connection: &Connection,
    request: Box<Request>,
    current: &mut Current,
    runs: &mut Vec<Run>,
) -> Option<Taken> {
    match begin(connection, request, runs) {
        Begun::Is(begun) => *current = begun,
        Begun::Early(request, answer) => return Some(Taken::Early(request, answer)),
    }
    if let Current::Answered = current {
        return Some(Taken::Refused);
    }
    runs.last().is_some_and(|run| run.too_early.is_some()).then_some(Taken::Enough)
}

fn take_body(body: Bytes, current: &mut Current, runs: &mut Vec<Run>) {
    if let Current::Of { seat, first_frame_left } = current {
        let first = body.len().min(*first_frame_left);
        *first_frame_left -= first;
        let run = run_of(runs, &seat.entry.inbox);
        run.heads += first;
        run.bulk += body.len() - first;
        run.push(seat, Input::Body(body));
    }
}

fn take_end(flag: Flag, current: &mut Current, runs: &mut Vec<Run>) {
    if let Current::Of { seat, .. } = std::mem::replace(current, Current::Nothing) {
        let run = run_of(runs, &seat.entry.inbox);
        run.whole = true;
        run.push(&seat, Input::End(flag));
    }
}

fn take_response(connection: &Connection, response: Box<Response>, runs: &mut Vec<Run>) {
    let session_id = response.to_path.last().session_id();
    if let Some(seat) = session_id.and_then(|id| connection.seat_of(id)) {
        run_of(runs, &seat.entry.inbox).push(&seat, Input::Response(response));
    }
}

/// What becomes of a request.
enum Begun {
    /// It is the one that is coming in.
    Is(Current),
    /// It has overtaken the answer to our offer, which is to be waited for (MSRP-96).
    Early(Box<Request>, Answer),
}

fn begin(connection: &Connection, request: Box<Request>, runs: &mut Vec<Run>) -> Begun {
    let known_method = matches!(request.method, Method::Send | Method::Report | Method::Nickname);
    if !known_method {
        // MSRP-12, MSRP-173.
        return Begun::Is(answer(connection, &request, 501, Rejected::MsrpUnknownMethod));
    }
    let seat = match find(connection, &request, runs) {
        Ok(seat) => seat,
        Err(NoSeat::Refused(code, rejected)) => return Begun::Is(answer(connection, &request, code, rejected)),
        Err(NoSeat::Awaited(answer)) => return Begun::Early(request, answer),
    };
    if request.malformed.is_some() {
        // MSRP-100: parsable, but a wrong value.
        return Begun::Is(answer(connection, &request, 400, Rejected::MsrpMalformedHeader));
    }
    // What stands within the length of a first frame counts as one, in however many chunks it comes.
    let before = usize::try_from(request.start() - 1).unwrap_or(usize::MAX);
    let first_frame_left = connection.settings().frame_bytes.saturating_sub(before);
    let first = first_frame_left > 0;
    if runs.last().is_some_and(|run| run.heads >= connection.window.piece()) {
        runs.push(Run::new(&seat.entry.inbox));
    }
    let run = run_of(runs, &seat.entry.inbox);
    // Every chunk is copied with headers of its own: without them many tiny ones would overflow who keeps up.
    run.heads += if request.has_body && first { CHUNK_OVERHEAD } else { 0 };
    run.bulk += if request.has_body && !first { CHUNK_OVERHEAD } else { 0 };
    match request.method {
        Method::Send if request.has_body && request.start() == 1 => run.count_message(&seat),
        Method::Nickname => run.count_nickname(&seat),
        Method::Send | Method::Report | Method::Auth | Method::Other(_) => {}
    }
    run.push(&seat, Input::Request(request));
    Begun::Is(Current::Of { seat, first_frame_left })
}

/// Answers what no room needs to decide.
fn answer(connection: &Connection, request: &Request, code: u16, rejected: Rejected) -> Current {
    connection.metrics().reject(rejected);
    let wanted = match request.method {
        // MSRP-54, MSRP-93.
        Method::Report => false,
        Method::Send => request.failure_report != FailureReport::No,
        Method::Nickname | Method::Auth | Method::Other(_) => true,
    };
    if wanted {
        respond(connection, &request.tid, code, response_path(request), request.to_path.first());
    }
    Current::Answered
}

fn respond(connection: &Connection, tid: &TransactionId, code: u16, to: impl std::fmt::Display, from: &Uri) {
    let mut encoded = Vec::with_capacity(192);
    encode_response(&mut encoded, tid, code, reason(code), &to, from);
    // Of its own size: many may wait.
    connection.outbox.push_control(Bytes::from(encoded.into_boxed_slice()));
    connection.metrics().msrp_responses.of(code).inc();
}

/// MSRP-100: nothing after this can be understood; 400 if there is somebody to tell, then the end. What comes meanwhile is
/// thrown away, as closing with unread data would take the 400 from the peer.
async fn lose_framing<R: AsyncRead + Unpin>(
    connection: &Connection,
    half: &mut R,
    error: &DecodeError,
) -> io::Result<()> {
    debug!(%error, "MSRP framing lost");
    connection.metrics().reject(Rejected::MsrpFraming);
    if let Some((tid, to, from)) = error.answerable() {
        respond(connection, &tid, 400, from.first(), to.first());
    }
    connection.outbox.finish();
    // The writer shuts down once the answer is out; then the peer closes, if that does not take too long.
    let drained = async { while read_some(half, READ).await.is_ok_and(|waste| !waste.is_empty()) {} };
    let _ = timeout(LINGER, drained).await;
    Ok(())
}
