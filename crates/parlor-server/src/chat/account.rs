//! Our account on the server, if we have one.

use anyhow::Result;
use parlor_client::{Account, AccountError, AccountOptions, RegisterError};

use super::screen::Screen;

/// Opens it. A server that does not register us can still be of use: then nobody reaches us, which is the second.
pub(super) async fn open(options: AccountOptions) -> Result<(Account, Option<RegisterError>)> {
    match Account::open(options.clone()).await {
        Ok(account) => Ok((account, None)),
        Err(AccountError::NotRegistered(why @ RegisterError::Rejected(_))) => {
            Ok((Account::open(options.register(false)).await?, Some(why)))
        }
        Err(AccountError::NotRegistered(why)) => Err(why.into()),
        Err(error) => Err(error.into()),
    }
}

/// Says who we are for others.
pub(super) fn greet(account: &Account, registers: bool, refused: Option<&RegisterError>, screen: &Screen) {
    let own = &account.identity().uri;
    match refused {
        Some(why) => screen.notice(&format!("people do not reach you as {own}: {why}")),
        None if registers => screen.notice(&format!("people reach you as {own}")),
        None => screen.notice(&format!("people do not reach you, but you write to them as {own}")),
    }
}
