//! The task of a room: joins, keeps both sides going, leaves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use parlor_cpim::Address;
use parlor_sip::{NameAddr, Scheme, Uri};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::composing::{self, Step};
use crate::error::{JoinError, Rejection};
use crate::event::Closed;
use crate::msrp::{self, BindError, EventSender, Events};
use crate::options::{Identity, JoinOptions};
use crate::roster::Roster;
use crate::roster_events;
use crate::sdp::{Answer, Offer};
use crate::sender::{self, Sender};
use crate::sip::{self, Driver, Ended, Output, Profile, Refer, UserAgent, Wire};
use crate::stream::{self, Stream};
use crate::target;

/// What a room handle is made of.
pub(crate) struct Joined {
    pub(crate) sender: Sender,
    pub(crate) events: Events,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) closed: Closed,
    /// Whether both sides know.
    pub(crate) answered: bool,
}

/// Joins, tells so, and goes on until the session is over. Ends soon after either receiver or sender is dropped.
/// The room is reached over `wire` if there is one, else over a connection of its own.
pub(crate) async fn run(
    options: JoinOptions,
    wire: Option<Wire>,
    mut joined: oneshot::Sender<Result<Joined, JoinError>>,
    left: oneshot::Receiver<()>,
) -> Outcome {
    let deadline = Instant::now() + options.timeout;
    let nobody = Outcome { closed: Closed::Left, answered: true };
    let prepared = tokio::select! {
        prepared = timeout_at(deadline, prepare(&options, wire)) => prepared.unwrap_or(Err(JoinError::Timeout(options.timeout))),
        () = joined.closed() => return nobody,
    };
    let Prepared { mut sip, profile, identity, rng, lines } = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            // Nobody may wait any more.
            let _ = joined.send(Err(error));
            return nobody;
        }
    };
    let established = tokio::select! {
        established = establish(&options, &mut sip, profile, identity, rng, lines) => established,
        () = sleep_until(deadline) => Err(JoinError::Timeout(options.timeout)),
        () = joined.closed() => Err(JoinError::Timeout(options.timeout)),
    };
    let (result, established) = match established {
        Ok((established, handle)) => (Ok(handle), Some(established)),
        Err(error) => {
            farewell(&mut sip).await;
            (Err(error), None)
        }
    };
    match (joined.send(result), established) {
        (Ok(()), Some(established)) => stay(sip, established, left).await,
        // Nobody waits any more.
        (Err(_), Some(_)) | (Ok(()) | Err(_), None) => {
            farewell(&mut sip).await;
            nobody
        }
    }
}

/// A line of a SIP connection, and who we are on it.
struct Prepared {
    sip: Driver,
    profile: Profile,
    identity: sip::Identity,
    rng: StdRng,
    lines: Lines,
}

/// What connects the handles of a room with its SIP side.
struct Lines {
    refers: mpsc::Sender<Refer>,
    roster: watch::Receiver<Option<Arc<Roster>>>,
}

/// The MSRP side of a room, and the events of both.
struct Established {
    msrp: msrp::Driver,
    events: EventSender,
    roster: watch::Receiver<Option<Arc<Roster>>>,
    steps: mpsc::Receiver<Step>,
    sender: Sender,
}

/// Connects for SIP.
async fn prepare(options: &JoinOptions, wire: Option<Wire>) -> Result<Prepared, JoinError> {
    let wire = match wire {
        Some(wire) => wire,
        None => options.reach().connect(options.limits.sip).await?,
    };
    let line = wire.line().await;
    let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the system gives random octets");
    let local = line.flow().local.ip();
    let session_id = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
    let profile = Profile {
        room: options.room.clone(),
        offer: Offer::new(local, options.wants_msrp_tls(), &session_id, rng.next_u32(), &options.wrapped_types),
        follow_roster: options.follow_roster,
        roster_octets: options.limits.roster_octets,
    };
    if options.wants_msrp_tls() && options.tls.is_none() {
        return Err(JoinError::NoTls);
    }
    let identity = sip::Identity {
        from: from(options, local)?,
        login: options.login.clone(),
        user_agent: options.user_agent.clone(),
    };
    let of_agent = StdRng::from_rng(&mut rng);
    let agent = UserAgent::new(profile.clone(), identity.clone(), line.flow(), line.number(), of_agent);
    let (refers, asked) = mpsc::channel(COMMANDS);
    let (told, roster) = watch::channel(None);
    let sip = Driver::new(agent, line, asked, told);
    Ok(Prepared { sip, profile, identity, rng, lines: Lines { refers, roster } })
}

