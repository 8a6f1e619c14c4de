//! `parlor chat`: a room in a terminal, or in a script.

mod comings;
mod command;
mod complete;
mod content_type;
mod control;
mod editor;
mod harmless;
mod input;
mod listen;
mod names;
mod people;
mod save;
mod screen;
mod send;
mod talk;
mod typing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use parlor_client::{Closed, JoinError, JoinOptions, Room, Uri};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::signal::unix::{SignalKind, signal};

use input::Input;
use listen::Listener;
use screen::Screen;
use talk::{Talker, Why};

/// What `parlor chat` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChatArgs {
    /// The room, such as sip:lobby@127.0.0.1:5060
    #[arg(value_name = "SIP-URI")]
    uri: String,
    /// The name to join under, or a whole SIP URI; without it your login name
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// The user to log in as, if the room asks; the password is asked for, unless PARLOR_PASSWORD is set
    #[arg(long, value_name = "USER")]
    user: Option<String>,
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
    let options = options(args)?;
    if let Some(directory) = &args.save {
        std::fs::create_dir_all(directory).with_context(|| format!("--save {}", directory.display()))?;
    }
    let mut room = Room::join(options).await.map_err(explained).with_context(|| args.uri.clone())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (mut input, screen) = Input::open(room.sender())?;
    let screen = Arc::new(screen);
    greet(&room, &screen, input.is_terminal());
    let mut listener = Listener::new(Arc::clone(&screen), args.save.clone(), room.topic());
    if input.is_terminal() {
        listener.show_typing();
    }
    let mut talker = Talker::new(room.sender(), Arc::clone(&screen), signal(SignalKind::interrupt())?);
    let why = tokio::select! {
        closed = listener.run(&mut room) => Why::Closed(closed),
        why = talker.run(&mut input) => why,
        _ = terminate.recv() => Why::Left,
    };
    let left = match why {
        Why::Closed(closed) => ended(closed),
        Why::Left => room.leave().await.map_err(Into::into),
    };
    listener.give_up().await;
    input.close();
    left.and_then(|()| talker.result())
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

fn greet(room: &Room, screen: &Screen, interactive: bool) {
    let me = room.identity();
    screen.notice(&format!("you are in {} as {}", room.address().uri, me.display.as_deref().unwrap_or(&me.uri)));
    if let Some(topic) = room.topic() {
        screen.notice(&format!("topic: {topic}"));
    }
    if interactive {
        screen.notice("type and press Enter; /help tells what else there is");
    }
}

fn options(args: &ChatArgs) -> Result<JoinOptions> {
    let options = JoinOptions::new(&args.uri)?.user_agent(concat!("parlor-chat/", env!("CARGO_PKG_VERSION")));
    let options = match &args.trust {
        Some(file) => options.tls(trusting(file)?),
        None => options,
    };
    let options = match &args.user {
        Some(user) => options.login(user, &password()?),
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
