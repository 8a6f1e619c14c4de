//! Keeps the users in memory as they are in the store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parlor_store::{Revision, Store, User, Users};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::directory::Directory;
use crate::config::Config;

/// How often it is looked whether `parlor user` has changed something.
const LOOK: Duration = Duration::from_secs(1);

/// Whose users they are.
struct Domain {
    name: String,
    realm: String,
}

/// Reads all users, and goes on looking for changes as long as somebody wants to know.
///
/// # Errors
/// When they cannot be read.
pub(crate) async fn follow(config: &Config, store: Arc<dyn Store>) -> Result<watch::Receiver<Arc<Directory>>> {
    let domain = Domain { name: config.domain.clone(), realm: config.realm().to_owned() };
    let all = store.users(None).await.context("users")?;
    let Users { revision, users } = all.context("users: none were seen before")?;
    let (tell, told) = watch::channel(domain.directory(users));
    tokio::spawn(look(domain, store, revision, tell));
    Ok(told)
}

async fn look(domain: Domain, store: Arc<dyn Store>, mut seen: Revision, tell: watch::Sender<Arc<Directory>>) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            () = tell.closed() => return,
        }
        match store.users(Some(seen)).await {
            Ok(changed) => {
                failing = false;
                if let Some(Users { revision, users }) = changed {
                    seen = revision;
                    tell.send_replace(domain.directory(users));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(%error, "users cannot be read: those that were known stay");
                }
            }
        }
    }
}

impl Domain {
    fn directory(&self, users: Vec<User>) -> Arc<Directory> {
        let elsewhere = users.iter().filter(|user| user.realm != self.realm).count();
        if elsewhere > 0 {
            warn!(users = elsewhere, realm = self.realm, "passwords of another realm must be set again");
        }
        let directory = Directory::new(users, &self.name, &self.realm);
        match directory.len() {
            0 => warn!("there are no users yet: `parlor user add` makes them"),
            users => info!(users, "users known"),
        }
        Arc::new(directory)
    }
}
