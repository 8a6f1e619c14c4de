//! What tells one benchmark message from another on the wire: 16 hexadecimal digits in its body.

/// Digits of a marker.
pub(crate) const LENGTH: usize = 16;

/// A slice of the run, the sender in it and the sender's number for the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marker {
    pub(crate) slice: u16,
    pub(crate) sender: u16,
    pub(crate) number: u32,
}

impl Marker {
    pub(crate) fn digits(self) -> [u8; LENGTH] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let value = self.value();
        std::array::from_fn(|place| HEX[(value >> (60 - 4 * place) & 15) as usize])
    }

    pub(crate) fn read(digits: &[u8]) -> Option<Marker> {
        let digits: &[u8; LENGTH] = digits.try_into().ok()?;
        let mut value = 0_u64;
        for digit in digits {
            value = value << 4 | u64::from(char::from(*digit).to_digit(16)?);
        }
        Some(Marker { slice: (value >> 48) as u16, sender: (value >> 32) as u16, number: value as u32 })
    }

    fn value(self) -> u64 {
        u64::from(self.slice) << 48 | u64::from(self.sender) << 32 | u64::from(self.number)
    }
}

/// A frame to send, whose markers are filled in for each message.
pub(crate) struct Template {
    frame: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// `frame` has the sixteen bytes of `HOLE` wherever the marker goes.
    pub(crate) fn new(frame: Vec<u8>) -> Template {
        let places = memchr::memmem::find_iter(&frame, HOLE).collect();
        Template { frame, places }
    }

    /// Appends the message of this marker.
    pub(crate) fn write(&self, marker: Marker, output: &mut Vec<u8>) {
        let start = output.len();
        output.extend_from_slice(&self.frame);
        let digits = marker.digits();
        for place in &self.places {
            output[start + place..start + place + LENGTH].copy_from_slice(&digits);
        }
    }
}

/// Stands for the marker in the frame given to [`Template::new`].
pub(crate) const HOLE: &[u8; LENGTH] = b"@@@@@@@@@@@@@@@@";

#[cfg(test)]
mod tests {
    use super::*;

    /// A marker read from a frame is the one written into it.
    #[test]
    fn marker_round_trip() {
        let marker = Marker { slice: 7, sender: 999, number: 0xfeed_beef };
        let mut output = Vec::new();
        Template::new([b"ab", HOLE.as_slice(), b"cd"].concat()).write(marker, &mut output);
        assert_eq!(Marker::read(&output[2..18]), Some(marker));
        assert_eq!(Marker::read(HOLE), None);
    }
}
