//! Sending, from any task.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use parlor_cpim::Address;
use parlor_msrp::{FailureReport, MessageId, OutgoingMessage, Uri};
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::compose;
use crate::composing::Step;
use crate::error::SendError;
use crate::msrp::{Begin, Command, Piece};
use crate::roster::Roster;
use crate::sdp::RoomCapabilities;
use crate::sip::Refer;

/// Sends to a room; a clone sends from another task. It does not keep the room open.
#[derive(Clone, Debug)]
pub struct Sender(pub(crate) Arc<Session>);

/// What all messages of a session have in common.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) abandoned: mpsc::UnboundedSender<()>,
    /// A permit for each chunk that waits for its response.
    pub(crate) window: Arc<Semaphore>,
    pub(crate) identity: Address,
    /// Our nickname, if we have one.
    pub(crate) nickname: Mutex<Option<String>>,
    pub(crate) room: Address,
    pub(crate) local: Uri,
    pub(crate) peer: parlor_msrp::Path,
    pub(crate) capabilities: RoomCapabilities,
    pub(crate) chunk_size: usize,
    pub(crate) refers: mpsc::Sender<Refer>,
    pub(crate) composing: mpsc::Sender<Step>,
    pub(crate) roster: watch::Receiver<Option<Arc<Roster>>>,
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub(crate) content_type: String,
    pub(crate) file_name: Option<String>,
    size: Option<u64>,
    to: Option<Address>,
    pub(crate) subject: Option<String>,
    success_report: bool,
    failure_report: FailureReport,
}

impl Content {
    /// Content of that type, such as `text/plain; charset=utf-8` or `image/png`.
    pub fn new(content_type: &str) -> Self {
        Self {
            content_type: content_type.to_owned(),
            file_name: None,
            size: None,
            to: None,
            subject: None,
            success_report: false,
            failure_report: FailureReport::Yes,
        }
    }

    /// Plain text of that length.
    pub(crate) fn text(text: &str) -> Self {
        Self::new("text/plain; charset=utf-8").size(text.len() as u64)
    }

    /// A file of that name.
    #[must_use]
    pub fn file_name(self, name: &str) -> Self {
        Self { file_name: Some(name.to_owned()), ..self }
    }

    /// How many octets there will be. The room can then refuse what is too large before it comes.
    #[must_use]
    pub fn size(self, octets: u64) -> Self {
        Self { size: Some(octets), ..self }
    }

    /// For one participant instead of the room.
    #[must_use]
    pub fn to(self, recipient: Address) -> Self {
        Self { to: Some(recipient), ..self }
    }

    /// What it is about. The room may take that for its topic: see [`Sender::set_topic`].
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// What becomes of it does not matter.
    pub(crate) fn without_report(self) -> Self {
        Self { failure_report: FailureReport::No, ..self }
    }

    /// Asks for a success REPORT, which [`Sender::send`] then waits for.
    #[must_use]
    pub fn with_report(self) -> Self {
        Self { success_report: true, ..self }
    }
}

/// A message that the room has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its Message-ID, which later [`Report`](crate::Report)s name.
    pub id: MessageId,
    /// Octets of its content.
    pub octets: u64,
}

/// How far a message has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Octets of content handed over.
    pub sent: u64,
    /// Octets of content altogether, if known.
    pub size: Option<u64>,
}

impl Sender {
    pub(crate) fn new(session: Session) -> Self {
        Self(Arc::new(session))
    }

    /// Who we are in the room.
    pub fn identity(&self) -> &Address {
        &self.0.identity
    }

    /// The room.
    pub fn room(&self) -> &Address {
        &self.0.room
    }

    /// What the room told of itself.
    pub fn capabilities(&self) -> &RoomCapabilities {
        &self.0.capabilities
    }

    /// Says something to the room. Returns when the room has taken it.
    pub async fn send_text(&self, text: &str) -> Result<Delivery, SendError> {
        self.send(Content::text(text), text.as_bytes(), |_| {}).await
    }

    /// Sends a file to the room under its own name. Its content is read as it goes out.
    pub async fn send_file(
        &self,
        path: impl AsRef<Path>,
        content_type: &str,
        progress: impl FnMut(Progress),
    ) -> Result<Delivery, SendError> {
        let (content, file) = file(path.as_ref(), content_type).await?;
        self.send(content, file, progress).await
    }

