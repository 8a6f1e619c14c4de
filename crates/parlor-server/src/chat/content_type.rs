//! Content types and the names of files.

use std::path::Path;

/// Types that files are known by: type, then endings, the usual one first.
const KNOWN: [(&str, &[&str]); 20] = [
    ("text/plain", &["txt", "log", "md"]),
    ("text/html", &["html", "htm"]),
    ("text/csv", &["csv"]),
    ("application/json", &["json"]),
    ("application/xml", &["xml"]),
    ("application/pdf", &["pdf"]),
    ("application/zip", &["zip"]),
    ("application/gzip", &["gz", "tgz"]),
    ("application/x-tar", &["tar"]),
    ("image/png", &["png"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/svg+xml", &["svg"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/ogg", &["ogg", "opus"]),
    ("audio/wav", &["wav"]),
    ("video/mp4", &["mp4"]),
    ("video/webm", &["webm"]),
    ("application/octet-stream", &["bin"]),
];

/// The type of a file, by the ending of its name.
pub(super) fn of_file(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let known = KNOWN.iter().find(|(_, endings)| endings.contains(&&*ending));
    known.map_or("application/octet-stream", |(kind, _)| kind)
}

/// The ending for the name of a file that has this type.
pub(super) fn ending(essence: &str) -> &'static str {
    let known = KNOWN.iter().find(|(kind, _)| *kind == essence);
    known.map_or("bin", |(_, endings)| endings[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_that_of_its_usual_ending() {
        for (kind, _) in KNOWN {
            assert_eq!(of_file(Path::new(&format!("a.b.{}", ending(kind)))), kind);
        }
        assert_eq!(of_file(Path::new("a/PHOTO.JPEG")), "image/jpeg");
        assert_eq!(of_file(Path::new("Makefile")), "application/octet-stream");
        assert_eq!(ending("application/x-unheard-of"), "bin");
    }
}
