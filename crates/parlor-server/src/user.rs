//! `parlor user`: who may join.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use parlor_store::{Sqlite, Store, User};

use crate::auth;
use crate::cli::ConfigArgs;
use crate::config::Config;

/// What `parlor user` does. A running server notices it within a second or two.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user, whose password is asked for
    Add(AddArgs),
    /// Set another password
    Passwd(PasswdArgs),
    /// Remove a user
    Remove(RemoveArgs),
    /// List all users with the algorithms of their passwords and their aliases
    List(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    user: PasswdArgs,
    /// A further address of this user, such as tel:+15551234; may be repeated
    #[arg(long = "alias", value_name = "URI")]
    aliases: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PasswdArgs {
    #[command(flatten)]
    user: RemoveArgs,
    /// Take the first line of standard input for the password, also when that is a terminal
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The name: the user part of its address
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Does it.
///
/// # Errors
/// When it cannot be done, or there is nothing to do it to.
pub(crate) fn run(command: &UserCommand) -> Result<()> {
    match command {
        UserCommand::Add(args) => add(args),
        UserCommand::Passwd(args) => set_password(args),
        UserCommand::Remove(args) => remove(args),
        UserCommand::List(args) => list(args),
    }
}

fn add(args: &AddArgs) -> Result<()> {
    let RemoveArgs { name, config } = &args.user.user;
    let config = config.load()?;
    // What is wrong is told before a password is asked for.
    auth::new_user(&config, name, &args.aliases, "")?;
    let store = open(&config)?;
    let password = password(args.user.password_stdin)?;
    Ok(store.add_user(auth::new_user(&config, name, &args.aliases, &password)?).wait()?)
}

fn set_password(args: &PasswdArgs) -> Result<()> {
    let RemoveArgs { name, config } = &args.user;
    let config = config.load()?;
    let store = open(&config)?;
    if !users(&store)?.iter().any(|user| user.name == *name && user.domain == domain(&config)) {
        bail!("there is no user {name}@{}", domain(&config));
    }
    let secrets = auth::secrets(&config, name, &password(args.password_stdin)?);
    Ok(store.set_secrets(name, &domain(&config), config.realm(), secrets).wait()?)
}

fn remove(args: &RemoveArgs) -> Result<()> {
    let config = args.config.load()?;
    Ok(open(&config)?.remove_user(&args.name, &domain(&config)).wait()?)
}

fn list(args: &ConfigArgs) -> Result<()> {
    let config = args.load()?;
    for user in users(&open(&config)?)? {
        println!("{}", line(&user, config.realm()));
    }
    Ok(())
}

/// The address, the algorithms, the aliases.
fn line(user: &User, realm: &str) -> String {
    let algorithms: Vec<_> = user.secrets.iter().map(|secret| secret.algorithm.as_str()).collect();
    let own = format!("sip:{}@{}", user.name, user.domain);
    let aliases: Vec<_> = user.addresses.iter().filter(|address| **address != own).cloned().collect();
    let mut words = vec![own, algorithms.join(",")];
    words.extend(aliases);
    if user.realm != realm {
        words.push(format!("(its password is for the realm {:?}: set it again)", user.realm));
    }
    words.join(" ")
}

fn users(store: &Sqlite) -> Result<Vec<User>> {
    Ok(store.users(None).wait()?.map(|all| all.users).unwrap_or_default())
}

fn domain(config: &Config) -> String {
    config.domain.to_ascii_lowercase()
}

fn open(config: &Config) -> Result<Sqlite> {
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("data_dir: cannot make {}", config.data_dir.display()))?;
    let file = auth::database(config);
    Sqlite::open(&file).with_context(|| file.display().to_string())
}

/// Reads a password: from the terminal, without showing it, or the first line of what is piped in.
pub(crate) fn password(from_stdin: bool) -> Result<String> {
    let password = if from_stdin || !std::io::stdin().is_terminal() { piped()? } else { typed()? };
    if password.is_empty() {
        bail!("a password cannot be empty");
    }
    Ok(password)
}

fn typed() -> Result<String> {
    let first = rpassword::prompt_password("Password: ")?;
    if rpassword::prompt_password("Once more: ")? != first {
        bail!("the two differ");
    }
    Ok(first)
}

fn piped() -> Result<String> {
    let mut line = String::new();
    let length = std::io::stdin().lock().take(LONGEST).read_line(&mut line).context("standard input")?;
    if length as u64 == LONGEST {
        bail!("a password has less than {LONGEST} bytes");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// What is as long, with its line end, is no password.
const LONGEST: u64 = 1024;
