//! Answers to come.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::StoreError;

/// An answer of the store to come. It need not be waited for: what was asked happens all the same.
#[derive(Debug)]
#[must_use = "an error would go unseen"]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Pending<T> {
    /// One that the other half is to answer.
    pub(crate) fn new() -> (oneshot::Sender<Result<T, StoreError>>, Self) {
        let (tell, told) = oneshot::channel();
        (tell, Self(told))
    }

    /// Blocks the thread until the answer is there; for programs without tasks.
    ///
    /// # Errors
    /// What the store says.
    pub fn wait(self) -> Result<T, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

#[cfg(test)]
impl<T> Pending<T> {
    /// Whether the answer is there.
    pub(crate) fn is_told(&self) -> bool {
        !self.0.is_empty()
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or(Err(StoreError::Closed)))
    }
}
