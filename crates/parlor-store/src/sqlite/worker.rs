//! The thread of a database.

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// How many writes share a transaction at the most.
const BATCH: usize = 256;

/// Something to do with the database.
pub(super) enum Job {
    /// It changes something.
    Write(Box<dyn Write>),
    /// It does not.
    Read(Box<dyn Read>),
}

/// A change.
pub(super) trait Write: Send {
    /// Makes the change; `false` when it is to be undone.
    fn run(&mut self, db: &Connection) -> bool;

    /// Tells whoever asked, after the transaction.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A question.
pub(super) trait Read: Send {
    /// Reads, and tells whoever asked.
    fn run(self: Box<Self>, db: &Connection);

    /// Tells that nothing was read.
    fn refuse(self: Box<Self>, why: StoreError);
}

impl Job {
    /// Tells whoever asked that nothing was done.
    pub(super) fn refuse(self, why: StoreError) {
        match self {
            Self::Write(write) => write.tell(Err(why)),
            Self::Read(read) => read.refuse(why),
        }
    }
}

/// A change with its result and who is to know it.
pub(super) struct Writing<T, F> {
    work: Option<F>,
    done: Option<Result<T, StoreError>>,
    tell: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Writing<T, F> {
    pub(super) fn new(work: F, tell: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { work: Some(work), done: None, tell }
    }
}

impl<T, F> Write for Writing<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        self.done = self.work.take().map(|work| work(db));
        matches!(self.done, Some(Ok(_)))
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.done, committed) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)) | None, Err(why)) => Err(why),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // Who no longer waits does not want to know.
        let _ = self.tell.send(result);
    }
}

/// A question and who is to know the answer.
pub(super) struct Reading<T, F> {
    work: F,
    tell: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Reading<T, F> {
    pub(super) fn new(work: F, tell: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { work, tell }
    }
}

impl<T, F> Read for Reading<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(self: Box<Self>, db: &Connection) {
        if !self.tell.is_closed() {
            let _ = self.tell.send((self.work)(db));
        }
    }

    fn refuse(self: Box<Self>, why: StoreError) {
        let _ = self.tell.send(Err(why));
    }
}

/// What the thread does.
pub(super) struct Worker {
    connection: Connection,
    queue: mpsc::Receiver<Job>,
}

impl Worker {
    pub(super) fn new(connection: Connection, queue: mpsc::Receiver<Job>) -> Self {
        Self { connection, queue }
    }

    /// Runs until nobody can ask any more and everything asked for is done.
    pub(super) fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH);
        while self.queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
            self.turn(jobs.drain(..));
        }
    }

    /// The writes in one transaction, then the reads, which so see what was asked before them.
    pub(super) fn turn(&mut self, jobs: impl Iterator<Item = Job>) {
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Write(write) => writes.push(write),
                Job::Read(read) => reads.push(read),
            }
        }
        if !writes.is_empty() {
            let committed = self.write(&mut writes);
            for write in writes {
                write.tell(match &committed {
                    Ok(()) => Ok(()),
                    Err(error) => Err(StoreError::Undone(error.to_string())),
                });
            }
        }
        for read in reads {
            read.run(&self.connection);
        }
    }

    /// A change that fails is undone alone.
    fn write(&mut self, writes: &mut [Box<dyn Write>]) -> Result<(), rusqlite::Error> {
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for write in writes {
            let savepoint = transaction.savepoint()?;
            if write.run(&savepoint) {
                savepoint.commit()?;
            }
        }
        transaction.commit()
    }
}
