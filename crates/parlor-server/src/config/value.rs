//! What a key's value may be: each type reads itself out of one TOML value.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

/// A type that can stand at a key.
pub(super) trait Value: Sized {
    /// What the documentation and the error messages call it, such as `number`.
    const KIND: &'static str;
    /// The same for a list of them.
    const LIST: &'static str = "a list";

    /// Reads the value, or adds to `problems` whatever is wrong with it.
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self>;

    /// What a key of this type is when it is not written and has no default.
    fn absent() -> Option<Self> {
        None
    }
}

/// What is wrong with a value, each with the offset it stands at.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

/// One thing wrong inside a value.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) offset: usize,
    /// The position in the array the value stands in.
    pub(super) index: Option<usize>,
    pub(super) message: String,
}

impl Problems {
    pub(super) fn add(&mut self, at: &Spanned<DeValue<'_>>, message: impl Into<String>) {
        let (offset, index, message) = (at.span().start, None, message.into());
        self.0.push(Problem { offset, index, message });
    }

    fn wrong_type<T: Value>(&mut self, at: &Spanned<DeValue<'_>>) {
        self.add(at, format!("expected {}, found {}", T::KIND, found(at.get_ref())));
    }
}

/// A number of bytes, written as an integer or as text such as `"64 KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// A size of that many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes, for sizes in memory.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = SIZES.iter().rev().find(|unit| self.0 > 0 && self.0.is_multiple_of(unit.1));
        match unit {
            Some(&(name, factor)) => write!(f, "{} {name}", self.0 / factor),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl Value for bool {
    const KIND: &'static str = "true or false";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let read = value.get_ref().as_bool();
        if read.is_none() {
            problems.wrong_type::<Self>(value);
        }
        read
    }
}

impl Value for u32 {
    const KIND: &'static str = "a number";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let read = integer::<Self>(value, problems)?;
        let narrow = Self::try_from(read).ok();
        if narrow.is_none() {
            problems.add(value, format!("{read} is more than {}", Self::MAX));
        }
        narrow
    }
}

impl Value for String {
    const KIND: &'static str = "text";
    const LIST: &'static str = "a list of texts";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        text::<Self>(value, problems).map(str::to_owned)
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "a path";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let path = text::<Self>(value, problems)?;
        if path.is_empty() || path.contains('\0') {
            problems.add(value, "expected a path, found empty text or a NUL in it");
            return None;
        }
        Some(Self::from(path))
    }
}

impl Value for Size {
    const KIND: &'static str = "a size such as \"64 KiB\"";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if value.get_ref().is_integer() {
            return integer::<Self>(value, problems).map(Self);
        }
        let bytes = in_units(text::<Self>(value, problems)?, SIZES);
        report(bytes, value, problems, "a size: write a number of bytes, or one with B, KiB, MiB or GiB").map(Self)
    }
}

impl Value for Duration {
    const KIND: &'static str = "a time such as \"30s\"";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if value.get_ref().is_integer() {
            return integer::<Self>(value, problems).map(Self::from_secs);
        }
        let millis = in_units(text::<Self>(value, problems)?, TIMES);
        let wanted = "a time: write a number of seconds, or one with ms, s, m, h or d";
        report(millis, value, problems, wanted).map(Self::from_millis)
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        T::read(value, problems).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Value> Value for Vec<T> {
    const KIND: &'static str = T::LIST;

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        list(value, problems, Self::KIND)
    }
}

/// Reads every element of an array, also those behind a wrong one.
pub(super) fn list<T: Value>(value: &Spanned<DeValue<'_>>, problems: &mut Problems, kind: &str) -> Option<Vec<T>> {
    let Some(array) = value.get_ref().as_array() else {
        problems.add(value, format!("expected {kind}, found {}", found(value.get_ref())));
        return None;
    };
    let mut read = Vec::with_capacity(array.len());
    for (index, element) in array.iter().enumerate() {
        let before = problems.0.len();
        read.extend(T::read(element, problems));
        for problem in &mut problems.0[before..] {
            problem.index = Some(index);
        }
    }
    (read.len() == array.len()).then_some(read)
}

/// The text at a key of type `T`.
pub(super) fn text<'v, T: Value>(value: &'v Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<&'v str> {
    let read = value.get_ref().as_str();
    if read.is_none() {
        problems.wrong_type::<T>(value);
    }
    read
}

fn integer<T: Value>(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<u64> {
    let Some(integer) = value.get_ref().as_integer() else {
        problems.wrong_type::<T>(value);
        return None;
    };
    let read = u64::from_str_radix(integer.as_str(), integer.radix());
    if read.is_err() {
        problems.add(value, format!("{integer} is negative or too large"));
    }
    read.ok()
}

/// Reads a number with a unit, such as `64 KiB`; the unit may follow the number directly.
fn in_units(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start_matches(' ');
    let &(_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn report(read: Option<u64>, value: &Spanned<DeValue<'_>>, problems: &mut Problems, wanted: &str) -> Option<u64> {
    if read.is_none() {
        let text = value.get_ref().as_str().unwrap_or_default();
        problems.add(value, format!("{text:?} is not {wanted}"));
    }
    read
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const TIMES: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Value>(text: &str) -> Result<T, String> {
        let value = DeValue::parse(text).unwrap();
        let mut problems = Problems::default();
        T::read(&value, &mut problems).ok_or_else(|| problems.0.remove(0).message)
    }

    /// Sizes and times are read as integers and with every unit, in any case, with or without a space.
    #[test]
    fn sizes_and_times() {
        assert_eq!(read("8192"), Ok(Size(8192)));
        assert_eq!(read("0x10"), Ok(Size(16)));
        assert_eq!(read("\"64 KiB\""), Ok(Size(65536)));
        assert_eq!(read("\"64kib\""), Ok(Size(65536)));
        assert_eq!(read("\"2GiB\""), Ok(Size(2 << 30)));
        assert_eq!(read("30"), Ok(Duration::from_secs(30)));
        assert_eq!(read("\"250ms\""), Ok(Duration::from_millis(250)));
        assert_eq!(read("\"2 min\""), Ok(Duration::from_secs(120)));
        assert_eq!(read("\"1h\""), Ok(Duration::from_secs(3600)));
    }

    /// What is no size or time is refused, overflow included, and the message shows it.
    #[test]
    fn bad_sizes_and_times() {
        for text in
            ["\"\"", "\"KiB\"", "\"1 kb\"", "\"-1 B\"", "\"1.5 MiB\"", "\"99999999999 GiB\"", "-1", "1.5", "true"]
        {
            assert!(read::<Size>(text).is_err(), "{text}");
        }
        for text in ["\"30\"", "\"s\"", "\"30 parsecs\"", "\"18446744073709551615d\"", "-3"] {
            assert!(read::<Duration>(text).is_err(), "{text}");
        }
        assert_eq!(read::<u32>("4294967296").unwrap_err(), "4294967296 is more than 4294967295");
        assert_eq!(read::<bool>("1").unwrap_err(), "expected true or false, found a number");
    }

    /// A size shown is the size read back.
    #[test]
    fn size_display() {
        for (bytes, shown) in [(0, "0 B"), (1, "1 B"), (1536, "1536 B"), (65536, "64 KiB"), (1 << 30, "1 GiB")] {
            assert_eq!(Size(bytes).to_string(), shown);
            assert_eq!(read(&format!("\"{shown}\"")), Ok(Size(bytes)));
        }
    }
}
