//! `/send`: files that we send.

use std::path::Path;
use std::time::{Duration, Instant};

use parlor_client::SendError;

use super::content_type;
use super::size::shown;
use super::talk::Talker;

impl Talker {
    /// Sends a file, and tells once in a while how far it is.
    pub(super) async fn send(&self, path: &Path) {
        let Some(room) = self.room() else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut told = Instant::now();
        let sending = room.send_file(path, content_type::of_file(path), |progress| {
            if told.elapsed() >= A_WHILE {
                told = Instant::now();
                let of = progress.size.map(|size| format!(" of {}", shown(size))).unwrap_or_default();
                self.screen.notice(&format!("{name}: {}{of} sent", shown(progress.sent)));
            }
        });
        match sending.await {
            Ok(delivery) => self.screen.notice(&format!("{name} sent, {} bytes", delivery.octets)),
            Err(SendError::Source(error)) => self.complain(&format!("{}: {error}", path.display())),
            Err(error) => self.complain(&format!("{name} not sent: {error}")),
        }
    }
}

/// Between two lines on one file.
const A_WHILE: Duration = Duration::from_secs(5);