    /// Sends whatever `source` gives until it ends, in chunks, of which at most
    /// [`Limits::open_transactions`](crate::Limits::open_transactions) are under way. Dropping the future gives the
    /// message up.
    pub async fn send(
        &self,
        content: Content,
        mut source: impl AsyncRead + Unpin,
        mut progress: impl FnMut(Progress),
    ) -> Result<Delivery, SendError> {
        let session = &*self.0;
        let (message, head) = session.message(&content)?;
        let id = message.message_id;
        // Dropped after `done`, so that the session finds that nobody waits.
        let mut abandon = Abandon(Some(&session.abandoned));
        let (told, mut done) = oneshot::channel();
        let begin = Begin { message, chunk_size: session.chunk_size, done: told };
        if content.failure_report == FailureReport::Yes {
            self.step(Step::Said(content.to.clone()));
        }
        session.command(Command::Begin(Box::new(begin))).await?;
        let mut cutter = Cutter { buffer: head, chunk_size: session.chunk_size, read: 0, size: content.size };
        loop {
            let (body, last) = cutter.next(&mut source).await?;
            tokio::select! {
                biased;
                failed = &mut done => {
                    abandon.0 = None;
                    failed.map_err(|_| SendError::Closed)??;
                    return Err(SendError::Closed);
                }
                handed = session.hand_over(id, body, last) => handed?,
            }
            progress(Progress { sent: cutter.read - cutter.waiting(), size: content.size });
            if last {
                break;
            }
        }
        let taken = done.await;
        abandon.0 = None;
        taken.map_err(|_| SendError::Closed)??;
        Ok(Delivery { id, octets: cutter.read })
    }
}

impl Session {
    /// The message and the headers its content begins with, if the room takes such.
    fn message(&self, content: &Content) -> Result<(OutgoingMessage, BytesMut), SendError> {
        if !self.capabilities.takes(&content.content_type) {
            return Err(SendError::Type(content.content_type.clone()));
        }
        let to = content.to.as_ref().unwrap_or(&self.room);
        let head = compose::head(&self.speaker(), to, content);
        let total = content.size.map(|size| size.saturating_add(head.len() as u64));
        if let (Some(total), Some(max)) = (total, self.capabilities.max_size)
            && total > max
        {
            return Err(SendError::TooLarge { max });
        }
        let message = OutgoingMessage {
            to: self.peer.clone(),
            from: self.local.clone(),
            message_id: MessageId::from_random(random()?, random()?),
            failure_report: content.failure_report,
            success_report: content.success_report,
            content_type: "message/cpim".to_owned(),
            total,
        };
        Ok((message, BytesMut::from(&head[..])))
    }

    async fn hand_over(&self, message: MessageId, body: Bytes, last: bool) -> Result<(), SendError> {
        let permit = Arc::clone(&self.window).acquire_owned().await.map_err(|_| SendError::Closed)?;
        self.command(Command::Piece(Piece { message, body, last, permit })).await
    }

    pub(crate) async fn command(&self, command: Command) -> Result<(), SendError> {
        self.commands.send(command).await.map_err(|_| SendError::Closed)
    }
}

/// A file, and what is said of it.
pub(crate) async fn file(path: &Path, content_type: &str) -> Result<(Content, File), SendError> {
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    let mut content = Content::new(content_type);
    if let Some(name) = path.file_name() {
        content = content.file_name(&name.to_string_lossy());
    }
    if metadata.is_file() {
        content = content.size(metadata.len());
    }
    Ok((content, file))
}

/// Tells the session when a message is given up.
struct Abandon<'a>(Option<&'a mpsc::UnboundedSender<()>>);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.0 {
            // The session may be over.
            let _ = abandoned.send(());
        }
    }
}

/// Cuts a source into the bodies of chunks.
struct Cutter {
    /// Headers, then what was read, as far as it is not handed over.
    buffer: BytesMut,
    chunk_size: usize,
    /// Octets of the source that were read.
    read: u64,
    /// Octets that the source should have.
    size: Option<u64>,
}

impl Cutter {
    /// The next body, and whether it is the last.
    async fn next(&mut self, source: &mut (impl AsyncRead + Unpin)) -> Result<(Bytes, bool), SendError> {
        // One octet more than a chunk shows that the chunk is not the last.
        while self.buffer.len() <= self.chunk_size {
            self.buffer.reserve(self.chunk_size + 1);
            let read = source.read_buf(&mut self.buffer).await? as u64;
            self.read += read;
            if self.size.is_some_and(|size| self.read > size || read == 0 && self.read < size) {
                return Err(SendError::Size);
            }
            if read == 0 {
                let body = self.buffer.split_to(self.buffer.len().min(self.chunk_size));
                return Ok((body.freeze(), self.buffer.is_empty()));
            }
        }
        Ok((self.buffer.split_to(self.chunk_size).freeze(), false))
    }

    fn waiting(&self) -> u64 {
        (self.buffer.len() as u64).min(self.read)
    }
}

fn random() -> Result<u64, SendError> {
    SysRng.try_next_u64().map_err(|error| SendError::Source(std::io::Error::other(error)))
}
