//! Points in time as the Date header has them (RFC 3261 §20.17).

use std::time::Duration;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS_OF_400_YEARS: u64 = 146_097;
const SECONDS_OF_A_DAY: u64 = 86_400;

/// The time so long after 1970-01-01T00:00:00Z, such as `Sat, 13 Nov 2010 23:29:00 GMT`.
pub fn sip_date(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (days, of_day) = (seconds / SECONDS_OF_A_DAY, seconds % SECONDS_OF_A_DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let (year, month, day) = civil(days);
    let weekday = DAYS[usize::try_from(days % 7).expect("less than seven")];
    format!("{weekday}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", MONTHS[month])
}

/// SIP-date = rfc1123-date: always GMT, and no earlier than 1970; the day of the week is not checked.
pub(crate) fn since_epoch(text: &str) -> Option<Duration> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let mut next = || parts.next();
    let (day, month, year, time, zone) = (next()?, next()?, next()?, next()?, next()?);
    if next().is_some() || zone != "GMT" {
        return None;
    }
    let (day, year) = (number(day, 2)?, number(year, 4)?);
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let mut time = time.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let valid = year >= 1970 && (1..=length(year, month)).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !valid || time.next().is_some() {
        return None;
    }
    let days = days_before(year) - days_before(1970) + (0..month).map(|m| length(year, m)).sum::<u64>() + day - 1;
    Some(Duration::from_secs(days * SECONDS_OF_A_DAY + hour * 3600 + minute * 60 + second))
}

/// Year, month from 0 and day from 1.
fn civil(days_since_1970: u64) -> (u64, usize, u64) {
    let mut day = days_since_1970;
    let mut year = 1970 + day / DAYS_OF_400_YEARS * 400;
    day %= DAYS_OF_400_YEARS;
    // At most 400 steps of a few instructions.
    while day >= days_of(year) {
        day -= days_of(year);
        year += 1;
    }
    let mut month = 0;
    while day >= length(year, month) {
        day -= length(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

/// From the first day of the year 1.
fn days_before(year: u64) -> u64 {
    let years = year - 1;
    years * 365 + years / 4 - years / 100 + years / 400
}

fn days_of(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn length(year: u64, month: usize) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(sip_date(Duration::from_secs(seconds)), text);
            assert_eq!(since_epoch(text), Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn each_day_of_four_centuries_is_read_as_written() {
        for day in 0..=DAYS_OF_400_YEARS {
            let time = Duration::from_secs(day * SECONDS_OF_A_DAY);
            assert_eq!(since_epoch(&sip_date(time)), Some(time));
        }
    }

    /// RFC 4475 §3.1.2.12: a time zone that may not be there makes no date.
    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 32 Jan 2010 16:00:00 GMT",
            "Mon, 29 Feb 2100 00:00:00 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 16:00:00:00 GMT",
            "Fri, 01 Jan 2010 16:00:00 GMT+1",
            "Fri, 01 Jan +010 16:00:00 GMT",
        ] {
            assert_eq!(since_epoch(text), None, "{text}");
        }
    }
}
