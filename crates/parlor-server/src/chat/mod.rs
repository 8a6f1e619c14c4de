//! `parlor chat`: a room, and people, in a terminal or in a script.

mod account;
mod comings;
mod command;
mod complete;
mod content_type;
mod control;
mod direct;
mod editor;
mod harmless;
mod input;
mod letters;
mod listen;
mod names;
mod outlets;
mod people;
mod presence;
mod save;
mod screen;
mod send;
mod talk;
mod typing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use parlor_client::{Account, AccountOptions, Closed, JoinError, JoinOptions, RegisterError, Room, Uri};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::signal::unix::{SignalKind, signal};

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
    done
}

async fn chat(args: &ChatArgs) -> Result<()> {
    let wanted = Wanted::of(args)?;
    if let Some(directory) = &args.save {
        std::fs::create_dir_all(directory).with_context(|| format!("--save {}", directory.display()))?;
    }
    let Connected { room, account, refused } = connect(wanted).await.with_context(|| args.uri.clone())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let people = account.as_ref().map(|account| People::new(account.messenger()));
    let outlets = Outlets { room: room.as_ref().map(Room::sender), people: people.clone() };
    let (mut input, screen) = Input::open(outlets.clone())?;
    let screen = Arc::new(screen);
    if let Some(account) = &account {
        account::greet(account, !args.no_register, refused.as_ref(), &screen);
    }
    greet(room.as_ref(), &screen, input.is_terminal());
    let topic = room.as_ref().and_then(Room::topic);
    let mut listener = Listener::new(Arc::clone(&screen), args.save.clone(), topic);
    if input.is_terminal() {
        listener.show_typing();
    }
    if let Some(people) = &people {
        watch(people, &args.contacts).await?;
    }
    let mut letters = people.map(|people| Letters::new(Arc::clone(&screen), people, input.is_terminal()));
    let mut talker = Talker::new(outlets, Arc::clone(&screen), signal(SignalKind::interrupt())?);
    let (mut room, mut account) = (room, account);
    let why = tokio::select! {
        closed = async { listener.run(room.as_mut().expect("checked")).await }, if room.is_some() => Why::Closed(closed),
        why = talker.run(&mut input) => why,
        _ = terminate.recv() => Why::Left,
        never = correspond(letters.as_mut(), account.as_mut()) => match never {},
    };
    let left = match (why, room) {
        (Why::Closed(closed), _) => ended(closed),
        (Why::Left, Some(room)) => room.leave().await.map_err(Into::into),
        (Why::Left, None) => Ok(()),
    };
    if let Some(account) = account {
        account.close().await;
    }
    listener.give_up().await;
    input.close();
    left.and_then(|()| talker.result())
}

/// Watches those whom the command line names.
async fn watch(people: &People, contacts: &[String]) -> Result<()> {
    for contact in contacts {
        let uri = people.find(contact).with_context(|| format!("--contact {contact}: no user, and no SIP URI"))?;
        people.watch(&uri).await;
    }
    Ok(())
}

/// Shows what people write to us, if we have an account.
async fn correspond(letters: Option<&mut Letters>, account: Option<&mut Account>) -> std::convert::Infallible {
    match (letters, account) {
        (Some(letters), Some(account)) => letters.run(account).await,
        (Some(_) | None, _) => std::future::pending().await,
    }
}

/// What is asked for: a room, an account, or both.
struct Wanted {
    room: Option<JoinOptions>,
    account: Option<AccountOptions>,
}

struct Connected {
    room: Option<Room>,
    account: Option<Account>,
    /// Why people do not reach us, if the server does not let them.
    refused: Option<RegisterError>,
}

