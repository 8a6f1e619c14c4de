//! The configuration: one TOML file read into one [`Config`].
//!
//! `keys.rs` declares every key once, with its type, default, range and documentation. Reading goes on behind a
//! mistake, so that one run names them all.

mod check;
mod choice;
mod docs;
mod keys;
mod listen;
mod network;
mod presence;
mod read;
mod secret;
mod section;
mod users;
mod value;

use std::fmt;
use std::path::{Path, PathBuf};

pub use self::choice::{
    AuthMode, AuthModes, FailureReport, FileSharing, LogFormat, Receipts, RoomEnd, Sessions, Watchers,
};
pub use self::docs::{documentation, example};
pub use self::keys::{
    Auth, Conference, Files, Http, Limits, Log, Messages, Msrp, Registrar, RoomRules, Rooms, Roster, Sip, Tls,
};
pub use self::listen::{Advertised, HostPort, HttpListen, Listen, Transport};
pub use self::network::Network;
pub use self::presence::{Presence, UserLists};
pub use self::read::Mistake;
pub use self::secret::RoomPassword;
pub(crate) use self::secret::secret_in;
pub use self::value::Size;

use self::keys::{General, RoomName};
use self::read::{Findings, Table, document};

/// Everything that can be configured, checked and complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The domain of the rooms' addresses.
    pub domain: String,
    /// The directory for what outlives a restart.
    pub data_dir: PathBuf,
    /// Whether listening beyond loopback is allowed without authentication.
    pub allow_unauthenticated: bool,
    /// `[sip]`
    pub sip: Sip,
    /// `[msrp]`
    pub msrp: Msrp,
    /// `[tls]`
    pub tls: Tls,
    /// `[auth]`
    pub auth: Auth,
    /// `[registrar]`
    pub registrar: Registrar,
    /// `[messages]`
    pub messages: Messages,
    /// `[presence]`
    pub presence: Presence,
    /// `[http]`
    pub http: Http,
    /// `[conference]`
    pub conference: Conference,
    /// `[roster]`
    pub roster: Roster,
    /// `[rooms]` but for the rules.
    pub rooms: Rooms,
    /// The rules of `[rooms]`: those of rooms made on demand.
    pub room_rules: RoomRules,
    /// Each `[[room]]`, or the lobby.
    pub room: Vec<Room>,
    /// `[files]`
    pub files: Files,
    /// `[limits]`
    pub limits: Limits,
    /// `[log]`
    pub log: Log,
}

/// A room that is there from the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// The user part of its URI.
    pub name: String,
    /// The room that it is a sidebar of.
    pub parent: Option<String>,
    /// The hashes of its password, if it has one.
    pub password: Option<RoomPassword>,
    /// What it allows.
    pub rules: RoomRules,
}

