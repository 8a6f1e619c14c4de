//! A store in one SQLite file.

mod bindings;
mod files;
mod messages;
mod number;
mod publications;
mod schema;
#[cfg(test)]
mod tests;
mod users;
mod worker;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;

use self::worker::{Job, Reading, Worker, Writing};
use crate::{
    Amount, Binding, Change, KeptFile, Mailboxes, Pending, Publication, Revision, Secret, Store, StoreError, User,
    Users, Waiting,
};

/// How much may wait to be stored or read.
const QUEUE: usize = 1024;
/// How long another process, such as `parlor user`, may hold the database.
const BUSY: Duration = Duration::from_secs(5);

/// A database with its thread. Dropping it waits until everything that was asked for is done.
#[derive(Debug)]
pub struct Sqlite {
    /// `None` once it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Sqlite {
    /// Opens a database, makes it if there is none, and brings one of an older version up to date.
    ///
    /// # Errors
    /// When the file is none of ours, or cannot be read or written.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let mut connection = connect(file)?;
        schema::upgrade(&mut connection, schema::STEPS)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let worker = Worker::new(connection, queue);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || worker.run())?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has something written.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let (tell, told) = Pending::new();
        self.put(Job::Write(Box::new(Writing::new(work, tell))));
        told
    }

    /// Has something read.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let (tell, told) = Pending::new();
        self.put(Job::Read(Box::new(Reading::new(work, tell))));
        told
    }

    fn put(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("it is there until the drop");
        match jobs.try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(job)) => job.refuse(StoreError::Overloaded),
            Err(mpsc::error::TrySendError::Closed(job)) => job.refuse(StoreError::Closed),
        }
    }
}

impl Store for Sqlite {
    fn add_user(&self, user: User) -> Pending<()> {
        self.write(move |db| users::add(db, &user))
    }

    fn set_secrets(&self, name: &str, domain: &str, realm: &str, secrets: Vec<Secret>) -> Pending<()> {
        let (name, domain, realm) = (name.to_owned(), domain.to_owned(), realm.to_owned());
        self.write(move |db| users::set_secrets(db, &name, &domain, &realm, &secrets))
    }

    fn remove_user(&self, name: &str, domain: &str) -> Pending<()> {
        let (name, domain) = (name.to_owned(), domain.to_owned());
        self.write(move |db| users::remove(db, &name, &domain))
    }

    fn users(&self, seen: Option<Revision>) -> Pending<Option<Users>> {
        self.read(move |db| users::all(db, seen))
    }

    fn change(&self, changes: Vec<Change>) -> Pending<Vec<u64>> {
        self.write(move |db| change(db, &changes))
    }

    fn bindings(&self, now: u64) -> Pending<Vec<Binding>> {
        self.write(move |db| bindings::lasting(db, now))
    }

    fn publications(&self, now: u64) -> Pending<Vec<Publication>> {
        self.write(move |db| publications::lasting(db, now))
    }

    fn waiting(&self, user: &str, after: u64, now: u64) -> Pending<Waiting> {
        let user = user.to_owned();
        self.write(move |db| messages::next(db, &user, after, now))
    }

    fn mailboxes(&self) -> Pending<Mailboxes> {
        self.read(messages::all)
    }

    fn sweep(&self, now: u64, ended_before: u64) -> Pending<Vec<(String, Amount)>> {
        self.write(move |db| messages::sweep(db, now, ended_before))
    }

    fn add_file(&self, file: KeptFile) -> Pending<()> {
        self.write(move |db| files::add(db, &file))
    }

    fn remove_files(&self, ids: Vec<u64>) -> Pending<()> {
        self.write(move |db| files::remove(db, &ids))
    }

    fn files(&self) -> Pending<Vec<KeptFile>> {
        self.read(files::all)
    }
}

fn change(db: &Connection, changes: &[Change]) -> Result<Vec<u64>, StoreError> {
    let mut known = Vec::new();
    for change in changes {
        match change {
            Change::PutBinding(binding) => bindings::put(db, binding)?,
            Change::RemoveBinding(id) => bindings::remove(db, *id)?,
            Change::PutPublication(publication) => publications::put(db, publication)?,
            Change::RemovePublication(id) => publications::remove(db, *id)?,
            Change::KeepMessage(message) if messages::keep(db, message)? => {}
            Change::KeepMessage(message) => known.push(message.id),
            Change::EndMessage { id, at } => messages::end(db, *id, *at)?,
        }
    }
    Ok(known)
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Opens the file so that only its owner can read it: what is in there lets one log in. SQLite gives its other files the
/// same mode.
fn connect(file: &Path) -> Result<Connection, StoreError> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Who is told that something is stored can rely on it, also when the machine fails the next moment.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}
