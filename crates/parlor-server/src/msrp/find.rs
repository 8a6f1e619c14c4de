//! Which session a request is of (MSRP-92 … 96).

use super::connection::{Connection, Seat};
use super::run::{Run, run_of};
use super::table::{Answer, Binding, Found, SessionEntry};
use crate::metrics::Rejected;
use parlor_msrp::Request;

/// Why a request has no session.
pub(super) enum NoSeat {
    /// With this code.
    Refused(u16, Rejected),
    /// The answer to our offer may bring it.
    Awaited(Answer),
}

/// The session of a request; bound to this connection if nobody has it (MSRP-92 … 95).
pub(super) fn find(connection: &Connection, request: &Request, runs: &mut Vec<Run>) -> Result<Seat, NoSeat> {
    const NONE: NoSeat = NoSeat::Refused(481, Rejected::MsrpNoSession);
    // MSRP-94: exactly one URI, which is ours.
    let session_id = match request.to_path.len() {
        1 => request.to_path.first().session_id().ok_or(NONE)?,
        _ => return Err(NONE),
    };
    if let Some(seat) = connection.seat_of(session_id) {
        return match from_matches(connection, request, &seat.entry) {
            true => Ok(seat),
            false => Err(NoSeat::Refused(481, Rejected::MsrpForeignFromPath)),
        };
    }
    let entry = match connection.table().find(session_id).ok_or(NONE)? {
        Found::Agreed(entry) => entry,
        Found::Offered(answer) => return Err(NoSeat::Awaited(answer)),
    };
    if request.to_path.first().is_secure() != entry.local.is_secure() {
        return Err(NoSeat::Refused(481, Rejected::MsrpWrongScheme));
    }
    if entry.local.is_secure() && !connection.is_secure() {
        // What was agreed to travel inside TLS does not travel outside of it.
        return Err(NoSeat::Refused(481, Rejected::MsrpNotSecure));
    }
    if !from_matches(connection, request, &entry) {
        return Err(NoSeat::Refused(481, Rejected::MsrpForeignFromPath));
    }
    if connection.is_full() {
        return Err(NoSeat::Refused(506, Rejected::MsrpTooManyOfConnection));
    }
    match entry.bind(connection.number) {
        Binding::Bound => {}
        Binding::Elsewhere => return Err(NoSeat::Refused(506, Rejected::MsrpBoundElsewhere)),
        Binding::Ended => return Err(NONE),
    }
    let seat = connection.seat(entry);
    run_of(runs, &seat.entry.inbox).bound.push(seat.clone());
    Ok(seat)
}

/// MSRP-95: the whole path, or, as middleboxes rewrite hosts, the session id of its last URI.
fn from_matches(connection: &Connection, request: &Request, entry: &SessionEntry) -> bool {
    if request.from_path.matches(&entry.peer) {
        return true;
    }
    let same_session = request.from_path.last().session_id() == entry.peer.last().session_id();
    let lenient = !connection.settings().strict_paths && same_session;
    if lenient {
        connection.metrics().msrp_path_lenient_matches.inc();
    }
    lenient
}
