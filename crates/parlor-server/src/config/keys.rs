//! The sections and their keys. What stands here is read from the file, checked, and shown in `docs/configuration.md`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::{AuthModes, FailureReport, FileSharing, LogFormat, Receipts, RoomEnd, Sessions, Watchers};
use super::listen::{Advertised, HttpListen, Listen};
use super::network::Network;
use super::presence::Presence;
use super::secret::RoomPassword;
use super::section::{Group, section};
use super::value::Size;
use parlor_room::{Role, UserList};
use parlor_sip::digest::Algorithm;

section! {
    /// The server as a whole.
    pub(super) General {
        /// The domain of the rooms' addresses, as in `sip:lobby@example.test`. Requests for this domain or for a
        /// listening address are ours; others are refused.
        domain: String = "localhost";
        /// The directory for what outlives a restart. It is made if missing.
        data_dir: PathBuf = "./parlor-data";
        /// Whether the server may listen beyond loopback although `mode` of `[auth]` has `"none"`: a participant is then whom
        /// the From of its INVITE names, which anybody can write.
        allow_unauthenticated: bool = false;
    }
}

section! {
    /// Joining and leaving: SIP.
    pub Sip {
        /// Where SIP is served: `udp:`, `tcp:` or `tls:` with an IP address and a port.
        listen: Vec<Listen> = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"];
        /// The host that others reach us by, if it is not the address we listen on (NAT, containers): one for all
        /// listeners, or a list with one for each in their order. The port is the listener's unless written.
        advertised: Advertised = [], example "chat.example.net";
        /// After this time without a refresh a participant counts as gone (RFC 4028, Session-Expires).
        session_expires: Duration = "30m", from "90s" to "1d";
        /// The shortest such time that we let a participant ask for (RFC 4028, Min-SE).
        min_se: Duration = "90s", from "90s" to "1h";
        /// The name servers, as addresses with ports, that are asked where others are who are called or sent to. Without any,
        /// those of the system.
        name_servers: Vec<SocketAddr> = [], example ["192.0.2.53:53", "[2001:db8::53]:53"];
    }
}

section! {
    /// The messages: MSRP.
    pub Msrp {
        /// Where MSRP is served: `tcp:` or `tls:` with an IP address and a port.
        listen: Vec<Listen> = ["tcp:127.0.0.1:2855"];
        /// The host that participants connect to, if it is not the address we listen on (NAT, containers): one for all
        /// listeners, or a list with one for each in their order. The port is the listener's unless written.
        advertised: Advertised = [], example "chat.example.net:2855";
        /// Whether a participant's From-Path must equal the path of its offer to the letter. Otherwise, since middleboxes
        /// rewrite hosts, the session id is enough.
        strict_paths: bool = false;
        /// Whether nicknames must be quoted in `Use-Nickname`, as RFC 7701 says. Otherwise, since a widespread library
        /// writes them without, they are taken as they stand, and an empty value gives the nickname up.
        strict_nicknames: bool = false;
        /// Clients that know chat rooms, and take private messages, although their SDP does not say so by `a=chatroom`: the
        /// first word of the name that they give the session (`s=`).
        chat_clients: Vec<String> = ["Blink", "sipsimple"];
        /// How much of a message goes into one chunk. Clients and relays are known that fail above 10 kB.
        chunk_bytes: Size = "8 KiB", from "2 KiB" to "9 KiB";
        /// What copies of messages ask of their recipients: `"no"` report, `"partial"`: only failures, or `"yes"`: an
        /// answer to each chunk, which finds dead clients within a minute and costs a response a copy.
        failure_report: FailureReport = "partial";
        /// How long a participant that has joined may take to connect and show its session, and how long a connection
        /// may stay without one.
        bind_timeout: Duration = "30s", from "1s" to "10m";
    }
}

section! {
    /// Certificates, for listeners that begin with `tls:`. `parlor certificate --self-signed` makes one for trying.
    pub Tls {
        /// The certificate with its chain, a PEM file.
        certificate: Option<PathBuf> = none, example "certificate.pem";
        /// The private key of the certificate, a PEM file.
        key: Option<PathBuf> = none, example "key.pem";
        /// Certificates, a PEM file, that the certificate of whoever we connect to over TLS must go back to: participants and
        /// servers of other domains. Without it such connections fail.
        trusted: Option<PathBuf> = none, example "trusted.pem";
    }
}

