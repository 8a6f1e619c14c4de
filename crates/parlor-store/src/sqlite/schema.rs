//! The tables, and how a database of an older version gets them.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// What brings a database from each version to the next, beginning with an empty file. A step that was released is never
/// changed again: databases that have made it are out there.
pub(super) const STEPS: &[&str] = &[USERS, BINDINGS, FILES, MESSAGES, FILE_ACCOUNTS, PUBLICATIONS];

const USERS: &str = "
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        domain TEXT NOT NULL,
        realm TEXT NOT NULL,
        UNIQUE (name, domain),
        UNIQUE (name, realm)
    ) STRICT;
    CREATE TABLE user_secrets (
        user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        algorithm TEXT NOT NULL,
        ha1 TEXT NOT NULL,
        PRIMARY KEY (user, algorithm)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE user_addresses (
        uri TEXT PRIMARY KEY,
        user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        position INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX user_addresses_by_user ON user_addresses (user, position);
    -- How often something has changed, for those who want to know whether it has.
    CREATE TABLE revisions (
        topic TEXT PRIMARY KEY,
        revision INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO revisions (topic, revision) VALUES ('users', 0);
";

const BINDINGS: &str = "
    CREATE TABLE bindings (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        contact TEXT NOT NULL,
        path TEXT NOT NULL,
        call_id TEXT NOT NULL,
        cseq INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        flow TEXT NOT NULL
    ) STRICT;
";

const FILES: &str = "
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        room TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha1 BLOB NOT NULL,
        sha256 BLOB NOT NULL,
        owner TEXT NOT NULL,
        owner_name TEXT,
        -- Milliseconds since 1970-01-01T00:00:00Z.
        expires INTEGER NOT NULL
    ) STRICT;
";

const MESSAGES: &str = "
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        -- What tells a message that comes again.
        key TEXT NOT NULL UNIQUE,
        token TEXT NOT NULL,
        sender TEXT NOT NULL,
        recipient TEXT NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        octets INTEGER NOT NULL,
        received INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        ended INTEGER
    ) STRICT;
    CREATE INDEX messages_waiting ON messages (user, id) WHERE ended IS NULL;
    CREATE INDEX messages_expiring ON messages (expires) WHERE ended IS NULL;
    CREATE INDEX messages_ended ON messages (ended) WHERE ended IS NOT NULL;
";

const FILE_ACCOUNTS: &str = "
    ALTER TABLE files ADD COLUMN account TEXT NOT NULL DEFAULT '';
    UPDATE files SET account = owner;
";

const PUBLICATIONS: &str = "
    CREATE TABLE publications (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        tag TEXT NOT NULL,
        source TEXT NOT NULL,
        document BLOB NOT NULL,
        -- Milliseconds since 1970-01-01T00:00:00Z.
        expires INTEGER NOT NULL
    ) STRICT;
";

/// Makes the steps that the database has not made. Each is made whole or not at all, and by one process.
pub(super) fn upgrade(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(steps.len()).expect("there are a few steps");
    let made = usize::try_from(found).ok().filter(|made| *made <= steps.len());
    for step in &steps[made.ok_or(StoreError::TooNew { found, known })?..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