impl Wanted {
    fn of(args: &ChatArgs) -> Result<Self> {
        let is_server = args.uri.parse::<Uri>().is_ok_and(|uri| uri.is_sip() && uri.user().is_none());
        if is_server && args.user.is_none() {
            bail!("{} is no room, and to write to people you need to be a user: write --user NAME", args.uri);
        }
        let tls = args.trust.as_deref().map(trusting).transpose()?;
        let room = if is_server { None } else { Some(options(args, tls.clone())?) };
        let Some(user) = &args.user else { return Ok(Self { room, account: None }) };
        let mut account = AccountOptions::new(&args.uri, user)?.user_agent(USER_AGENT).register(!args.no_register);
        let password = password()?;
        account = account.password(&password);
        if let Some(tls) = tls {
            account = account.tls(tls);
        }
        if let Some(name) = args.name.as_ref().filter(|name| name.parse::<Uri>().is_err()) {
            account = account.display(name);
        }
        Ok(Self { room: room.map(|room| room.login(user, &password)), account: Some(account) })
    }
}

/// Opens the account and joins the room over its connection.
async fn connect(wanted: Wanted) -> Result<Connected> {
    let (account, refused) = match wanted.account {
        Some(options) => {
            let (account, refused) = account::open(options).await?;
            (Some(account), refused)
        }
        None => (None, None),
    };
    let room = match (wanted.room, &account) {
        (Some(options), Some(account)) => Some(account.join(options).await.map_err(explained)?),
        (Some(options), None) => Some(Room::join(options).await.map_err(explained)?),
        (None, _) => None,
    };
    Ok(Connected { room, account, refused })
}

/// With what to do about it.
fn explained(error: JoinError) -> anyhow::Error {
    match error {
        JoinError::NoLogin => anyhow::Error::new(error).context("write --user NAME"),
        other => other.into(),
    }
}

fn ended(closed: Closed) -> Result<()> {
    match closed {
        Closed::Left => Ok(()),
        Closed::Removed | Closed::Expired | Closed::ConnectionLost | Closed::Protocol => bail!("{closed}"),
    }
}

fn greet(room: Option<&Room>, screen: &Screen, interactive: bool) {
    if let Some(room) = room {
        let me = room.identity();
        screen.notice(&format!("you are in {} as {}", room.address().uri, me.display.as_deref().unwrap_or(&me.uri)));
        if let Some(topic) = room.topic() {
            screen.notice(&format!("topic: {topic}"));
        }
    }
    if interactive {
        screen.notice(if room.is_some() {
            "type and press Enter; /help tells what else there is"
        } else {
            "/dm USER TEXT writes to somebody; /help tells what else there is"
        });
    }
}

fn options(args: &ChatArgs, tls: Option<Arc<rustls::ClientConfig>>) -> Result<JoinOptions> {
    let options = JoinOptions::new(&args.uri)?.user_agent(USER_AGENT);
    let options = match tls {
        Some(tls) => options.tls(tls),
        None => options,
    };
    let name = args.name.clone().or_else(|| args.user.clone()).unwrap_or_else(login_name);
    Ok(match name.parse::<Uri>() {
        Ok(uri) if uri.is_sip() => options.from(uri),
        Ok(_) | Err(_) if name.trim().is_empty() => bail!("--as needs a name"),
        Ok(_) | Err(_) => options.name(&name),
    })
}

/// From the environment, or typed without being shown.
fn password() -> Result<String> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(_) => rpassword::prompt_password("Password: ").with_context(|| format!("no password: set {PASSWORD}")),
    }
}

const USER_AGENT: &str = concat!("parlor-chat/", env!("CARGO_PKG_VERSION"));
/// The environment variable that holds the password of --user.
const PASSWORD: &str = "PARLOR_PASSWORD";

fn login_name() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|variable| std::env::var(variable).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "anonymous".to_owned())
}

/// Connects to whose certificate goes back to one of the file.
fn trusting(file: &Path) -> Result<Arc<rustls::ClientConfig>> {
    let shown = || format!("--trust {}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).with_context(shown)? {
        roots.add(certificate.with_context(shown)?).with_context(shown)?;
    }
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