section! {
    /// Who is who.
    pub Auth {
        /// What establishes who sends a request, one or several:
        /// `"none"`: nothing, it is whom From names, which anybody can write. Whatever a room grants to a URI is then advice
        /// and no protection.
        /// `"digest"`: the password of a user, made by `parlor user add`.
        /// `"trusted-proxy"`: a proxy of `trusted_proxies` says so in P-Asserted-Identity; nobody else is believed to.
        /// With `["digest", "trusted-proxy"]` either will do. With `"none"` beside others, guests may join: whose From has our
        /// domain or an address of a user must prove it, all others are whom their From names.
        mode: AuthModes = "none", example ["digest", "trusted-proxy"];
        /// Proxies whose P-Asserted-Identity is believed, as addresses or networks. Each must be the only one who can send
        /// from its address, so use TLS or TCP, or a network of your own: over UDP an address can be forged.
        trusted_proxies: Vec<Network> = [], example ["192.0.2.10", "10.0.0.0/24"];
        /// What clients show to whoever is asked for a password, in the form of a host name. Without it, the domain.
        /// Passwords belong to it: when it changes, all must be set again.
        realm: Option<String> = none, example "chat.example.net";
        /// What passwords are hashed with. SHA-256 is offered before MD5, which is for old clients: what is kept of a
        /// password in MD5 is easier to guess it from. A password is kept for the algorithms that stand here when it is set.
        algorithms: Vec<Algorithm> = ["SHA-256"];
        /// How long a client may go on with what it was asked once, before it is asked again.
        nonce_age: Duration = "5m", from "10s" to "1d";
        /// How many wrong passwords a minute may come from one address, or from one /64 network of IPv6. Above it no
        /// password from there is looked at for a minute or two, but those of users who have shown theirs there in the
        /// last day, of which there may be as many wrong ones again. Trusted proxies have no such limit.
        failures_per_address: u32 = 30, from 1 to 1000000;
    }
}

section! {
    /// Where users are: SIP REGISTER. It is served if `mode` of `[auth]` tells who sends one, or `trust_loopback` is set.
    pub Registrar {
        /// Whether, with `mode = "none"`, whoever is on this machine may register any address of our domain. Everybody on it
        /// then gets whoever's messages it likes: for trying, or behind a proxy on this machine that asks for passwords.
        trust_loopback: bool = false;
        /// The shortest time that a device may register for; for less it gets 423 (RFC 3261, Min-Expires).
        min_expires: Duration = "1m", from "1s" to "1h";
        /// The longest time that it is granted.
        max_expires: Duration = "1h", from "1m" to "7d";
    }
}

section! {
    /// Messages from user to user: SIP MESSAGE.
    pub Messages {
        /// How long a message waits for a user with an account who has no device registered, or none that answers; its sender
        /// may want less. With `"0s"` none does: its sender gets 480.
        keep_for: Duration = "7d", from "0s" to "365d";
        /// Whom of other domains users of ours may send to, once they have proven who they are: `"*"` is everybody,
        /// `"example.org"` a domain, and a URI one user. For all others they get 403. What anybody else sends to other domains
        /// is refused in any case.
        send_to: UserList = [], example ["example.org"];
        /// The networks whose addresses such messages may go to. With an empty list they go nowhere, except on loopback while
        /// SIP is served nowhere else.
        send_networks: Vec<Network> = [], example ["192.0.2.0/24", "2001:db8::/32"];
        /// The networks of servers of other domains, whose messages for users of ours are taken: who sends them is then whom
        /// From names, as long as that is none of us. Over UDP such an address can be forged.
        accept_from: Vec<Network> = [], example ["192.0.2.0/24"];
    }
}

section! {
    /// Metrics and health: HTTP.
    pub Http {
        /// Where `/metrics`, `/healthz` and `/readyz` are served, or `"off"`.
        listen: HttpListen = "127.0.0.1:8080";
    }
}

