//! Who has an account.

/// A user of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user part of the address, which is also the name that digest authentication knows.
    pub name: String,
    /// The domain of the address.
    pub domain: String,
    /// The realm that the secrets were made for.
    pub realm: String,
    /// One for each algorithm.
    pub secrets: Vec<Secret>,
    /// All URIs that are this user's own. No two users have the same; the caller sees to one spelling of each.
    pub addresses: Vec<String>,
}

/// What a password is checked against: never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The hash algorithm, such as `SHA-256`.
    pub algorithm: String,
    /// The HA1 of RFC 7616 §3.4.2 in hexadecimal: whoever knows it can log in.
    pub ha1: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Names a state of all users: another one after every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(pub(crate) i64);

/// All users at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// Which moment.
    pub revision: Revision,
    /// By domain and name.
    pub users: Vec<User>,
}
