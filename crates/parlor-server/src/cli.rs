//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use tracing::{info, warn};

use crate::chat::{self, ChatArgs};
use crate::config::{self, Config, LoadError};
use crate::room_password::{self, RoomPasswordArgs};
use crate::user::{self, UserCommand};
use crate::{certificate, logging, serve};

/// A chat-room server for MSRP clients.
#[derive(Debug, Parser)]
#[command(name = "parlor", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve rooms; also what plain `parlor` does
    Serve(ConfigArgs),
    /// Chat in a room, and with people one to one
    Chat(ChatArgs),
    /// Add, change, remove and list those who may join
    #[command(subcommand)]
    User(UserCommand),
    /// Print what a room's configuration says of its password, which is asked for
    RoomPassword(RoomPasswordArgs),
    /// Name every mistake of a configuration, with its line and key
    CheckConfig(ConfigArgs),
    /// Print a configuration file with every key and its default
    ExampleConfig,
    /// Print docs/configuration.md
    #[command(hide = true)]
    ConfigDocs,
    /// Make a certificate for trying TLS
    Certificate(CertificateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration; without it ./parlor.toml if there, else the defaults
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CertificateArgs {
    /// Sign it with its own key
    #[arg(long, required = true)]
    self_signed: bool,
    /// The name of the server as its clients know it
    #[arg(long, default_value = "localhost")]
    domain: String,
    /// The directory to write certificate.pem and key.pem to
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve_rooms(&cli.serve),
        Some(Command::Serve(args)) => serve_rooms(&args),
        Some(Command::Chat(args)) => chat::run(&args),
        Some(Command::User(command)) => user::run(&command),
        Some(Command::RoomPassword(args)) => room_password::run(&args),
        Some(Command::CheckConfig(args)) => return check_config(&args),
        Some(Command::ExampleConfig) => print(&config::example()),
        Some(Command::ConfigDocs) => print(&config::documentation()),
        Some(Command::Certificate(args)) => make_certificate(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl ConfigArgs {
    /// The configuration, from its file if there is one.
    pub(crate) fn load(&self) -> Result<Config> {
        match self.file() {
            Some(file) => Config::load(file).map_err(with_heading),
            None => Ok(Config::default()),
        }
    }

    /// The file to read, if there is one.
    fn file(&self) -> Option<&Path> {
        let implied = || Some(Path::new(DEFAULT_FILE)).filter(|file| file.exists());
        self.config.as_deref().or_else(implied)
    }
}

fn serve_rooms(args: &ConfigArgs) -> Result<()> {
    let file = args.file();
    let config = args.load()?;
    logging::start(&config.log)?;
    match file {
        Some(file) => info!(file = %file.display(), "configuration read"),
        None => info!("no configuration, serving on loopback"),
    }
    raise_descriptor_limit(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve::run(config))
}

/// Puts the mistakes below a line that says what they are.
fn with_heading(error: LoadError) -> anyhow::Error {
    match error {
        LoadError::Mistaken { .. } => anyhow!("the configuration has mistakes\n{error}"),
        LoadError::Unreadable { .. } => error.into(),
    }
}

fn check_config(args: &ConfigArgs) -> ExitCode {
    let Some(file) = args.file() else {
        println!("no {DEFAULT_FILE} here: the defaults are in force");
        print!("{}", Config::default().summary());
        return ExitCode::SUCCESS;
    };
    match Config::load(file) {
        Ok(config) => {
            println!("{}: correct", file.display());
            print!("{}", config.summary());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make_certificate(args: &CertificateArgs) -> Result<()> {
    let written = certificate::write_self_signed(&args.domain, &args.out)?;
    println!("[tls]");
    println!("certificate = {:?}", written.certificate.display().to_string());
    println!("key = {:?}", written.key.display().to_string());
    Ok(())
}

fn print(text: &str) -> Result<()> {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes()).context("standard output")
}

/// Lets the process open as many sockets as it may: the usual limit of 1024 is below what the configuration allows.
fn raise_descriptor_limit(config: &Config) {
    let wanted = u64::from(config.limits.connections) + u64::from(config.limits.sip_connections) + OTHER_DESCRIPTORS;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit < wanted => {
            warn!(limit, wanted, "fewer open files are allowed than [limits] would have connections");
        }
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit of open files could not be raised"),
    }
}

/// The configuration that is read when none is named.
const DEFAULT_FILE: &str = "parlor.toml";
/// Listeners, HTTP, files.
const OTHER_DESCRIPTORS: u64 = 256;