section! {
    /// Bringing people into rooms: the server calls them, if a participant who may asks for it (SIP REFER).
    pub Conference {
        /// The name of the factory: whoever calls `sip:conference@example.test` gets a room of its own, under a name that
        /// nobody can guess, which begins with this one, and with the rules of `[rooms]`, owns it, and may bring a list of
        /// others to be called into it (RFC 5366). Without a name there is no factory.
        factory: String = "conference";
        /// When such a room ends: when its `"creator"` leaves, or when it is `"empty"`.
        factory_ends: RoomEnd = "creator";
        /// How many may be on a list; a longer one gets 513.
        max_invited: u32 = 32, from 1 to 64;
        /// The networks, as in `10.0.0.0/8`, whose addresses the server may call. Who is in another room is called there
        /// in any case. With an empty list nobody else is called, except on loopback while SIP is served nowhere else.
        dial_out: Vec<Network> = [], example ["192.168.0.0/16", "2001:db8::/32"];
        /// How long somebody who is called may take to answer.
        ring_timeout: Duration = "1m", from "5s" to "10m";
    }
}

section! {
    /// Telling subscribers (SIP SUBSCRIBE) who is in a room.
    pub Roster {
        /// A change after a quiet time is told at once; what changes within this time after that is told together. More costs
        /// less in large rooms.
        interval: Duration = "1s", from "100ms" to "1m";
        /// Whether subscribers are told how somebody left, before they are told that they are gone: one NOTIFY more.
        departures: bool = false;
        /// In rooms with up to so many participants subscribers are told everything each time, in larger ones what has
        /// changed; 0: in all of them. Many clients can do nothing with parts.
        whole_up_to: u32 = 64, from 0 to 100000;
        /// Clients that can do nothing with parts, by words of their User-Agent: they are told everything in rooms of any size.
        whole_for: Vec<String> = ["Blink", "sipsimple", "SylkServer"];
        /// How much a second it may come to for one subscriber to be told everything each time. Where that is more, changes
        /// wait.
        whole_rate: Size = "16 KiB", from "1 KiB" to "64 MiB";
        /// How long a subscription lasts at the most without being refreshed.
        expires: Duration = "1h", from "1m" to "1d";
        /// How long it lasts at the least: one that is to last less than this and than an hour gets 423.
        min_expires: Duration = "1m", from "1s" to "1h";
    }
}

section! {
    /// All rooms. Each key of a `[[room]]` but its name may stand here too and is then the default of every room.
    pub Rooms {
        /// Whether joining a room that does not exist makes it, unless its name is a user's.
        on_demand: bool = true;
        /// How long a room made on demand stays when its last participant has left.
        linger: Duration = "1m", from "0s" to "1d";
        /// How long a room made on demand may stay open, whoever is in it; they are told a minute before, and leave with it.
        /// 0: for ever.
        lifetime: Duration = "0s", from "0s" to "365d";
    }
}

