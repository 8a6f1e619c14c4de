/// What a decoder takes in at most; checked before anything is allocated for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request or status line.
    pub start_line: usize,
    /// Bytes from the start line to the empty line, both included.
    pub header_block: usize,
    /// Header fields in one message.
    pub header_count: usize,
    /// Bytes of a body.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { start_line: 4 * 1024, header_block: 32 * 1024, header_count: 128, body: 64 * 1024 }
    }
}
