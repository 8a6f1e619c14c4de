//! Users in tables.

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use crate::{Revision, Secret, StoreError, User, Users};

pub(super) fn add(db: &Connection, user: &User) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached("INSERT INTO users (name, domain, realm) VALUES (?1, ?2, ?3)")?;
    let id = insert
        .insert(params![user.name, user.domain, user.realm])
        .map_err(|error| or_conflict(error, || StoreError::UserExists(shown(&user.name, &user.domain))))?;
    add_secrets(db, id, &user.secrets)?;
    let mut insert = db.prepare_cached("INSERT INTO user_addresses (uri, user, position) VALUES (?1, ?2, ?3)")?;
    for (position, uri) in (0_i64..).zip(&user.addresses) {
        insert
            .execute(params![uri, id, position])
            .map_err(|error| or_conflict(error, || StoreError::AddressTaken(uri.clone())))?;
    }
    changed(db)
}

pub(super) fn set_secrets(
    db: &Connection,
    name: &str,
    domain: &str,
    realm: &str,
    secrets: &[Secret],
) -> Result<(), StoreError> {
    let id = find(db, name, domain)?;
    db.prepare_cached("UPDATE users SET realm = ?2 WHERE id = ?1")?
        .execute(params![id, realm])
        .map_err(|error| or_conflict(error, || StoreError::UserExists(shown(name, realm))))?;
    db.prepare_cached("DELETE FROM user_secrets WHERE user = ?1")?.execute([id])?;
    add_secrets(db, id, secrets)?;
    changed(db)
}

pub(super) fn remove(db: &Connection, name: &str, domain: &str) -> Result<(), StoreError> {
    let id = find(db, name, domain)?;
    for kept in ["bindings", "messages", "publications"] {
        db.prepare_cached(&format!("DELETE FROM {kept} WHERE user = ?1"))?.execute([name])?;
    }
    // Secrets and addresses go with it.
    db.prepare_cached("DELETE FROM users WHERE id = ?1")?.execute([id])?;
    changed(db)
}

pub(super) fn all(db: &Connection, seen: Option<Revision>) -> Result<Option<Users>, StoreError> {
    // One moment for all that is read.
    let transaction = db.unchecked_transaction()?;
    let revision =
        db.prepare_cached("SELECT revision FROM revisions WHERE topic = 'users'")?.query_one([], |row| row.get(0));
    let revision = Revision(revision?);
    if seen == Some(revision) {
        return Ok(None);
    }
    let mut query = db.prepare_cached("SELECT id, name, domain, realm FROM users ORDER BY domain, name")?;
    let rows = query.query_map([], |row| {
        let user = User { name: row.get(1)?, domain: row.get(2)?, realm: row.get(3)?, ..User::default() };
        Ok((row.get::<_, i64>(0)?, user))
    })?;
    let mut users = Vec::new();
    for row in rows {
        let (id, user) = row?;
        users.push(User { secrets: secrets(db, id)?, addresses: addresses(db, id)?, ..user });
    }
    transaction.finish()?;
    Ok(Some(Users { revision, users }))
}

fn secrets(db: &Connection, user: i64) -> Result<Vec<Secret>, rusqlite::Error> {
    let mut query = db.prepare_cached("SELECT algorithm, ha1 FROM user_secrets WHERE user = ?1 ORDER BY algorithm")?;
    let rows = query.query_map([user], |row| Ok(Secret { algorithm: row.get(0)?, ha1: row.get(1)? }))?;
    rows.collect()
}

fn addresses(db: &Connection, user: i64) -> Result<Vec<String>, rusqlite::Error> {
    let mut query = db.prepare_cached("SELECT uri FROM user_addresses WHERE user = ?1 ORDER BY position")?;
    let rows = query.query_map([user], |row| row.get(0))?;
    rows.collect()
}

fn add_secrets(db: &Connection, user: i64, secrets: &[Secret]) -> Result<(), rusqlite::Error> {
    let mut insert = db.prepare_cached("INSERT INTO user_secrets (user, algorithm, ha1) VALUES (?1, ?2, ?3)")?;
    secrets.iter().try_for_each(|secret| insert.execute(params![user, secret.algorithm, secret.ha1]).map(drop))
}

fn find(db: &Connection, name: &str, domain: &str) -> Result<i64, StoreError> {
    let mut query = db.prepare_cached("SELECT id FROM users WHERE name = ?1 AND domain = ?2")?;
    let found = query.query_one([name, domain], |row| row.get(0)).optional()?;
    found.ok_or_else(|| StoreError::NoUser(shown(name, domain)))
}

fn changed(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE revisions SET revision = revision + 1 WHERE topic = 'users'")?.execute([])?;
    Ok(())
}

fn shown(name: &str, domain: &str) -> String {
    format!("{name}@{domain}")
}

/// What a broken rule of the tables means here.
fn or_conflict(error: rusqlite::Error, conflict: impl FnOnce() -> StoreError) -> StoreError {
    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) { conflict() } else { error.into() }
}
