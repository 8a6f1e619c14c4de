//! How we get there: an account, a room over its connection, or either.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use parlor_client::{Account, AccountError, AccountOptions, JoinError, JoinOptions, RegisterError, Room, Uri};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::ChatArgs;

/// What is asked for: a room, an account, or both.
pub(super) struct Wanted {
    room: Option<JoinOptions>,
    account: Option<AccountOptions>,
}

pub(super) struct Connected {
    pub(super) room: Option<Room>,
    pub(super) account: Option<Account>,
    /// Why people do not reach us, if the server does not let them.
    pub(super) refused: Option<RegisterError>,
}

impl Wanted {
    pub(super) fn of(args: &ChatArgs) -> Result<Self> {
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
pub(super) async fn connect(wanted: Wanted) -> Result<Connected> {
    let Some(options) = wanted.account else {
        let room = match wanted.room {
            Some(options) => Some(Room::join(options).await.map_err(explained)?),
            None => None,
        };
        return Ok(Connected { room, account: None, refused: None });
    };
    let (account, refused) = open(options).await?;
    let Some(options) = wanted.room else { return Ok(Connected { room: None, account: Some(account), refused }) };
    match account.join(options).await {
        Ok(room) => Ok(Connected { room: Some(room), account: Some(account), refused }),
        Err(error) => {
            account.close().await;
            Err(explained(error))
        }
    }
}

/// Opens an account. A server that does not register us can still be of use: then nobody reaches us, which is the second.
async fn open(options: AccountOptions) -> Result<(Account, Option<RegisterError>)> {
    match Account::open(options.clone()).await {
        Ok(account) => Ok((account, None)),
        Err(AccountError::NotRegistered(why @ RegisterError::Rejected(_))) => {
            Ok((Account::open(options.register(false)).await?, Some(why)))
        }
        Err(AccountError::NotRegistered(why)) => Err(why.into()),
        Err(error) => Err(error.into()),
    }
}

/// With what to do about it.
fn explained(error: JoinError) -> anyhow::Error {
    match error {
        JoinError::NoLogin => anyhow::Error::new(error).context("write --user NAME"),
        other => other.into(),
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
