//! File names in Content-Disposition (RFC 2183, RFC 2231).

/// What a file that somebody sent may be saved as: no directory, no hidden file, nothing that a terminal or a file system
/// would take for more than a name. `None` when nothing of the name is left.
pub fn safe_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = |c: char| if c.is_control() || "<>:\"|?*".contains(c) || is_invisible(c) { '_' } else { c };
    let cleaned: String = last.chars().map(harmless).collect();
    let trimmed = cleaned.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    let end = trimmed.floor_char_boundary(LONGEST);
    (!trimmed.is_empty()).then(|| trimmed[..end].to_owned())
}

/// Characters that change how the others are shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The value of a Content-Disposition for a file of that name.
pub(crate) fn disposition(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            plain.push('\\');
        }
        plain.push(c);
    }
    // Blink and others read UTF-8 as it is; who reads RFC 2231 gets that form too when it differs.
    if name.is_ascii() {
        return format!("attachment; filename=\"{plain}\"");
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(name))
}

/// The file name in the MIME headers of a message/cpim, which stand at the end of `headers`.
pub(crate) fn of_headers(headers: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(headers).ok()?;
    let mut lines = text.lines().skip_while(|line| !has_name(line, "Content-Disposition"));
    let mut value = lines.next()?.split_once(':')?.1.to_owned();
    for folded in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push_str(folded);
    }
    let encoded = parameter(&value, "filename*").and_then(|value| decoded(&value));
    encoded.or_else(|| parameter(&value, "filename")).filter(|name| !name.is_empty())
}

fn has_name(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(own, _)| own.trim_end().eq_ignore_ascii_case(name))
}

/// The value of a parameter, its quotes undone.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value;
    while let Some(at) = end_of_parameter(rest) {
        rest = &rest[at + 1..];
        if let Some((own, given)) = rest.split_once('=')
            && own.trim().eq_ignore_ascii_case(name)
        {
            let given = &given[..end_of_parameter(given).unwrap_or(given.len())];
            return Some(unquoted(given.trim()));
        }
    }
    None
}

/// Where the next semicolon outside of quotes is.
fn end_of_parameter(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return true,
            _ => {}
        }
        false
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// `charset'language'text` with percent escapes; UTF-8 alone.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(octets).ok()
}

fn percent_encoded(text: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let encoded = |octet: u8| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") };
    text.bytes().map(encoded).collect()
}

/// What common file systems allow.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<String> {
        of_headers(format!("From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n{line}\r\n\r\n").as_bytes())
    }

    #[test]
    fn what_is_written_is_read() {
        for name in ["a.txt", "two words; x=y.txt", "quo\"te\\.txt", "Käse.png", "日本.txt"] {
            let line = format!("Content-Disposition: {}", disposition(name));
            assert_eq!(read(&line).as_deref(), Some(name));
        }
    }

    #[test]
    fn other_forms_are_read() {
        for (value, name) in [
            ("attachment; filename=plain.txt", Some("plain.txt")),
            ("attachment;\r\n\tfilename = \"folded.txt\" ; size=3", Some("folded.txt")),
            ("inline; x=\"; filename=no\"; FileName=\"yes\"", Some("yes")),
            ("attachment; filename=\"\"", None),
            ("attachment; filename*=latin1''%e4; filename=b", Some("b")),
            ("attachment; filename*=UTF-8''%ff; filename=b", Some("b")),
            ("attachment; filename*=UTF-8''%f; filename=b", Some("b")),
            ("render", None),
        ] {
            assert_eq!(read(&format!("content-disposition: {value}")).as_deref(), name, "{value}");
        }
    }

    #[test]
    fn names_cannot_leave_their_directory() {
        for (name, safe) in [
            ("../../etc/passwd", Some("passwd")),
            ("..\\x.exe", Some("x.exe")),
            (".bashrc", Some("bashrc")),
            ("...", None),
            ("/", None),
            ("", None),
            ("a\u{1b}[31m\u{202e}b\nc", Some("a_[31m_b_c")),
            ("C:evil", Some("C_evil")),
        ] {
            assert_eq!(safe_file_name(name).as_deref(), safe, "{name:?}");
        }
        assert!(safe_file_name(&"ä".repeat(300)).unwrap().len() <= LONGEST);
    }
}
