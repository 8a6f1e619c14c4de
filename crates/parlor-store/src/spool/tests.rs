//! A spool from inside: what it keeps, what it gives out, what is left of it.

use super::*;
use crate::Sqlite;
use bytes::Bytes;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

const LIMITS: SpoolLimits =
    SpoolLimits { file: 1000, owner: 1500, room: 2000, total: 3000, files_of_room: 4, files_of_owner: 4, files: 100 };
/// SHA-1 of `hello world`, from `sha1sum`.
const HELLO: [u8; 20] = [
    0x2a, 0xae, 0x6c, 0x35, 0xc9, 0x4f, 0xcf, 0xb4, 0x15, 0xdb, 0xe9, 0x5f, 0x40, 0x8b, 0x9c, 0xe9, 0x1e, 0xe8, 0x46,
    0xed,
];

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn open(&self, now: u64) -> Spool {
        let store = Arc::new(Sqlite::open(&self.directory.path().join("parlor.db")).unwrap());
        Spool::open(&self.directory.path().join("files"), LIMITS, store, now).unwrap()
    }

    fn on_disk(&self) -> usize {
        fs::read_dir(self.directory.path().join("files")).unwrap().count()
    }
}

fn new(size: Option<u64>) -> NewFile {
    NewFile { room: "lobby".to_owned(), account: "sip:alice@example.com".to_owned(), size }
}

fn about(name: &str) -> KeptFile {
    KeptFile { name: name.to_owned(), kind: "text/plain".to_owned(), expires: 100, ..KeptFile::default() }
}

fn write(incoming: &mut Incoming, octets: &'static [u8]) -> Result<(), SpoolError> {
    wait(incoming.write(Bytes::from_static(octets)))
}

fn keep(spool: &Spool, name: &str, octets: &'static [u8]) -> Arc<KeptFile> {
    let mut incoming = spool.begin(new(None)).unwrap();
    write(&mut incoming, octets).unwrap();
    wait(incoming.finish(Expected::default(), about(name))).unwrap()
}

fn read_all(mut reader: Reader) -> Result<Vec<u8>, SpoolError> {
    let mut all = Vec::new();
    loop {
        let piece = wait(reader.next(4))?;
        all.extend_from_slice(&piece.octets);
        if piece.is_last {
            return Ok(all);
        }
    }
}

/// What was written is there after a restart, under its hash, with all that is known of it.
#[test]
fn what_is_finished_is_kept() {
    let scene = Scene::new();
    let kept = {
        let spool = scene.open(0);
        let mut incoming = spool.begin(new(Some(11))).unwrap();
        write(&mut incoming, b"hello ").unwrap();
        write(&mut incoming, b"world").unwrap();
        let expected = Expected { sha1: Some(HELLO), sha256: None };
        let kept = wait(incoming.finish(expected, about("hello.txt"))).unwrap();
        assert_eq!(read_all(spool.read(&kept)).unwrap(), b"hello world");
        kept
    };
    let spool = scene.open(0);
    assert_eq!(spool.files_of("lobby"), [Arc::clone(&kept)]);
    assert_eq!((spool.usage(), scene.on_disk()), (Usage { octets: 11, files: 1 }, 1));
    assert_eq!(read_all(spool.read(&kept)).unwrap(), b"hello world");
    assert_eq!((kept.sha1, &*kept.account, kept.size), (HELLO, "sip:alice@example.com", 11));
    assert_ne!(keep(&spool, "other", b"other").id, kept.id);
}

