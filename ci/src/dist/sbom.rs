//! What the binaries are made of, as a CycloneDX 1.5 document (cyclonedx.org/docs/1.5/json): the crates of cargo's tree, Rust's std
//! and musl. The same input gives the same bytes.

use crate::sh::{self, Result};
use crate::toolchain::{self, ARCHES};
use crate::{apt, test};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A crate: name and version.
type Key = (String, String);

/// What is known of one.
#[derive(Default)]
struct Crate {
    license: String,
    repository: String,
    uses: BTreeSet<Key>,
}

/// The document's text.
pub fn text() -> Result<String> {
    let mut crates: BTreeMap<Key, Crate> = BTreeMap::new();
    for arch in ARCHES {
        tree(arch, &mut crates)?;
    }
    let lock = sh::read(&sh::top().join("Cargo.lock"))?;
    let mote: Key = crates
        .keys()
        .find(|(name, _)| name == "runtime")
        .cloned()
        .ok_or("cargo tree does not name the crate runtime")?;
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (key, found) in &crates {
        if *key != mote {
            components.push(component(key, found, checksum(&lock, key)));
        }
        let uses: Vec<String> = found
            .uses
            .iter()
            .map(|key| quoted(&reference(key)))
            .collect();
        dependencies.push(format!(
            "{{\"ref\": {}, \"dependsOn\": [{}]}}",
            quoted(&reference(key)),
            uses.join(", ")
        ));
    }
    let rust = sh::output(std::process::Command::new(toolchain::RUSTC).arg("--version"))?;
    let rust = rust
        .split_whitespace()
        .nth(1)
        .unwrap_or("unknown")
        .to_owned();
    for (name, version, license) in [
        ("rust-std", rust, "MIT OR Apache-2.0"),
        ("musl", apt::version(ARCHES[0].debian, "musl-dev")?, "MIT"),
    ] {
        components.push(format!(
            "{{\"type\": \"library\", \"bom-ref\": {0}, \"name\": {0}, \"version\": {1}, \"licenses\": [{{\"expression\": {2}}}]}}",
            quoted(name),
            quoted(&version),
            quoted(license)
        ));
    }
    Ok(format!(
        "{{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n  \"metadata\": {{\"component\": \
         {{\"type\": \"application\", \"bom-ref\": {}, \"name\": \"mote\", \"version\": {}, \"licenses\": [{{\"expression\": \
         {}}}]}}}},\n  \"components\": [\n    {}\n  ],\n  \"dependencies\": [\n    {}\n  ]\n}}\n",
        quoted(&reference(&mote)),
        quoted(&mote.1),
        quoted(&crates[&mote].license),
        components.join(",\n    "),
        dependencies.join(",\n    ")
    ))
}

/// Adds what cargo says of one machine's binary.
fn tree(arch: &toolchain::Arch, crates: &mut BTreeMap<Key, Crate>) -> Result {
    let mut cargo = test::stock_cargo();
    cargo.args([
        "tree",
        "--locked",
        "--package",
        "runtime",
        "--edges",
        "normal,no-proc-macro",
    ]);
    cargo.args(["--target", &toolchain::triple(arch), "--no-dedupe"]);
    cargo.args(["--prefix", "depth", "--format", "\t{p}\t{l}\t{r}"]);
    // Which dependencies there are hangs on them.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", arch.flags.join("\u{1f}"));
    let mut above: Vec<Key> = Vec::new();
    for line in sh::output(&mut cargo)?.lines() {
        let mut fields = line.split('\t');
        let mut field = || fields.next().ok_or_else(|| format!("cargo tree: {line}"));
        let depth: usize = field()?
            .parse()
            .map_err(|_| format!("cargo tree: {line}"))?;
        let package = field()?;
        let mut words = package.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let version = words
            .next()
            .unwrap_or_default()
            .trim_start_matches('v')
            .to_owned();
        let key = (name, version);
        let found = crates.entry(key.clone()).or_default();
        field()?
            .replace(" / ", " OR ")
            .replace('/', " OR ")
            .clone_into(&mut found.license);
        field()?.clone_into(&mut found.repository);
        above.truncate(depth);
        if let Some(user) = above.last() {
            crates
                .entry(user.clone())
                .or_default()
                .uses
                .insert(key.clone());
        }
        above.push(key);
    }
    Ok(())
}

fn component(key: &Key, found: &Crate, checksum: Option<&str>) -> String {
    let reference = quoted(&reference(key));
    let mut text = format!(
        "{{\"type\": \"library\", \"bom-ref\": {reference}, \"name\": {}, \"version\": {}, \"licenses\": [{{\"expression\": {}}}]",
        quoted(&key.0),
        quoted(&key.1),
        quoted(&found.license)
    );
    // Our own crates have no checksum and no registry.
    if let Some(checksum) = checksum {
        let _ = write!(
            text,
            ", \"purl\": {reference}, \"hashes\": [{{\"alg\": \"SHA-256\", \"content\": {}}}]",
            quoted(checksum)
        );
    }
    if !found.repository.is_empty() {
        let _ = write!(
            text,
            ", \"externalReferences\": [{{\"type\": \"vcs\", \"url\": {}}}]",
            quoted(&found.repository)
        );
    }
    text + "}"
}

/// A package URL (github.com/package-url/purl-spec).
fn reference((name, version): &Key) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// SHA-256 of the crate's file, as Cargo.lock has it.
fn checksum<'a>(lock: &'a str, (name, version): &Key) -> Option<&'a str> {
    let mut entries = lock.split("[[package]]");
    let head = format!("\nname = \"{name}\"\nversion = \"{version}\"\n");
    let entry = entries.find(|entry| entry.starts_with(&head))?;
    let line = entry
        .lines()
        .find_map(|line| line.strip_prefix("checksum = \""))?;
    line.strip_suffix('"')
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_found_by_name_and_version() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"x\"\nchecksum = \"00ff\"\n";
        let key = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(checksum(lock, &key("b", "2.0.0")), Some("00ff"));
        assert_eq!(checksum(lock, &key("b", "2.0.1")), None);
        assert_eq!(checksum(lock, &key("a", "1.0.0")), None);
    }

    #[test]
    fn text_is_json() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