section! {
    /// What a room allows.
    pub RoomRules {
        /// What the room is about, one line.
        topic: String = "", example "Anything goes";
        /// What the room tells everybody who joins; nothing if empty.
        welcome: String = "", example "Welcome to the lobby";
        /// How many participants may be in the room; one more gets 486.
        max_participants: u32 = 2000, from 1 to 100000;
        /// The largest message, told in `a=max-size`; a larger one gets 413.
        max_message_bytes: Size = "100 MiB", from "2 KiB" to "1024 GiB";
        /// The types of content that messages may carry, told in `a=accept-wrapped-types`; `*` allows any other too.
        accept_wrapped_types: Vec<String> = ["text/plain", "text/html", "message/imdn+xml", "application/im-iscomposing+xml", "*"];
        /// Who may join; others get 403. Here and in the lists below, `"*"` is everybody, `"example.org"` all users of that
        /// domain, and a URI such as `"sip:alice@example.org"` or `"tel:+15551234"` one user. What they say of users counts
        /// as much as it is proven who somebody is.
        allow: UserList = ["*"], example ["example.org", "sip:bob@example.net"];
        /// The file that has, as its first line, the password that one must know to join, unless the `[[room]]` has one of its
        /// own. Any user name belongs to it.
        password_file: Option<PathBuf> = none, example "lobby.password";
        /// Who may not join even though `allow` has it.
        deny: UserList = [], example ["sip:mallory@example.org"];
        /// Whether participants may be anonymous: they have a name out of `anonymous.invalid` then, and nobody is told
        /// another one. If not, who asks for privacy gets 433.
        anonymous: bool = true;
        /// Who are the room's owners.
        owners: UserList = [], example ["sip:alice@example.org"];
        /// Who are its moderators.
        moderators: UserList = [], example ["sip:bob@example.org"];
        /// Who are its members.
        members: UserList = [], example ["example.org"];
        /// What everybody else is: `"visitor"`, `"member"`, `"moderator"` or `"owner"`. Each may do what those before it may.
        default_role: Role = "member";
        /// Whether the room tells joiners its topic, and everybody when it changes.
        announce_topic: bool = true;
        /// From which role on one may set the topic: by a message to the room with a `Subject` in its CPIM headers.
        set_topic: Role = "moderator";
        /// From which role on one may have the room invite somebody.
        invite: Role = "member";
        /// From which role on one may have somebody removed.
        remove: Role = "moderator";
        /// Whether one user may be in the room by several devices at once: `"many"` or `"one"`.
        sessions: Sessions = "many";
        /// How many sessions one participant may have in the room at once, if `sessions` allows many; one more gets 486.
        max_sessions_per_participant: u32 = 8, from 1 to 1000;
        /// Whether one session more than a participant may have ends its oldest one with BYE instead of being refused. One
        /// that has lost its connection gives way in any case.
        takeover: bool = false;
        /// How many messages a second a participant may begin to send, by all its sessions together. More is not refused, but
        /// read when its time has come. 0: any number.
        messages_per_second: u32 = 5000, from 0 to 1000000;
        /// How many messages a participant may send at once after a pause, however many a second.
        messages_at_once: u32 = 5000, from 1 to 1000000;
        /// Who may know who is in: `"anyone"` who may join, or only `"participants"`; others get 403.
        roster: Watchers = "anyone";
        /// Where the room is heard, if that is anywhere: the URI of an audio conference elsewhere. The roster shows it; Parlor
        /// itself carries no voices.
        audio_bridge: String = "", example "sip:lobby@audio.example.net";
        /// Where the room is seen: the URI of a video conference elsewhere.
        video_bridge: String = "", example "sip:lobby@video.example.net";
        /// Whether messages must travel inside TLS: an offer of plain MSRP is refused with 488.
        require_tls: bool = false;
        /// Whether participants may set nicknames; if not, NICKNAME gets 403.
        nicknames: bool = true;
        /// Nicknames that nobody gets, however they are spelt: 425.
        reserved_nicknames: Vec<String> = ["admin", "administrator", "anonymous", "moderator", "owner", "room", "server", "system"];
        /// Who may leave files in the room and fetch them: `"participants"`, of whom those who may only read fetch alone, or
        /// `"off"`.
        files: FileSharing = "participants";
        /// The longest nickname, in octets; a longer one gets 425. Each of a user's devices may have one, and all of them stand
        /// in the roster.
        max_nickname_bytes: u32 = 256, from 16 to 1023;
        /// How long a nickname that was given up is kept for who had it.
        nickname_quarantine: Duration = "5m", from "0s" to "1d";
        /// Whether participants may send messages to one other; if not, they get 403.
        private_messages: bool = true;
        /// What becomes of receipts (IMDN) that are sent to the room: `"drop"`, after a 200, as a message that asks for them
        /// would bring as many as there are participants, or `"pass"`. Those for one participant are private messages.
        imdn: Receipts = "drop";
        /// Whether one may be in the room by SIP MESSAGE alone, without MSRP: who sends `/join` to the room's address, and the
        /// number that it gets if it has proven nothing, gets what is said by MESSAGE; texts above 1,300 bytes that do not come
        /// over a stream, other content and what is above 8 KiB are only told of. `/leave`, `/who`, `/nick NAME` and `/help`
        /// are for those who are in so; anything else they send is said to everybody. Where `require_tls` is set nobody is.
        by_message: bool = false;
        /// After this time without a MESSAGE of theirs they are no longer in.
        by_message_for: Duration = "1h", from "1m" to "7d";
        /// Whether users with an account are told by MESSAGE, now or when they register, that they were named in a text to the
        /// room while they were not in it: by the user part of their address as a word, or by `@` and the nickname they had
        /// there. Told are those whom `owners`, `moderators` and `members` name by a URI, the first 256, and the last 256 who
        /// were in the room within a week, as far as they were there since the server started; each once a minute at the most.
        /// Where `require_tls` is set nobody is.
        keep_mentions: bool = false;
        /// Whether a SIP MESSAGE to the own address of a user who has no device registered reaches it in the room, as a
        /// private message, if both sender and recipient are in it with MSRP and the recipient has proven who it is. What the
        /// room's rules for private messages do not allow is kept or refused as it would be otherwise. Of several such rooms it
        /// is the one that the recipient has joined last.
        messages_reach_participants: bool = false;
        /// Up to how many participants the room passes on who is writing.
        composing_up_to: u32 = 100000, from 0 to 100000;
        /// Whether visitors only read: what they send gets 403, to the room and to one participant alike.
        moderated: bool = false;
        /// Whether what somebody says to the room also goes to the other devices it is there with.
        own_copies: bool = true;
        /// Whether what somebody says to one participant also goes to those of its own other devices that take private
        /// messages.
        own_private_copies: bool = false;
    }
}