/// Invites us, connects for MSRP and binds.
async fn establish(
    options: &JoinOptions,
    sip: &mut Driver,
    profile: Profile,
    identity: sip::Identity,
    rng: StdRng,
    lines: Lines,
) -> Result<(Established, Joined), JoinError> {
    sip.invite();
    let (conference, body) = admitted(options, sip).await?;
    let answer = Answer::read(&body, &profile.offer.path)?;
    let stream = tokio::select! {
        stream = connect_msrp(options, &answer) => stream?,
        ended = ended(sip) => return Err(closed_by(ended).into()),
    };
    let room = plain(&conference);
    let session = msrp::Session::new(
        profile.offer.path.clone(),
        answer.path.clone(),
        msrp::Parties { room: vec![room.clone(), plain(&options.room)], own: identity.from.uri.clone() },
        rng,
        options.limits.clone(),
    );
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let (abandoned, given_up) = mpsc::unbounded_channel();
    let (composing, steps) = mpsc::channel(STEPS);
    let (event_sender, events) = msrp::events(&options.limits);
    let mut driver = msrp::Driver::new(session, stream, receiver, given_up, event_sender.clone());
    let bound = tokio::select! {
        bound = driver.bind() => bound,
        ended = ended(sip) => return Err(closed_by(ended).into()),
    };
    bound.map_err(|error| match error {
        BindError::Refused(code) => JoinError::Bind { code },
        BindError::Timeout => JoinError::Timeout(options.timeout),
        BindError::Closed(closed) => closed.into(),
    })?;
    let sender = Sender::new(sender::Session {
        commands,
        abandoned,
        window: Arc::new(Semaphore::new(options.limits.open_transactions.clamp(1, Semaphore::MAX_PERMITS))),
        identity: address(&identity.from),
        nickname: Mutex::default(),
        room: Address::new(room.to_string()),
        local: profile.offer.path,
        peer: answer.path,
        capabilities: answer.capabilities,
        chunk_size: options.chunk_size,
        refers: lines.refers,
        composing,
        roster: lines.roster.clone(),
    });
    let established =
        Established { msrp: driver, events: event_sender, roster: lines.roster, steps, sender: sender.clone() };
    Ok((established, Joined { sender, events }))
}

/// Waits for the answer to our INVITE.
async fn admitted(options: &JoinOptions, sip: &mut Driver) -> Result<(Uri, Bytes), JoinError> {
    match sip.next_output().await {
        Output::Admitted { conference, body } => Ok((conference, body)),
        Output::Rejected(Rejection { code: 401 | 407, .. }) => {
            Err(if options.login.is_some() { JoinError::WrongLogin } else { JoinError::NoLogin })
        }
        Output::Rejected(rejection) => Err(JoinError::Rejected(rejection)),
        Output::Ended(Ended::Lost) => Err(JoinError::Lost),
        Output::Ended(Ended::Unanswered) => Err(JoinError::Timeout(options.timeout)),
        Output::Ended(ended) => Err(closed_by(ended).into()),
    }
}

async fn connect_msrp(options: &JoinOptions, answer: &Answer) -> Result<Stream, JoinError> {
    let uri = answer.path.first();
    let (host, port) = (uri.host(), uri.port().unwrap_or_default());
    let failed = |error| JoinError::ConnectMsrp { address: format!("{host}:{port}"), error };
    let tls = if uri.is_secure() { Some(options.reach().tls(host)?) } else { None };
    let addresses = target::look_up(host, port).await.map_err(failed)?;
    let connected = stream::connect(&addresses, tls.as_ref()).await;
    connected.map(|connected| connected.stream).map_err(|(_, error)| failed(error))
}

