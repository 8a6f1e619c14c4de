//! Sizes, for people.

/// A number of octets in a unit that leaves it short.
pub(super) fn shown(octets: u64) -> String {
    if octets < 1024 {
        return format!("{octets} B");
    }
    let mut size = octets as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 1024.0 && units.len() > 0 {
        size /= 1024.0;
        unit = units.next();
    }
    format!("{size:.2} {}", unit.copied().unwrap_or_default())
}

const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (octets, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (300_000, "292.97 KiB"),
            (5 << 20, "5.00 MiB"),
            (u64::MAX, "16777216.00 TiB"),
        ] {
            assert_eq!(shown(octets), expected);
        }
    }
}