section! {
    /// Files that are left in rooms (RFC 5547). They are kept in `files` below the data directory. What goes beyond one of
    /// these limits gets 413 while it comes.
    pub Files {
        /// The largest file, told in `a=max-size`; one that says that it is larger gets 488.
        max_bytes: Size = "256 MiB", from "1 KiB" to "1024 GiB";
        /// What one user may have left in all rooms.
        per_user: Size = "1 GiB", from "1 KiB" to "1024 GiB";
        /// What all files of one room may take.
        per_room: Size = "2 GiB", from "1 KiB" to "1024 GiB";
        /// What all files together may take.
        total: Size = "10 GiB", from "1 KiB" to "1024 GiB";
        /// How many files one room may have; each is told to everybody who follows its roster.
        count_per_room: u32 = 100, from 1 to 1000;
        /// How many files one user may have left in all rooms, under whichever name; all who have none count as one.
        count_per_user: u32 = 50, from 1 to 1000000;
        /// How many files there may be; each takes some 1.5 KiB of memory.
        count: u32 = 20000, from 1 to 1000000;
        /// How many files may be on their way at once, in all rooms; one more gets 503.
        transfers: u32 = 500, from 1 to 1000000;
        /// How many of them for one participant; one more gets 486.
        transfers_per_participant: u32 = 8, from 1 to 1000;
        /// How long a file is kept.
        keep: Duration = "7d", from "1s" to "3650d";
    }
}

section! {
    /// A room that is there from the start, named in its address: `sip:lobby@example.test`. Without any such section there
    /// is one room, `lobby`.
    pub(super) RoomName {
        /// The name: letters, digits and `-_.~+`.
        name: String = none, example "lobby";
        /// The room of this file that this one is a sidebar of: it is shown in that room's roster, and ends with it. Who is
        /// in a room and may invite others can also make a sidebar of it, by calling the factory with that room's name:
        /// `sip:conference@example.test;parent=lobby`.
        parent: Option<String> = none, example "lobby";
        /// The hashes of the password that one must know to join, as `parlor room-password` writes them; who has them can
        /// join too. It is asked for in a realm of its own, the room's address; the user name that belongs to it is the
        /// room's.
        password: Option<RoomPassword> = none, example "SHA-256=d438cb64c2b76115b6021f9b82f764b884bc39ec4704a61b958b7bfc2a3a2f91";
    }
}

