//! What holds for any octets that come as a message/cpim.

use parlor_cpim::{Address, CpimError, Envelope, Scanner};

const LIMIT: usize = 4096;

/// Seen at once, growing by an octet or in two steps, they give the same envelope, whose addresses can be written.
pub(crate) fn scanner(data: &[u8]) {
    let whole = Scanner::new(LIMIT).scan(data);
    assert_eq!(growing(data, 0..=data.len()), whole);
    assert_eq!(growing(data, [data.len() / 2]), whole);
    let finished = Scanner::new(LIMIT).finish(data);
    match whole {
        Ok(Some(envelope)) => {
            assert!(envelope.headers_len <= data.len() && !envelope.to.is_empty());
            for address in [&envelope.from].into_iter().chain(&envelope.to).chain(&envelope.cc) {
                written_again(address);
            }
            assert_eq!(finished, Ok(envelope));
        }
        Ok(None) => {}
        Err(error) => assert_eq!(finished, Err(error)),
    }
}

fn growing(data: &[u8], ends: impl IntoIterator<Item = usize>) -> Result<Option<Envelope>, CpimError> {
    let mut scanner = Scanner::new(LIMIT);
    for end in ends {
        if let Some(envelope) = scanner.scan(&data[..end])? {
            return Ok(Some(envelope));
        }
    }
    scanner.scan(data)
}

fn written_again(address: &Address) {
    // A backslash in a URI is an error of the peer; we write it as an escape, which URIs do not have.
    if !address.uri.contains('\\') {
        assert_eq!(Address::parse(&address.to_string()).as_ref(), Some(address));
    }
}
