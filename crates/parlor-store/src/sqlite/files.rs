//! What is known of files, in a table.

use rusqlite::{Connection, params};

use super::number::{integer, number};
use crate::{KeptFile, StoreError};

pub(super) fn add(db: &Connection, file: &KeptFile) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO files (id, room, name, kind, size, sha1, sha256, owner, owner_name, expires, account)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    insert.execute(params![
        integer(file.id),
        file.room,
        file.name,
        file.kind,
        integer(file.size),
        file.sha1.as_slice(),
        file.sha256.as_slice(),
        file.owner,
        file.owner_name,
        integer(file.expires),
        file.account,
    ])?;
    Ok(())
}

pub(super) fn remove(db: &Connection, ids: &[u64]) -> Result<(), StoreError> {
    let mut delete = db.prepare_cached("DELETE FROM files WHERE id = ?1")?;
    for id in ids {
        delete.execute([integer(*id)])?;
    }
    Ok(())
}

pub(super) fn all(db: &Connection) -> Result<Vec<KeptFile>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT id, room, name, kind, size, sha1, sha256, owner, owner_name, expires, account FROM files
         ORDER BY id",
    )?;
    let rows = query.query_map([], |row| {
        Ok(KeptFile {
            id: number(row.get(0)?),
            room: row.get(1)?,
            name: row.get(2)?,
            kind: row.get(3)?,
            size: number(row.get(4)?),
            sha1: row.get(5)?,
            sha256: row.get(6)?,
            owner: row.get(7)?,
            owner_name: row.get(8)?,
            expires: number(row.get(9)?),
            account: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
