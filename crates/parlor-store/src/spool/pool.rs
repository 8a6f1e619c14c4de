//! Threads that wait for the disk.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads. Dropping it waits until everything that was asked for is done.
///
/// Nothing bounds what waits here but those who ask: each waits for its own before it asks for more.
#[derive(Debug)]
pub(super) struct Pool {
    /// `None` once it is being dropped.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn new(threads: usize) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let start = |_| {
            let queue = Arc::clone(&queue);
            Builder::new().name("spool".to_owned()).spawn(move || work(&queue))
        };
        let threads = (0..threads).map(start).collect::<Result<_, _>>()?;
        Ok(Self { jobs: Some(jobs), threads })
    }

    /// Does something and gives what came of it; `None` if that panicked.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, told) = oneshot::channel();
        self.do_later(move || drop(tell.send(work())));
        told.await.ok()
    }

    /// Does something at some time.
    pub(super) fn do_later(&self, work: impl FnOnce() + Send + 'static) {
        let jobs = self.jobs.as_ref().expect("it is there until the drop");
        // The threads live as long as this.
        let _ = jobs.send(Box::new(work));
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        // A statement of its own: the lock is held while waiting, not while working.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
