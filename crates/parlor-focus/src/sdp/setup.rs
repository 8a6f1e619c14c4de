//! Who opens the connection: `a=setup` (RFC 6135, RFC 4145).

use super::Unacceptable;

/// A value of `a=setup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Active,
    Passive,
    ActPass,
}

/// Which side opens the MSRP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer connects to us: we are passive.
    Accept,
    /// We connect to the peer: we are active.
    Connect,
}

impl Setup {
    /// Reads a value; `holdconn` and unknown ones count as absent (MSRP-150).
    pub(super) fn parse(value: &str) -> Option<Self> {
        let is = |word: &str| value.trim().eq_ignore_ascii_case(word);
        match () {
            () if is("active") => Some(Self::Active),
            () if is("passive") => Some(Self::Passive),
            () if is("actpass") => Some(Self::ActPass),
            () => None,
        }
    }
}

impl Role {
    /// Our role in the answer to an offer (MSRP-152).
    ///
    /// `reachable` says whether the peer's path names a port that can be connected to.
    ///
    /// # Errors
    /// [`Unacceptable::Unreachable`] when the peer insists on being connected to and we cannot.
    pub(super) fn answering(offered: Option<Setup>, reachable: bool, can_connect: bool) -> Result<Self, Unacceptable> {
        match offered {
            // RFC 4145 §4.1: an offer without setup is one with active. SIP-E4 needs no case of
            // its own: actpass is answered passive whatever the port.
            None | Some(Setup::Active | Setup::ActPass) => Ok(Self::Accept),
            // MSRP-157
            Some(Setup::Passive) if reachable && can_connect => Ok(Self::Connect),
            Some(Setup::Passive) => Err(Unacceptable::Unreachable),
        }
    }

    /// Our role after we offered actpass and the peer answered.
    ///
    /// # Errors
    /// [`Unacceptable::Unreachable`] when we would have to connect and cannot.
    pub(super) fn answered(answer: Option<Setup>, reachable: bool, can_connect: bool) -> Result<Self, Unacceptable> {
        match answer {
            Some(Setup::Active) => Ok(Self::Accept),
            // MSRP-152: no setup, as RFC 4975 alone has it, means that the offerer connects.
            // MSRP-153: but nobody listens on port 9.
            None | Some(Setup::ActPass) if !reachable => Ok(Self::Accept),
            None | Some(Setup::Passive | Setup::ActPass) if reachable && can_connect => Ok(Self::Connect),
            None | Some(Setup::Passive | Setup::ActPass) => Err(Unacceptable::Unreachable),
        }
    }

    /// The value of our `a=setup` in an answer.
    pub(super) fn as_setup(self) -> &'static str {
        match self {
            Self::Accept => "passive",
            Self::Connect => "active",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MSRP-150, 152, 157, SIP-E4: every offered value, reachable or not, able to connect or not.
    #[test]
    fn offers_are_answered_by_the_table() {
        for (offered, reachable, can_connect, role) in [
            ("active", true, true, Ok(Role::Accept)),
            ("active", false, false, Ok(Role::Accept)),
            ("actpass", true, true, Ok(Role::Accept)),
            ("actpass", false, true, Ok(Role::Accept)),
            ("ActPass", false, true, Ok(Role::Accept)),
            ("holdconn", true, true, Ok(Role::Accept)),
            ("", true, true, Ok(Role::Accept)),
            ("passive", true, true, Ok(Role::Connect)),
            ("passive", false, true, Err(Unacceptable::Unreachable)),
            ("passive", true, false, Err(Unacceptable::Unreachable)),
        ] {
            let found = Role::answering(Setup::parse(offered), reachable, can_connect);
            assert_eq!(found, role, "{offered} {reachable} {can_connect}");
        }
    }

    /// MSRP-151, 152, 153: what an answer to our actpass makes of us.
    #[test]
    fn answers_to_actpass_follow_the_table() {
        for (answer, reachable, can_connect, role) in [
            ("active", false, false, Ok(Role::Accept)),
            ("passive", true, true, Ok(Role::Connect)),
            ("passive", false, true, Err(Unacceptable::Unreachable)),
            ("passive", true, false, Err(Unacceptable::Unreachable)),
            ("", true, true, Ok(Role::Connect)),
            ("", false, true, Ok(Role::Accept)),
            ("", true, false, Err(Unacceptable::Unreachable)),
            ("actpass", true, true, Ok(Role::Connect)),
            ("actpass", false, true, Ok(Role::Accept)),
        ] {
            let found = Role::answered(Setup::parse(answer), reachable, can_connect);
            assert_eq!(found, role, "{answer} {reachable} {can_connect}");
        }
    }
}