section! {
    /// What the server takes on at most. Together these bound its memory.
    pub Limits {
        /// MSRP connections, those included that we open to participants that wait for us.
        connections: u32 = 10000, from 1 to 1000000;
        /// Connections of one address, of MSRP and of SIP each. A /64 network counts as one IPv6 address; loopback has no
        /// such limit.
        connections_per_address: u32 = 1000, from 1 to 1000000;
        /// Sessions that one MSRP connection may carry; one more gets 506 and finds its place on a connection of its own.
        sessions_per_connection: u32 = 256, from 1 to 65536;
        /// SIP connections over TCP and TLS.
        sip_connections: u32 = 10000, from 1 to 1000000;
        /// SIP transactions under way. Above it the oldest end that are answered and only wait for retransmissions; where there
        /// are none a request gets 503.
        sip_transactions: u32 = 50000, from 100 to 1000000;
        /// How many INVITEs that begin a dialog are taken a second of each address, after a pause those of ten seconds at once;
        /// one more gets 503. A /64 network counts as one IPv6 address; `[auth] trusted_proxies` have no such limit. 0: any
        /// number.
        joins_per_second: u32 = 1000, from 0 to 1000000;
        /// The same for SUBSCRIBEs.
        subscribes_per_second: u32 = 100, from 0 to 1000000;
        /// The largest body of a SIP message.
        sip_body_bytes: Size = "64 KiB", from "4 KiB" to "1 MiB";
        /// Devices that are registered, of all users together; one more gets 503.
        registrations: u32 = 20000, from 1 to 1000000;
        /// Devices that one user may have registered; one more gets 403.
        registrations_per_user: u32 = 10, from 1 to 1000;
        /// Messages that wait for users who are away, of all users together; one more gets 503. Within `keep_for` of `[messages]`
        /// one sender, or one other domain, may have a tenth of them and of their octets kept.
        kept_messages: u32 = 100000, from 1 to 10000000;
        /// Messages that wait for one user; one more gets 480.
        kept_messages_per_user: u32 = 100, from 1 to 100000;
        /// Of those the messages of one sender, or of one other domain, since the user has taken all; one more gets 480.
        kept_messages_per_sender: u32 = 50, from 1 to 100000;
        /// The octets of all of these on the disk, in `data_dir`.
        kept_message_bytes: Size = "256 MiB", from "1 MiB" to "1024 GiB";
        /// Publications of presence, of all users together; one more gets 503, as with the limits that follow.
        publications: u32 = 20000, from 0 to 1000000;
        /// Publications of one user.
        publications_per_user: u32 = 10, from 0 to 1000;
        /// The octets of all publications, of which none has more than 4 KiB.
        publication_bytes: Size = "64 MiB", from "4 KiB" to "64 GiB";
        /// Subscriptions to the presence of all users together.
        watchers: u32 = 20000, from 0 to 1000000;
        /// Subscriptions to the presence of one user.
        watchers_per_user: u32 = 1000, from 0 to 1000000;
        /// Subscriptions of one user to the presence of others.
        watched_per_user: u32 = 500, from 0 to 1000000;
        /// Sessions of all rooms together; those on further media lines of a dialog do not count.
        sessions: u32 = 10000, from 1 to 1000000;
        /// Media lines of one dialog that may be sessions: beside its chat a participant may have more, to send large messages
        /// on while it talks. Any further line is refused with port 0.
        message_lines: u32 = 4, from 1 to 16;
        /// Calls that all rooms together may have under way to bring people in; a REFER above it gets 503.
        calls: u32 = 256, from 0 to 100000;
        /// Subscriptions to all rooms together; one more gets 503, as with the two limits that follow.
        subscriptions: u32 = 20000, from 0 to 1000000;
        /// Subscriptions to one room.
        subscriptions_per_room: u32 = 10000, from 0 to 1000000;
        /// Subscriptions of one user to one room.
        subscriptions_per_user: u32 = 16, from 0 to 1000000;
        /// What may be on its way to all subscribers together, in documents of more than 8 KiB; what is more than that waits.
        rosters: Size = "64 MiB", from "1 MiB" to "64 GiB";
        /// Rooms, those of this file included. Subscriptions open no more than half of them, and the factory makes no more.
        rooms: u32 = 1000, from 1 to 1000000;
        /// Messages that one session may have begun and not ended.
        open_messages: u32 = 16, from 1 to 1024;
        /// Messages that all sessions of a room may have begun and not ended. Above it the session
        /// that has most gives one up, unless the newcomer's has as many; else one that has been idle for 10 s is given up,
        /// and if there is none the newcomer is refused.
        open_messages_per_room: u32 = 256, from 1 to 65536;
        /// The part of a message in front of its content (CPIM) that is gathered before it is checked.
        message_header_bytes: Size = "16 KiB", from "1 KiB" to "256 KiB";
        /// What may wait for one recipient.
        outbox: Size = "1 MiB", from "256 KiB" to "64 MiB";
        /// What may wait for all recipients together that do not keep up.
        stalled_outboxes: Size = "256 MiB", from "1 MiB" to "64 GiB";
        /// What a recipient must take each second to be waited for, for each of its sessions.
        floor: Size = "64 KiB", from "1 KiB" to "64 MiB";
        /// How long a recipient may take less than the floor before others stop waiting for it.
        stall_after: Duration = "1s", from "100ms" to "1m";
        /// How long a recipient may take nothing at all before its session is closed.
        close_stalled_after: Duration = "1m", from "2s" to "1h";
        /// How long a message that has begun may stay without a further chunk (RFC 7701, chunk reception timer).
        chunk_timeout: Duration = "9m", from "1s" to "1h";
    }
}

