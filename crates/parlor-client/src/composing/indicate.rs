//! Tells the others that we are writing.

use std::convert::Infallible;
use std::time::Instant;

use parlor_cpim::Address;
use parlor_events::iscomposing::{CONTENT_TYPE, IsComposing};
use parlor_sip::Uri;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::ours::{Ours, Recipient, Step};
use crate::sender::{Content, Sender};

/// Tells as long as the session lasts.
pub(crate) async fn indicate(mut steps: mpsc::Receiver<Step>, sender: Sender) -> Infallible {
    let mut ours = Ours::default();
    loop {
        while let Ok(step) = steps.try_recv() {
            ours.handle_step(Instant::now(), step);
        }
        if let Some((to, status)) = ours.poll_output() {
            tell(&sender, to, &status).await;
            while let Ok(step) = steps.try_recv() {
                ours.handle_late_step(Instant::now(), step);
            }
            continue;
        }
        let due = ours.poll_timeout();
        tokio::select! {
            Some(step) = steps.recv() => ours.handle_step(Instant::now(), step),
            () = async { sleep_until(due.expect("checked").into()).await }, if due.is_some() => {
                ours.handle_timeout(Instant::now());
            }
            else => std::future::pending().await,
        }
    }
}

async fn tell(sender: &Sender, to: Recipient, status: &IsComposing) {
    let body = status.to_xml();
    let content = Content::new(CONTENT_TYPE).size(body.len() as u64).without_report();
    let content = if let Some(to) = to { content.to(to) } else { content };
    // Who is not told now is told the next time.
    if let Err(error) = sender.send(content, body.as_bytes(), |_| {}).await {
        tracing::debug!(%error, "not told that we are writing");
    }
}

impl Sender {
    /// Tells the recipient, or the room, that we are writing a message: to be called whenever something is typed. They are
    /// told once in a while, and when nothing was typed for 15 s.
    pub fn typing(&self, recipient: Option<&Uri>) {
        if self.capabilities().takes(CONTENT_TYPE) {
            self.step(Step::Typed(recipient.map(|uri| Address::new(uri.to_string()))));
        }
    }

    /// When too much is typed at once, the next key tells as well.
    pub(crate) fn step(&self, step: Step) {
        let _ = self.0.composing.try_send(step);
    }
}
