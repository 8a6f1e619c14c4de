//! Documents checked against the schemas that RFCs have in their text.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The schema of XML's own namespace, which some others import and nothing may be fetched for.
const XML_NAMESPACE: &str = "<xs:schema targetNamespace='http://www.w3.org/XML/1998/namespace' \
    xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:attribute name='lang' type='xs:language'/></xs:schema>";

/// A schema in a file, and how xmllint is told of it.
#[derive(Debug)]
pub(crate) struct Schema {
    directory: TempDir,
    option: &'static str,
}

impl Schema {
    /// The first schema in the text of an RFC whose root has this name, and these attributes first if any are said; `None`, and said so, where there is no such text
    /// or no xmllint.
    pub(crate) fn of_rfc(number: u32, root: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rfc");
        let folder = std::env::var_os("PARLOR_RFCS").map_or(folder, PathBuf::from);
        let path = folder.join(format!("rfc{number}.txt"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: there is no {}", path.display());
            return None;
        };
        if Command::new("xmllint").arg("--version").stderr(Stdio::null()).status().is_err() {
            eprintln!("skipped: there is no xmllint");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let schema = extract(&text, root).replace("http://www.w3.org/2001/03/xml.xsd", "xml.xsd");
        let schema = schema.replace("http://www.w3.org/2001/xml.xsd", "xml.xsd");
        std::fs::write(directory.path().join("schema"), schema).unwrap();
        std::fs::write(directory.path().join("xml.xsd"), XML_NAMESPACE).unwrap();
        let option = if root.starts_with("xs:") { "--schema" } else { "--relaxng" };
        Some(Self { directory, option })
    }

    /// Whether a document is valid; if not, why.
    pub(crate) fn check(&self, xml: &str) -> Result<(), String> {
        let mut command = Command::new("xmllint");
        command.args(["--nonet", "--noout", self.option, "schema", "-"]).current_dir(self.directory.path());
        let mut xmllint = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        xmllint.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
        let output = xmllint.wait_with_output().unwrap();
        let said = || format!("{}\n{xml}", String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(said()) }
    }
}

/// The schema without the feet and heads of pages between its lines.
fn extract(text: &str, root: &str) -> String {
    let name = root.split(' ').next().expect("a name");
    let (open, close) = (format!("<{root}"), format!("</{name}>"));
    let start = text.find(&open).expect("the RFC has a schema");
    let end = start + text[start..].find(&close).expect("the schema ends") + close.len();
    let is_page = |line: &&str| line.contains("[Page ") || line.starts_with("RFC ") || line.starts_with('\u{c}');
    text[start..end].lines().filter(|line| !is_page(line)).collect::<Vec<_>>().join("\n")
}
