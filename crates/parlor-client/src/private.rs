//! Messages for one participant (RFC 7701 §6.2).

use std::path::Path;

use parlor_cpim::Address;
use parlor_sip::Uri;

use crate::error::SendError;
use crate::sender::{Content, Delivery, Progress, Sender, file};

impl Sender {
    /// Says something to one participant, on all its devices. Returns when the room has taken it.
    ///
    /// # Errors
    /// [`SendError::Refused`] with 404 when nobody of that URI is in the room, 428 when its client takes no private
    /// messages, 403 when the room allows none.
    pub async fn send_private(&self, recipient: &Uri, text: &str) -> Result<Delivery, SendError> {
        self.send(Content::text(text).to(address(recipient)), text.as_bytes(), |_| {}).await
    }

    /// Sends a file to one participant under its own name. Its content is read as it goes out.
    ///
    /// # Errors
    /// As [`Sender::send_private`].
    pub async fn send_private_file(
        &self,
        recipient: &Uri,
        path: impl AsRef<Path>,
        content_type: &str,
        progress: impl FnMut(Progress),
    ) -> Result<Delivery, SendError> {
        let (content, file) = file(path.as_ref(), content_type).await?;
        self.send(content.to(address(recipient)), file, progress).await
    }
}

fn address(uri: &Uri) -> Address {
    Address::new(uri.to_string())
}