impl Config {
    /// Reads a configuration from its text; the files that it names are not opened.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let (config, findings) = Self::checked(text);
        findings.into_result(config)
    }

    /// Reads a configuration from a file and tries the files that it names.
    pub fn load(file: &Path) -> Result<Self, LoadError> {
        let unreadable = |error| LoadError::Unreadable { file: file.to_owned(), error };
        let bytes = std::fs::read(file).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        let (config, mut findings) = Self::checked(&text);
        for offset in not_utf8(&bytes) {
            findings.mistake_near(&text, offset, "not UTF-8".to_owned());
        }
        if let Err(error) = crate::tls::Tls::load(&config.tls) {
            findings.mistake(error.key(), error.to_string());
        }
        check::check_password_files(&config, &mut findings);
        findings.into_result(config).map_err(|mistakes| LoadError::Mistaken { file: file.to_owned(), mistakes })
    }

    /// The realm of passwords.
    pub fn realm(&self) -> &str {
        self.auth.realm.as_deref().unwrap_or(&self.domain)
    }

    /// Whether anything establishes who sends a request.
    pub fn asks_who_it_is(&self) -> bool {
        self.auth.mode.has(AuthMode::Digest) || self.auth.mode.has(AuthMode::TrustedProxy)
    }

    /// Whether files may be left in any room.
    pub fn has_files(&self) -> bool {
        let rules = self.room.iter().map(|room| &room.rules);
        let on_demand = self.rooms.on_demand.then_some(&self.room_rules);
        rules.chain(on_demand).any(|rules| rules.files != FileSharing::Off)
    }

    /// What a person should know about it, a line a subject.
    pub fn summary(&self) -> String {
        let listeners = |all: &[Listen]| all.iter().map(Listen::to_string).collect::<Vec<_>>().join(", ");
        let http = self.http.listen.address().map_or("off".to_owned(), |address| format!("http://{address}/metrics"));
        let shown = self.room.iter().take(SHOWN_ROOMS).map(|room| format!("sip:{}@{}", room.name, self.domain));
        let mut rooms = shown.collect::<Vec<_>>();
        if let Some(more) = self.room.len().checked_sub(SHOWN_ROOMS).filter(|&more| more > 0) {
            rooms.push(format!("{more} more"));
        }
        if self.rooms.on_demand {
            rooms.push("others on demand".to_owned());
        }
        let (sip, msrp, rooms) = (listeners(&self.sip.listen), listeners(&self.msrp.listen), rooms.join(", "));
        let auth = &self.auth.mode;
        format!("sip:   {sip}\nmsrp:  {msrp}\nhttp:  {http}\nauth:  {auth}\nrooms: {rooms}\n")
    }

    fn checked(text: &str) -> (Self, Findings) {
        let mut findings = Findings::new(text);
        let config = document(text, &mut findings, Self::read);
        check::check(&config, &mut findings);
        (config, findings)
    }

    fn read(root: &mut Table<'_, '_>) -> Self {
        let General { domain, data_dir, allow_unauthenticated } = General::read(root, &General::default());
        let (rooms, room_rules) = root.table("rooms", |table| {
            (Rooms::read(table, &Rooms::default()), RoomRules::read(table, &RoomRules::default()))
        });
        let mut room = root.tables("room", |table| Room::read(table, &room_rules));
        if room.is_empty() {
            let (name, rules) = (LOBBY.to_owned(), room_rules.clone());
            room.push(Room { name, parent: None, password: None, rules });
        }
        Self {
            domain,
            data_dir,
            allow_unauthenticated,
            sip: root.table("sip", |table| Sip::read(table, &Sip::default())),
            msrp: root.table("msrp", |table| Msrp::read(table, &Msrp::default())),
            tls: root.table("tls", |table| Tls::read(table, &Tls::default())),
            conference: root.table("conference", |table| Conference::read(table, &Conference::default())),
            auth: root.table("auth", |table| Auth::read(table, &Auth::default())),
            registrar: root.table("registrar", |table| Registrar::read(table, &Registrar::default())),
            messages: root.table("messages", |table| Messages::read(table, &Messages::default())),
            presence: root.table("presence", |table| Presence::read(table, &Presence::default())),
            http: root.table("http", |table| Http::read(table, &Http::default())),
            roster: root.table("roster", |table| Roster::read(table, &Roster::default())),
            rooms,
            room_rules,
            room,
            files: root.table("files", |table| Files::read(table, &Files::default())),
            limits: root.table("limits", |table| Limits::read(table, &Limits::default())),
            log: root.table("log", |table| Log::read(table, &Log::default())),
        }
    }
}

impl Default for Config {
    /// A server on loopback with one room, the lobby.
    fn default() -> Self {
        Self::parse("").expect("the defaults are a valid configuration")
    }
}

impl Room {
    fn read(table: &mut Table<'_, '_>, rules: &RoomRules) -> Self {
        let unnamed = RoomName { name: String::new(), parent: None, password: None };
        let RoomName { name, parent, password } = RoomName::read(table, &unnamed);
        if !table.has("name") {
            table.mistake("name", "a room needs a name");
        }
        Self { name, parent, password, rules: RoomRules::read(table, rules) }
    }
}

/// Why a file is no configuration.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There are mistakes in it.
    Mistaken {
        /// Its path.
        file: PathBuf,
        /// All of them, by line.
        mistakes: Vec<Mistake>,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Mistaken { file, mistakes } => {
                for (index, mistake) in mistakes.iter().enumerate() {
                    let newline = if index == 0 { "" } else { "\n" };
                    write!(f, "{newline}{}:{mistake}", file.display())?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Where `bytes` are not UTF-8, as offsets in the text that they make with replacement characters.
fn not_utf8(bytes: &[u8]) -> Vec<usize> {
    let mut offset = 0;
    let mut places = Vec::new();
    for chunk in bytes.utf8_chunks() {
        offset += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            places.push(offset);
            offset += char::REPLACEMENT_CHARACTER.len_utf8();
        }
    }
    places
}

/// The room that exists when no other is configured.
const LOBBY: &str = "lobby";
/// How many rooms a summary names.
const SHOWN_ROOMS: usize = 8;
