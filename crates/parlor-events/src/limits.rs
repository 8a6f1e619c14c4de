//! How much of a document is read.

/// Bounds on what one document may have. Together they bound the memory and the time that reading it takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets.
    pub bytes: usize,
    /// Elements within elements.
    pub depth: usize,
    /// Elements.
    pub elements: usize,
    /// Attributes of one element, declarations of namespaces among them.
    pub attributes: usize,
}

impl Limits {
    /// For the rosters of large rooms.
    pub fn roster() -> Self {
        Self { bytes: 8 * 1024 * 1024, elements: 512 * 1024, ..Self::default() }
    }
}

impl Default for Limits {
    /// For what people send: lists of those to invite, receipts, indications.
    fn default() -> Self {
        Self { bytes: 64 * 1024, depth: 16, elements: 2048, attributes: 16 }
    }
}
