//! Bindings in a table.

use rusqlite::{Connection, Row, params};

use super::number::{integer, number};
use crate::{Binding, StoreError};

pub(super) fn remove(db: &Connection, id: u64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM bindings WHERE id = ?1")?.execute([integer(id)])?;
    Ok(())
}

/// All that last beyond `now`; the others are removed.
pub(super) fn lasting(db: &Connection, now: u64) -> Result<Vec<Binding>, StoreError> {
    db.prepare_cached("DELETE FROM bindings WHERE expires <= ?1")?.execute([integer(now)])?;
    let mut query =
        db.prepare_cached("SELECT id, user, contact, path, call_id, cseq, expires, flow FROM bindings ORDER BY id")?;
    let rows = query.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn put(db: &Connection, binding: &Binding) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO bindings (id, user, contact, path, call_id, cseq, expires, flow)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let Binding { id, user, contact, path, call_id, cseq, expires, flow } = binding;
    insert.execute(params![integer(*id), user, contact, path, call_id, cseq, integer(*expires), flow])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Binding, rusqlite::Error> {
    Ok(Binding {
        id: number(row.get(0)?),
        user: row.get(1)?,
        contact: row.get(2)?,
        path: row.get(3)?,
        call_id: row.get(4)?,
        cseq: row.get(5)?,
        expires: number(row.get(6)?),
        flow: row.get(7)?,
    })
}
