//! However a message is cut, its headers read the same.

use parlor_cpim::{CpimError, Envelope, Scanner};
use proptest::prelude::*;

fn whole(message: &[u8]) -> Result<Option<Envelope>, CpimError> {
    Scanner::new(400).scan(message)
}

/// Scans longer and longer beginnings of the message.
fn growing(message: &[u8], ends: impl IntoIterator<Item = usize>) -> Result<Option<Envelope>, CpimError> {
    let mut scanner = Scanner::new(400);
    for end in ends {
        if let Some(envelope) = scanner.scan(&message[..end])? {
            return Ok(Some(envelope));
        }
    }
    scanner.scan(message)
}

fn parts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(b"From: <sip:a@x>\r\n".to_vec()),
        4 => Just(b"To: \"B\" <sip:b@x>\r\n".to_vec()),
        2 => Just(b"NS: c <urn:ietf:params:cpim-headers:>\r\n".to_vec()),
        1 => Just(b"c.Require: x.y\r\n".to_vec()),
        1 => Just(b"Subject:;lang=fr \\u00e4\r\n".to_vec()),
        4 => Just(b"Content-Type: text/plain\r\n".to_vec()),
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    /// Any octets, seen at once, cut anywhere or one by one, give the same, and never a panic.
    #[test]
    fn any_split_gives_the_same_envelope(message in parts(), cuts in proptest::collection::vec(0_usize..400, 0..6)) {
        let expected = whole(&message);
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(message.len())).collect();
        ends.sort_unstable();
        prop_assert_eq!(&growing(&message, ends), &expected);
        prop_assert_eq!(&growing(&message, 0..=message.len()), &expected);
        if let Ok(Some(envelope)) = expected {
            prop_assert!(envelope.headers_len <= message.len());
            prop_assert_eq!(Scanner::new(400).finish(&message), Ok(envelope));
        } else {
            let _ = Scanner::new(400).finish(&message);
        }
    }
}