section! {
    /// What is logged, on standard error.
    pub Log {
        /// `"text"` for people, `"json"` for programs.
        format: LogFormat = "text";
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`, also by module: `info,parlor_server=debug`; with modules alone
        /// the others log at `warn`. The environment variable `RUST_LOG` goes before it. Messages' contents are never logged.
        level: String = "info";
    }
}

/// A section as the documentation shows it.
pub(super) struct Section {
    /// The name in the file, empty for the keys before the first section.
    pub(super) name: &'static str,
    /// Whether there may be several: `[[name]]`.
    pub(super) repeated: bool,
    pub(super) groups: &'static [Group],
}

impl Section {
    /// The line that opens the section, such as `[sip]`.
    pub(super) fn header(&self) -> String {
        if self.repeated { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    /// The groups shown with the section: those that others have too are shown there.
    pub(super) fn own_groups(&self) -> &'static [Group] {
        if self.repeated { &self.groups[..1] } else { self.groups }
    }
}

/// Every section, in the order of the documentation.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "", repeated: false, groups: &[General::GROUP] },
    Section { name: "sip", repeated: false, groups: &[Sip::GROUP] },
    Section { name: "msrp", repeated: false, groups: &[Msrp::GROUP] },
    Section { name: "tls", repeated: false, groups: &[Tls::GROUP] },
    Section { name: "auth", repeated: false, groups: &[Auth::GROUP] },
    Section { name: "registrar", repeated: false, groups: &[Registrar::GROUP] },
    Section { name: "messages", repeated: false, groups: &[Messages::GROUP] },
    Section { name: "presence", repeated: false, groups: &[Presence::GROUP] },
    Section { name: "http", repeated: false, groups: &[Http::GROUP] },
    Section { name: "conference", repeated: false, groups: &[Conference::GROUP] },
    Section { name: "roster", repeated: false, groups: &[Roster::GROUP] },
    Section { name: "rooms", repeated: false, groups: &[Rooms::GROUP, RoomRules::GROUP] },
    Section { name: "room", repeated: true, groups: &[RoomName::GROUP, RoomRules::GROUP] },
    Section { name: "files", repeated: false, groups: &[Files::GROUP] },
    Section { name: "limits", repeated: false, groups: &[Limits::GROUP] },
    Section { name: "log", repeated: false, groups: &[Log::GROUP] },
];

/// Where a key of that name belongs.
pub(super) fn section_of(key: &str) -> Option<String> {
    let has = |section: &&Section| section.groups.iter().flat_map(|group| group.keys).any(|known| known.name == key);
    let section = SECTIONS.iter().find(has)?;
    Some(if section.name.is_empty() {
        "before the first section".to_owned()
    } else {
        format!("in {}", section.header())
    })
}
