//! What a peer may make us hold or look at.

/// The sizes beyond which the decoder refuses to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a start line, its line end included.
    pub start_line: usize,
    /// Octets from the start line to the end of the headers.
    pub header_block: usize,
    /// URIs in one To-Path or From-Path.
    pub path_uris: usize,
    /// Octets of body of a request that is not a SEND.
    pub non_send_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_line: 1024,
            header_block: 16_384,
            path_uris: 16,
            // MSRP-11: a non-SEND body never exceeds 10240 octets.
            non_send_body: 10_240,
        }
    }
}
