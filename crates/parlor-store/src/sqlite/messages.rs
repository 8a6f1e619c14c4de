//! Messages in a table.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::number::{integer, number};
use crate::{Amount, Mailboxes, Message, StoreError, Waiting};

/// Whether it is new: the same is not kept twice.
pub(super) fn keep(db: &Connection, message: &Message) -> Result<bool, StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO messages
             (id, user, key, token, sender, recipient, headers, body, octets, received, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let Message { id, user, key, token, from, to, headers, body, received, expires } = message;
    let (id, octets) = (integer(*id), integer(message.octets()));
    let (received, expires) = (integer(*received), integer(*expires));
    let made = insert.execute(params![id, user, key, token, from, to, headers, body, octets, received, expires])?;
    Ok(made == 1)
}

/// What is left is what tells that it comes again.
pub(super) fn end(db: &Connection, id: u64, at: u64) -> Result<(), StoreError> {
    let mut update =
        db.prepare_cached("UPDATE messages SET ended = ?2, headers = '', body = x'', octets = 0 WHERE id = ?1")?;
    update.execute([integer(id), integer(at)])?;
    Ok(())
}

pub(super) fn next(db: &Connection, user: &str, after: u64, now: u64) -> Result<Waiting, StoreError> {
    let mut expired =
        db.prepare_cached("DELETE FROM messages WHERE user = ?1 AND ended IS NULL AND expires <= ?2 RETURNING octets")?;
    let expired = expired.query_map(params![user, integer(now)], |row| row.get::<_, i64>(0))?;
    let mut amount = Amount::default();
    for octets in expired {
        amount.messages += 1;
        amount.octets += number(octets?);
    }
    let mut first = db.prepare_cached(
        "SELECT id, user, key, token, sender, recipient, headers, body, received, expires FROM messages
         WHERE user = ?1 AND ended IS NULL AND id > ?2 ORDER BY id LIMIT 1",
    )?;
    let first = first.query_one(params![user, integer(after)], read).optional()?;
    Ok(Waiting { expired: amount, first })
}

pub(super) fn all(db: &Connection) -> Result<Mailboxes, StoreError> {
    let last = db.prepare_cached("SELECT COALESCE(MAX(id), 0) FROM messages")?.query_one([], |row| row.get(0))?;
    let mut query = db.prepare_cached(
        "SELECT user, COUNT(*), SUM(octets) FROM messages WHERE ended IS NULL GROUP BY user ORDER BY user",
    )?;
    let of_user = query.query_map([], amount)?.collect::<Result<_, _>>()?;
    Ok(Mailboxes { last: number(last), of_user })
}

/// Removes what is no longer wanted, which is given by user, and what ended so long ago that it will not come again.
pub(super) fn sweep(db: &Connection, now: u64, ended_before: u64) -> Result<Vec<(String, Amount)>, StoreError> {
    db.prepare_cached("DELETE FROM messages WHERE ended < ?1")?.execute([integer(ended_before)])?;
    let mut query = db.prepare_cached(
        "SELECT user, COUNT(*), SUM(octets) FROM messages WHERE ended IS NULL AND expires <= ?1
         GROUP BY user ORDER BY user",
    )?;
    let expired = query.query_map([integer(now)], amount)?.collect::<Result<_, _>>()?;
    db.prepare_cached("DELETE FROM messages WHERE ended IS NULL AND expires <= ?1")?.execute([integer(now)])?;
    Ok(expired)
}

fn amount(row: &Row<'_>) -> Result<(String, Amount), rusqlite::Error> {
    Ok((row.get(0)?, Amount { messages: number(row.get(1)?), octets: number(row.get(2)?) }))
}

fn read(row: &Row<'_>) -> Result<Message, rusqlite::Error> {
    Ok(Message {
        id: number(row.get(0)?),
        user: row.get(1)?,
        key: row.get(2)?,
        token: row.get(3)?,
        from: row.get(4)?,
        to: row.get(5)?,
        headers: row.get(6)?,
        body: row.get(7)?,
        received: number(row.get(8)?),
        expires: number(row.get(9)?),
    })
}
