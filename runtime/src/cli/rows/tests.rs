//! The rows against each other and against the sources that ask for them.

use super::*;
use crate::cli::flags::{Flag, GLOBAL};
use std::path::{Path, PathBuf};

#[test]
fn names_are_unambiguous() {
    let lists = VERBS.iter().map(|verb| (verb.flags, false));
    for (flags, of_all) in lists.chain([(GLOBAL, true)]) {
        let flags: Vec<Flag> = flags
            .into_iter()
            .filter(|flag| !flag.long().is_empty())
            .collect();
        for (n, flag) in flags.iter().enumerate() {
            assert!(
                flag.long().len() > 1,
                "a single dash could not tell it from a letter"
            );
            let clash = |other: &Flag| {
                other.long() == flag.long()
                    || !other.short().is_empty() && other.short() == flag.short()
            };
            assert!(!flags[n + 1..].iter().any(clash), "{}", flag.long());
            assert!(flag.takes_value() || !flag.repeated());
            assert!(
                of_all
                    || !GLOBAL
                        .into_iter()
                        .any(|g| g.short() == flag.short() && !g.short().is_empty())
            );
        }
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// `options.flag("detahc")` would silently be false for ever; so every literal name given to
/// a lookup anywhere in the sources must be a row's, of the right kind.
#[test]
fn every_lookup_names_a_row() {
    let rows: Vec<Flag> = VERBS
        .iter()
        .flat_map(|verb| verb.flags)
        .chain(GLOBAL)
        .collect();
    type Right = fn(Flag) -> bool;
    let wanted: [(&str, Right); 5] = [
        (".flag(\"", |flag| !flag.takes_value()),
        (".given(\"", |flag| !flag.takes_value()),
        (".text(\"", |flag| flag.takes_value() && !flag.repeated()),
        (".number(\"", |flag| flag.takes_value() && !flag.repeated()),
        (".list(\"", |flag| flag.repeated()),
    ];
    let mut files = Vec::new();
    sources(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut files,
    );
    let mut seen = 0;
    for file in files
        .iter()
        .filter(|file| !file.ends_with("cli/rows/tests.rs"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        for line in text
            .lines()
            .filter(|line| line.contains("options.") || line.contains("globals."))
        {
            for (call, right) in wanted {
                for rest in line.split(call).skip(1) {
                    let name = rest.split('"').next().unwrap();
                    let known = rows.iter().any(|flag| flag.long() == name && right(*flag));
                    assert!(
                        known,
                        "{}: {call}{name}\" names no row of its kind",
                        file.display()
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 5, "the lookups were not found in the sources");
}
