//! Bodies that are signed or encrypted, made and read by the program `openssl`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::sip::find;

/// A body with what its Content-Type says.
pub(crate) struct Protected {
    pub(crate) kind: String,
    pub(crate) octets: Vec<u8>,
}

/// A certificate with its key.
pub(crate) struct Signer(TempDir);

impl Signer {
    /// One who is just made; `None` where there is no `openssl`, which is said.
    pub(crate) fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
            eprintln!("skipped: openssl is not installed");
            return None;
        }
        let own = Self(tempfile::tempdir().unwrap());
        let request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=alice -keyout key.pem -out certificate.pem";
        own.run(request, b"");
        Some(own)
    }

    /// multipart/signed: a text that can be read, and a signature behind it.
    pub(crate) fn sign(&self, text: &str) -> Protected {
        let part = format!("Content-Type: text/plain;charset=utf-8\r\n\r\n{text}");
        let signature =
            self.run("cms -sign -binary -signer certificate.pem -inkey key.pem -outform DER", part.as_bytes());
        let octets = [FIRST, &part, BETWEEN].concat().into_bytes().into_iter().chain(signature);
        let octets = octets.chain(LAST.bytes()).collect();
        let kind = "multipart/signed;protocol=\"application/pkcs7-signature\";micalg=sha-256;boundary=half";
        Protected { kind: kind.to_owned(), octets }
    }

    /// application/pkcs7-mime: a text inside its signature.
    pub(crate) fn sign_around(&self, text: &str) -> Protected {
        let command = "cms -sign -binary -nodetach -signer certificate.pem -inkey key.pem -outform DER";
        let octets = self.run(command, text.as_bytes());
        Protected { kind: "application/pkcs7-mime;smime-type=signed-data;name=smime.p7m".to_owned(), octets }
    }

    /// application/pkcs7-mime: a text that only the owner of the key can read.
    pub(crate) fn encrypt(&self, text: &str) -> Protected {
        let octets = self.run("cms -encrypt -binary -aes256 -outform DER certificate.pem", text.as_bytes());
        Protected { kind: "application/pkcs7-mime;smime-type=enveloped-data;name=smime.p7m".to_owned(), octets }
    }

    /// The text of such a body, once it is found to be whole.
    pub(crate) fn open(&self, body: &Protected) -> String {
        let verify = "cms -verify -binary -noverify -inform DER";
        let text = match &body.kind {
            kind if kind.contains("enveloped-data") => {
                self.run("cms -decrypt -binary -inform DER -recip certificate.pem -inkey key.pem", &body.octets)
            }
            kind if kind.contains("signed-data") => self.run(verify, &body.octets),
            _ => {
                let halves = body.octets.strip_prefix(FIRST.as_bytes()).unwrap().strip_suffix(LAST.as_bytes()).unwrap();
                let at = find(halves, BETWEEN.as_bytes()).unwrap();
                std::fs::write(self.file("part"), &halves[..at]).unwrap();
                self.run(&format!("{verify} -content part"), &halves[at + BETWEEN.len()..])
            }
        };
        String::from_utf8(text).unwrap()
    }

    fn run(&self, command: &str, input: &[u8]) -> Vec<u8> {
        std::fs::write(self.file("input"), input).unwrap();
        let mut words: Vec<&str> = command.split(' ').collect();
        if words[0] == "cms" {
            words.splice(1..1, ["-in", "input"]);
        }
        let output = Command::new("openssl").args(&words).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {command}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

const FIRST: &str = "--half\r\n";
const BETWEEN: &str = "\r\n--half\r\nContent-Type: application/pkcs7-signature;name=smime.p7s\r\n\
    Content-Disposition: attachment;handling=required;filename=smime.p7s\r\nContent-Transfer-Encoding: binary\r\n\r\n";
const LAST: &str = "\r\n--half--\r\n";