/// A file that is not what was said, or larger, is gone with everything that counted for it.
#[test]
fn what_is_wrong_is_not_kept() {
    let scene = Scene::new();
    let spool = scene.open(0);
    let finish = |size, octets, expected| {
        let mut incoming = spool.begin(new(size)).unwrap();
        write(&mut incoming, octets)?;
        wait(incoming.finish(expected, about("x"))).map(drop)
    };
    let wrong = Expected { sha1: Some([0; 20]), sha256: None };
    assert!(matches!(finish(Some(5), b"hello", wrong), Err(SpoolError::Hash)));
    let wrong = Expected { sha1: None, sha256: Some([0; 32]) };
    assert!(matches!(finish(None, b"hello", wrong), Err(SpoolError::Hash)));
    assert!(matches!(finish(Some(4), b"hello", Expected::default()), Err(SpoolError::Size)));
    assert!(matches!(finish(Some(6), b"hello", Expected::default()), Err(SpoolError::Size)));
    assert!(matches!(finish(None, b"", Expected::default()), Err(SpoolError::Empty)));
    assert!(matches!(finish(None, &[0; 1001], Expected::default()), Err(SpoolError::Full(Full::File))));
    assert!(matches!(spool.begin(new(Some(1001))), Err(Full::File)));
    assert_eq!(spool.usage(), Usage::default());
    drop(spool);
    assert_eq!(scene.on_disk(), 0);
}

/// Who reads a file that is arriving gets it as it comes, but its end only once it is right.
#[test]
fn readers_follow_the_writer() {
    let scene = Scene::new();
    let spool = scene.open(0);
    let mut incoming = spool.begin(new(None)).unwrap();
    assert!(incoming.content().is_none());
    write(&mut incoming, b"01234567").unwrap();
    let mut reader = spool.follow(&incoming.content().unwrap());
    let mut other = spool.follow(&incoming.content().unwrap());
    assert_eq!(wait(reader.next(4)).unwrap().octets, b"0123".as_slice());
    {
        let mut waiting = pin!(reader.next(4));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it may be the end");
        write(&mut incoming, b"89").unwrap();
        assert_eq!(wait(waiting).unwrap(), Piece { octets: Bytes::from_static(b"4567"), is_last: false });
    }
    let kept = wait(incoming.finish(Expected::default(), about("x"))).unwrap();
    assert_eq!(wait(reader.next(4)).unwrap(), Piece { octets: Bytes::from_static(b"89"), is_last: true });
    spool.expire(kept.expires);
    assert_eq!(wait(other.next(100)).unwrap().octets.len(), 10, "who reads it reads on");
    let mut broken = spool.begin(new(None)).unwrap();
    write(&mut broken, b"01234567").unwrap();
    let mut reader = spool.follow(&broken.content().unwrap());
    drop(broken);
    assert!(matches!(wait(reader.next(4)), Err(SpoolError::Gone)));
}

/// Files go when their time is over, at once or at the next start.
#[test]
fn files_expire() {
    let scene = Scene::new();
    let spool = scene.open(0);
    let kept = keep(&spool, "old", b"old");
    assert_eq!((spool.expire(99), spool.expire(100), spool.expire(100)), (0, 1, 0));
    keep(&spool, "new", b"new");
    drop(spool);
    let gone = scene.open(0);
    assert!(matches!(read_all(gone.read(&kept)), Err(SpoolError::Gone)));
    drop(gone);
    assert_eq!(scene.on_disk(), 1);
    assert!(scene.open(100).files_of("lobby").is_empty());
    assert_eq!(scene.on_disk(), 0);
}

/// After a crash nothing is left of what was not finished, and nothing is known of what is not there; files of others are not
/// touched.
#[test]
fn a_crash_leaves_nothing_behind() {
    let scene = Scene::new();
    let (lost, cut) = {
        let spool = scene.open(0);
        (keep(&spool, "lost", b"lost"), keep(&spool, "cut", b"cut"))
    };
    let files = scene.directory.path().join("files");
    fs::remove_file(files.join(lost.on_disk())).unwrap();
    fs::write(files.join(cut.on_disk()), b"cu").unwrap();
    fs::write(files.join("unfinished-7"), b"x").unwrap();
    fs::write(files.join(format!("{}-9", "ab".repeat(32))), b"x").unwrap();
    fs::write(files.join("README"), b"x").unwrap();
    let spool = scene.open(0);
    assert!(spool.files_of("lobby").is_empty());
    assert_eq!(scene.on_disk(), 1);
    assert!(files.join("README").exists());
    drop(spool);
    assert!(scene.open(0).files_of("lobby").is_empty(), "nor does the database know them");
}
