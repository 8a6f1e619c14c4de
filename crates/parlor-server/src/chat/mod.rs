//! `parlor chat`: a room, and people, in a terminal or in a script.

mod comings;
mod command;
mod complete;
mod connect;
mod contacts;
mod content_type;
mod control;
mod direct;
mod editor;
mod errands;
mod harmless;
mod input;
mod letters;
mod listen;
mod names;
mod outlets;
mod people;
mod presence;
mod printer;
mod save;
mod screen;
mod send;
mod size;
mod talk;
mod typing;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use parlor_client::{Account, Closed, Room};
use tokio::signal::unix::{SignalKind, signal};

use connect::{Connected, Wanted};
use input::Input;
use letters::Letters;
use listen::Listener;
use outlets::{Outlets, People};
use screen::Screen;
use talk::{Talker, Why};

/// What `parlor chat` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChatArgs {
    /// The room, such as sip:lobby@127.0.0.1:5060; or a server alone, such as sip:example.com, with --user
    #[arg(value_name = "SIP-URI")]
    uri: String,
    /// The name to join under, or a whole SIP URI; without it your login name
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// The user to log in as; the password is asked for, unless PARLOR_PASSWORD is set. Others can then write to you
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Do not register with --user: others cannot write to you
    #[arg(long, requires = "user")]
    no_register: bool,
    /// Tell when this user of the server, or this SIP URI, comes and goes; as often as you like
    #[arg(long = "contact", value_name = "USER", requires = "user")]
    contacts: Vec<String>,
    /// Save the files that others send in this directory
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Certificates to trust when the room is reached over TLS, a PEM file
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

/// Joins the room and stays until told to leave.
///
/// # Errors
/// When the room cannot be joined, ends the session, or does not take a message.
pub(crate) fn run(args: &ChatArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(chat(args));
    // A thread may still wait for a line of standard input.
    runtime.shutdown_background();
    // It may hold what the server gave as its reason.
    done.map_err(|error| anyhow!(harmless::lines(&format!("{error:#}"))))
}

async fn chat(args: &ChatArgs) -> Result<()> {
    let wanted = Wanted::of(args)?;
    if let Some(directory) = &args.save {
        std::fs::create_dir_all(directory).with_context(|| format!("--save {}", directory.display()))?;
    }
    let connected = connect::connect(wanted).await.with_context(|| args.uri.clone())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let people = connected.account.as_ref().map(|account| People::new(account.messenger()));
    let outlets = Outlets { room: connected.room.as_ref().map(Room::sender), people: people.clone() };
    let (mut input, screen) = Input::open(outlets.clone())?;
    let screen = Arc::new(screen);
    greet(&connected, !args.no_register, &screen, input.is_terminal());
    let Connected { mut room, mut account, .. } = connected;
    let topic = room.as_ref().and_then(Room::topic);
    let mut listener = Listener::new(Arc::clone(&screen), args.save.clone(), topic);
    if input.is_terminal() {
        listener.show_typing();
    }
    if let Some(people) = &people {
        if let Some(room) = &room {
            people.enter(&room.address().uri);
        }
        watch(people, &args.contacts, &screen).await;
    }
    let mut letters = people.map(|people| Letters::new(Arc::clone(&screen), people, input.is_terminal()));
    let mut interrupts = signal(SignalKind::interrupt())?;
    let talker = Talker::new(outlets, screen);
    let why = tokio::select! {
        closed = attend(&mut listener, room.as_mut()) => Why::Closed(closed),
        why = talker.run(&mut input, &mut interrupts) => why,
        _ = terminate.recv() => Why::Left,
        never = correspond(letters.as_mut(), account.as_mut()) => match never {},
    };
    listener.give_up().await;
    input.close();
    let left = tokio::select! {
        left = leave(why, room, account) => left,
        _ = interrupts.recv() => Err(anyhow!("left without waiting for the server to know")),
    };
    left.and_then(|()| talker.result())
}

/// Ends what goes on.
async fn leave(why: Why, room: Option<Room>, account: Option<Account>) -> Result<()> {
    let left = match (why, room) {
        (Why::Closed(closed), _) => ended(closed),
        (Why::Left, Some(room)) => room.leave().await.map_err(Into::into),
        (Why::Left, None) => Ok(()),
    };
    if let Some(account) = account {
        account.close().await;
    }
    left
}

/// Shows what is said in the room, if we are in one.
async fn attend(listener: &mut Listener, room: Option<&mut Room>) -> Closed {
    match room {
        Some(room) => listener.run(room).await,
        None => std::future::pending().await,
    }
}

/// Watches those whom the command line names.
async fn watch(people: &People, contacts: &[String], screen: &Screen) {
    for contact in contacts {
        match people.find(contact) {
            Some(uri) => {
                if let Err(error) = people.watch(&uri).await {
                    screen.problem(&format!("--contact {contact}: {error}"));
                }
            }
            None => screen.problem(&format!("--contact {contact}: no user, and no SIP URI")),
        }
    }
}

/// Shows what people write to us, if we have an account.
async fn correspond(letters: Option<&mut Letters>, account: Option<&mut Account>) -> std::convert::Infallible {
    match (letters, account) {
        (Some(letters), Some(account)) => letters.run(account).await,
        (Some(_) | None, _) => std::future::pending().await,
    }
}

fn ended(closed: Closed) -> Result<()> {
    match closed {
        Closed::Left => Ok(()),
        Closed::Removed | Closed::Expired | Closed::ConnectionLost | Closed::Protocol => bail!("{closed}"),
    }
}

fn greet(connected: &Connected, registers: bool, screen: &Screen, interactive: bool) {
    let Connected { room, account, refused } = connected;
    if let Some(account) = account {
        let own = &account.identity().uri;
        screen.notice(&match refused {
            Some(why) => format!("people do not reach you as {own}: {why}"),
            None if registers => format!("people reach you as {own}"),
            None => format!("people do not reach you, but you write to them as {own}"),
        });
    }
    if let Some(room) = room {
        let me = room.identity();
        screen.notice(&format!("you are in {} as {}", room.address().uri, me.display.as_deref().unwrap_or(&me.uri)));
        if let Some(topic) = room.topic() {
            screen.notice(&format!("topic: {topic}"));
        }
    }
    if interactive {
        screen.notice(match room {
            Some(_) => "type and press Enter; /help tells what else there is",
            None => "/dm USER TEXT writes to somebody; /help tells what else there is",
        });
    }
}