/// Keeps both sides going until one of them ends or we leave.
async fn stay(mut sip: Driver, established: Established, left: oneshot::Receiver<()>) -> Outcome {
    let Established { mut msrp, events, roster, steps, sender } = established;
    let why = tokio::select! {
        closed = msrp.run() => Why::Closed(closed),
        ended = ended(&mut sip) => Why::Ended(ended),
        never = roster_events::tell(roster, events) => match never {},
        never = composing::indicate(steps, sender) => match never {},
        // Told or dropped.
        _ = left => Why::Leave,
    };
    match why {
        // MSRP-97: the session has failed; a new one is joined by whoever wants to.
        Why::Closed(closed) => match last_word(&mut sip).await {
            Some(Ended::Removed) => Outcome { closed: Closed::Removed, answered: true },
            Some(_) | None => Outcome { closed, answered: farewell(&mut sip).await },
        },
        Why::Ended(ended) => {
            // What was said before the BYE may still be on its way.
            let _ = timeout(LAST_WORDS, msrp.run()).await;
            Outcome { closed: closed_by(ended), answered: ended != Ended::LeftUnanswered }
        }
        Why::Leave => {
            let answered = tokio::select! {
                answered = farewell(&mut sip) => answered,
                () = forever(&mut msrp) => false,
            };
            Outcome { closed: Closed::Left, answered }
        }
    }
}

enum Why {
    Closed(Closed),
    Ended(Ended),
    Leave,
}

/// A BYE that comes with the end of the connection tells more than that end.
async fn last_word(sip: &mut Driver) -> Option<Ended> {
    timeout(LAST_WORDS, ended(sip)).await.ok()
}

/// Keeps the connection open.
async fn forever(msrp: &mut msrp::Driver) {
    msrp.run().await;
    std::future::pending::<()>().await;
}

/// Runs until the dialog is over.
async fn ended(sip: &mut Driver) -> Ended {
    loop {
        if let Output::Ended(ended) = sip.next_output().await {
            return ended;
        }
    }
}

/// Takes our INVITE back or says BYE; whether that was answered.
async fn farewell(sip: &mut Driver) -> bool {
    if sip.is_over() {
        return true;
    }
    sip.leave();
    matches!(timeout(FAREWELL, ended(sip)).await, Ok(Ended::Left | Ended::Removed))
}

fn closed_by(ended: Ended) -> Closed {
    match ended {
        Ended::Left | Ended::LeftUnanswered => Closed::Left,
        Ended::Removed => Closed::Removed,
        Ended::Expired | Ended::Unanswered => Closed::Expired,
        Ended::Lost => Closed::ConnectionLost,
    }
}

/// Who we are, as From of our INVITE.
fn from(options: &JoinOptions, local: std::net::IpAddr) -> Result<NameAddr, JoinError> {
    let uri = match &options.identity {
        Identity::Uri(uri) => uri.clone(),
        Identity::Name(name) => {
            let (user, host) = match &options.login {
                Some(login) => (&login.user, options.room.host().unwrap_or_default().to_owned()),
                None => (name, local.to_string()),
            };
            Uri::sip(Some(user), &host, None).map_err(|_| JoinError::Name(user.clone()))?
        }
    };
    let from = NameAddr::new(uri);
    Ok(match &options.display {
        Some(display) => from.with_display(display),
        None => from,
    })
}

fn address(from: &NameAddr) -> Address {
    let address = Address::new(from.uri.to_string());
    match &from.display {
        Some(display) => address.named(&**display),
        None => address,
    }
}

/// The room's address without what only says how to get there (CHAT-51).
fn plain(room: &Uri) -> Uri {
    let (user, host) = (room.user_decoded(), room.host().unwrap_or_default());
    let make = if *room.scheme() == Scheme::Sips { Uri::sips } else { Uri::sip };
    make(user.as_deref(), host, room.port()).unwrap_or_else(|_| room.clone())
}

/// Chunks that wait to be written.
const COMMANDS: usize = 4;
/// Keys that were typed and messages that were sent.
const STEPS: usize = 64;
/// How long the room may take to answer our goodbye.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long we listen to the one side after the other has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
