//! Rules about the text of the Rust files.

use super::Finding;
use super::source::{Source, Tree, lines_with};

/// Where unsafe code may be.
const UNSAFE_PLACES: &[&str] = &["init/src/sys/", "init/src/sys.rs", "targets/"];
/// A file longer than this is not read in one sitting.
const MOST_LINES: usize = 800;

/// Places without effects: (path prefix, what may not be named there, where that belongs).
const PURE: &[(&str, &[&str], &str)] = &[
    (
        "spec-min/src/",
        &["std", "alloc", "rustix", "libc"],
        "spec-min knows bytes only; the runtime does the rest",
    ),
    (
        "init/src/",
        &["std", "alloc", "libc", "spec_min"],
        "the child allocates nothing and calls no libc",
    ),
    (
        "runtime/src/plan/",
        EFFECTS,
        "decide here, do it in the verbs and in init",
    ),
    (
        "runtime/src/seccomp/",
        EFFECTS,
        "decide here, do it in the verbs and in init",
    ),
    (
        "runtime/src/plan.rs",
        EFFECTS,
        "decide here, do it in the verbs and in init",
    ),
];

const EFFECTS: &[&str] = &[
    "std::fs",
    "std::process",
    "std::env",
    "std::net",
    "std::os::unix::net",
    "std::time",
    "rustix::fs::open",
    "rustix::fs::openat",
    "rustix::mount",
    "rustix::process",
    "rustix::thread",
    "rustix::net",
    "init::sys::bpf",
    "init::sys::clone",
    "init::sys::keyring",
    "init::sys::mount",
    "init::sys::net",
    "init::sys::process",
    "init::sys::sched",
    "init::sys::signal",
];

/// What may not stay in the code; (word, what to do).
const LEFTOVERS: &[(&str, &str)] = &[
    ("todo!", "write it"),
    (
        "unimplemented!",
        "write it, or refuse with an error that names the property",
    ),
    ("dbg!", "remove it"),
    ("allow(dead_code", "remove what nobody calls"),
    ("allow(unused", "remove what nobody uses"),
    ("allow(clippy::all", "name the one lint, and why"),
];

/// The same for comments. In two parts, so that this line is not found.
const NOTES: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// `unsafe`, and the attribute that would permit it, stay in their two places.
pub fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    let elsewhere = |source: &&Source| {
        !UNSAFE_PLACES
            .iter()
            .any(|place| source.path.starts_with(place))
    };
    let mut found = Vec::new();
    for source in tree.rust.iter().filter(elsewhere) {
        found.extend(at(
            source,
            &source.code,
            "unsafe",
            "unsafe code: give init/src/sys a safe function for it",
        ));
        // init/src/lib.rs is where the folder's own permission stands, on the line before the module.
        let lines: Vec<&str> = source.code.lines().collect();
        for number in lines_with(&source.code, "allow(unsafe_code") {
            let next = lines.get(number).copied().unwrap_or_default();
            if !next.trim_end().ends_with("mod sys;") {
                found.push(finding(
                    source,
                    number,
                    "permits unsafe code outside init/src/sys and targets",
                ));
            }
        }
    }
    found
}

/// Differences between machines have one home.
pub fn target_arch(tree: &Tree) -> Vec<Finding> {
    let elsewhere = tree
        .rust
        .iter()
        .filter(|source| !source.path.starts_with("targets/"));
    elsewhere
        .flat_map(|source| {
            at(
                source,
                &source.code,
                "target_arch =",
                "a fact of one machine: move it to targets/",
            )
        })
        .collect()
}

/// What decides does nothing else.
pub fn purity(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, words, way_out) in PURE {
        for source in tree
            .rust
            .iter()
            .filter(|source| source.path.starts_with(place))
        {
            for word in *words {
                let path = format!("{word}::");
                for number in lines_with(source.shipped(), &path) {
                    found.push(finding(
                        source,
                        number,
                        &format!("{word} in a pure place: {way_out}"),
                    ));
                }
            }
        }
    }
    found
}

/// No notes to self, no placeholders, no permission for dead code.
pub fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in &tree.rust {
        for (word, way_out) in LEFTOVERS {
            found.extend(at(
                source,
                &source.code,
                word,
                &format!("{word}: {way_out}"),
            ));
        }
        for note in NOTES {
            found.extend(at(
                source,
                &source.text,
                note,
                &format!("{note}: do it, or file an issue"),
            ));
        }
    }
    found
}

/// No file is too long.
pub fn length(tree: &Tree) -> Vec<Finding> {
    let long = tree
        .rust
        .iter()
        .filter(|source| source.text.lines().count() > MOST_LINES);
    long.map(|source| {
        finding(
            source,
            MOST_LINES,
            &format!("longer than {MOST_LINES} lines: split it by subject"),
        )
    })
    .collect()
}

/// Every file begins with `//!`.
pub fn module_docs(tree: &Tree) -> Vec<Finding> {
    let silent = tree
        .rust
        .iter()
        .filter(|source| !source.text.trim_start().starts_with("//!"));
    silent
        .map(|source| finding(source, 1, "begin with //! and say what this module is for"))
        .collect()
}

fn at(source: &Source, text: &str, word: &str, say: &str) -> Vec<Finding> {
    lines_with(text, word)
        .into_iter()
        .map(|number| finding(source, number, say))
        .collect()
}

fn finding(source: &Source, line: usize, text: &str) -> Finding {
    Finding {
        file: source.path.clone(),
        line,
        text: text.to_owned(),
    }
}
