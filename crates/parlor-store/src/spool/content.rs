//! The content of a file that is arriving, shared by its writer and those who read it meanwhile.

use std::fs::File;
use std::sync::Arc;

use tokio::sync::watch;

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// So many octets are there; more are to come, or the end.
    Arriving(u64),
    /// All these are there, and they are what they should be.
    Complete(u64),
    /// It will not come.
    Failed,
}

/// A file that is arriving, for those who want to read it meanwhile. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Content {
    pub(super) file: Arc<File>,
    pub(super) progress: watch::Receiver<Progress>,
}
