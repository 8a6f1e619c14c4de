//! `/send`: files that we send.

use std::path::Path;

use parlor_client::SendError;

use super::content_type;
use super::talk::Talker;

impl Talker {
    /// Sends a file. Ctrl-C gives it up and stays in the room.
    pub(super) async fn send(&mut self, path: &Path) {
        let Some(room) = self.room() else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = tokio::fs::metadata(path).await.map(|metadata| metadata.len()).ok();
        let bar = self.screen.begin_bar(&name, size);
        let sending = room.send_file(path, content_type::of_file(path), |progress| bar.set_position(progress.sent));
        let sent = tokio::select! {
            sent = sending => Some(sent),
            _ = self.interrupts.recv() => None,
        };
        self.screen.end_bar();
        match sent {
            Some(Ok(delivery)) => self.screen.notice(&format!("{name} sent, {} bytes", delivery.octets)),
            Some(Err(SendError::Source(error))) => self.complain(&format!("{}: {error}", path.display())),
            Some(Err(error)) => self.complain(&format!("{name} not sent: {error}")),
            None => self.complain(&format!("{name} given up")),
        }
    }
}
