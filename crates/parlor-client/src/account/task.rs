//! The task of an account: opens, goes on, ends.

use std::time::Duration;

use parlor_cpim::Address;
use parlor_sip::{NameAddr, Uri};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::error::{AccountError, PublishError, WatchError};
use super::event::{AccountEvent, Presence};
use super::options::AccountOptions;
use crate::limits::Limits;
use crate::sip::account::{Agent, Letter, Settings};
use crate::sip::{Identity, Incoming, Line, Wire};

/// What an account handle is made of.
pub(crate) struct Opened {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) identity: Address,
    pub(crate) events: mpsc::Receiver<AccountEvent>,
    pub(crate) wire: Wire,
}

/// What the handles ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Letter),
    Typed(Uri),
    Watch(Uri, oneshot::Sender<Result<(), WatchError>>),
    Unwatch(Uri),
    Publish(Presence, oneshot::Sender<Result<(), PublishError>>),
}

/// Opens the account, tells so, and goes on until `ended` is told or dropped.
pub(crate) async fn run(
    options: AccountOptions,
    mut opened: oneshot::Sender<Result<Opened, AccountError>>,
    ended: oneshot::Receiver<()>,
) {
    let deadline = Instant::now() + options.timeout;
    let opening = async { timeout_at(deadline, prepare(&options)).await };
    let prepared = tokio::select! {
        prepared = opening => prepared.unwrap_or(Err(AccountError::Timeout(options.timeout))),
        () = opened.closed() => return,
    };
    let (mut driver, handle) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return drop(opened.send(Err(error))),
    };
    let registered = tokio::select! {
        registered = timeout_at(deadline, driver.registered(&options)) => {
            registered.unwrap_or(Err(AccountError::Timeout(options.timeout)))
        }
        () = opened.closed() => Err(AccountError::Timeout(options.timeout)),
    };
    if opened.send(registered.map(|()| handle)).is_ok() {
        tokio::select! {
            never = driver.run() => match never {},
            // Told or dropped.
            _ = ended => {}
        }
    }
    driver.leave().await;
}

async fn prepare(options: &AccountOptions) -> Result<(Driver, Opened), AccountError> {
    let wire = options.reach.connect(Limits::default().sip).await?;
    let line = wire.line().await;
    let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the system gives random octets");
    let from = options.address()?;
    let settings = Settings {
        registrar: options.registrar(),
        instance: format!("<{}>", options.instance.clone().unwrap_or_else(|| uuid(&mut rng))),
        expires: u32::try_from(options.expires.as_secs()).unwrap_or(u32::MAX),
    };
    let address = address(&from);
    let identity = Identity { from, login: options.login.clone(), user_agent: options.user_agent.clone() };
    let agent = Agent::new(settings, identity, line.flow(), line.number(), rng);
    let (commands, asked) = mpsc::channel(COMMANDS);
    let (told, events) = mpsc::channel(EVENTS);
    let driver = Driver { agent, line, commands: asked, events: told, waiting: None };
    Ok((driver, Opened { commands, identity: address, events, wire }))
}

/// A user agent with its line.
struct Driver {
    agent: Agent,
    line: Line,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<AccountEvent>,
    /// The event that waits for room.
    waiting: Option<AccountEvent>,
}

impl Driver {
    /// Registers, if that is wanted.
    async fn registered(&mut self, options: &AccountOptions) -> Result<(), AccountError> {
        if !options.register {
            return Ok(());
        }
        self.agent.register(Instant::now().into_std());
        loop {
            if let Some(result) = self.agent.poll_registered() {
                self.expect_answers().await;
                return result.map_err(AccountError::NotRegistered);
            }
            self.step().await;
        }
    }

    async fn run(&mut self) -> std::convert::Infallible {
        loop {
            if self.waiting.is_none() {
                self.waiting = self.next_event().await;
            }
            self.step().await;
        }
    }

    async fn next_event(&mut self) -> Option<AccountEvent> {
        match self.agent.poll_registered() {
            Some(Ok(())) => {
                self.expect_answers().await;
                Some(AccountEvent::Registered)
            }
            Some(Err(why)) => Some(AccountEvent::NotRegistered(why)),
            None => self.agent.poll_event(),
        }
    }

    /// Says goodbye, and waits a little for that to be heard.
    async fn leave(&mut self) {
        self.agent.leave(Instant::now().into_std());
        let farewell = async {
            while !self.agent.is_over() {
                self.step().await;
            }
        };
        // Who does not answer finds out by itself.
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// RFC 5626 §4.4.1
    async fn expect_answers(&self) {
        if self.agent.is_outbound() {
            self.line.expect_answers().await;
        }
    }

    /// Waits for one thing to happen, and does it. When dropped, a message that was being sent may be lost.
    async fn step(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            self.line.send(transmit.bytes).await;
        }
        let Self { agent, line, commands, events, waiting } = self;
        let due = agent.poll_timeout();
        tokio::select! {
            incoming = line.receive() => handle(agent, incoming),
            Some(command) = commands.recv() => obey(agent, command),
            place = events.reserve(), if waiting.is_some() => {
                // If there is no place, nobody takes events any more.
                if let (Ok(place), Some(event)) = (place, waiting.take()) {
                    place.send(event);
                }
            }
            () = async { sleep_until(due.expect("checked").into()).await }, if due.is_some() => {
                agent.handle_timeout(Instant::now().into_std());
            }
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.line.send(transmit.bytes).await;
        }
    }
}

fn obey(agent: &mut Agent, command: Command) {
    let now = Instant::now().into_std();
    match command {
        Command::Send(letter) => agent.send(now, letter),
        Command::Typed(to) => agent.typed(now, &to),
        // Nobody may wait any more.
        Command::Watch(who, done) => drop(done.send(agent.watch(now, who))),
        Command::Unwatch(who) => agent.unwatch(now, &who),
        Command::Publish(presence, done) => agent.publish(now, presence, done),
    }
}

fn handle(agent: &mut Agent, incoming: Incoming) {
    let now = Instant::now().into_std();
    match incoming {
        Incoming::Message(message) => agent.handle_message(now, message),
        Incoming::Invalid(error) => agent.handle_invalid(&error),
        Incoming::Lost => agent.handle_connection_lost(now),
        Incoming::Connected(flow) => agent.handle_connected(now, flow),
    }
}

fn address(from: &NameAddr) -> Address {
    let address = Address::new(from.uri.to_string());
    match &from.display {
        Some(display) => address.named(&**display),
        None => address,
    }
}

/// A random one, version 4.
fn uuid(rng: &mut StdRng) -> String {
    let (high, low) = (rng.next_u64(), rng.next_u64());
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// What waits to be done.
const COMMANDS: usize = 64;
/// Events that wait to be taken; more wait in the user agent, until it is busy.
const EVENTS: usize = 64;
/// How long the server may take to answer our goodbye.
const FAREWELL: Duration = Duration::from_secs(5);
