//! Publications in a table.

use rusqlite::{Connection, Row, params};

use super::number::{integer, number};
use crate::{Publication, StoreError};

pub(super) fn remove(db: &Connection, id: u64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM publications WHERE id = ?1")?.execute([integer(id)])?;
    Ok(())
}

/// All that last beyond `now`; the others are removed.
pub(super) fn lasting(db: &Connection, now: u64) -> Result<Vec<Publication>, StoreError> {
    db.prepare_cached("DELETE FROM publications WHERE expires <= ?1")?.execute([integer(now)])?;
    let mut query =
        db.prepare_cached("SELECT id, user, tag, source, document, expires FROM publications ORDER BY id")?;
    let rows = query.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn put(db: &Connection, publication: &Publication) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO publications (id, user, tag, source, document, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Publication { id, user, tag, source, document, expires } = publication;
    insert.execute(params![integer(*id), user, tag, source, document, integer(*expires)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Publication, rusqlite::Error> {
    Ok(Publication {
        id: number(row.get(0)?),
        user: row.get(1)?,
        tag: row.get(2)?,
        source: row.get(3)?,
        document: row.get(4)?,
        expires: number(row.get(5)?),
    })
}
