//! Which Rust files a crate reaches from its roots through `mod name;`.

use super::Finding;
use super::source::{CRATES, Source, Tree};
use std::collections::BTreeSet;

/// Files that no crate compiles.
pub fn dead_files(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for (name, manifest) in CRATES.iter().zip(&tree.manifests) {
        for root in roots(tree, name, &manifest.text) {
            follow(tree, &root, true, &mut reached);
        }
    }
    let dead = tree
        .rust
        .iter()
        .filter(|source| !reached.contains(&source.path));
    dead.map(|source| Finding {
        file: source.path.clone(),
        line: 1,
        text: "no `mod` leads here: add one or remove the file".into(),
    })
    .collect()
}

/// Where cargo begins: what the manifest names by path, and the places it looks at by itself.
fn roots(tree: &Tree, name: &str, manifest: &str) -> Vec<String> {
    let mut roots: Vec<String> = ["src/lib.rs", "src/main.rs", "build.rs"]
        .iter()
        .map(|file| format!("{name}/{file}"))
        .collect();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if matches!(
            section,
            "[lib]" | "[[bin]]" | "[[test]]" | "[[bench]]" | "[[example]]"
        ) && let Some(path) = line.strip_prefix("path = ")
        {
            roots.push(format!("{name}/{}", path.trim_matches('"')));
        }
    }
    for dir in ["src/bin/", "tests/", "benches/", "examples/"] {
        let prefix = format!("{name}/{dir}");
        let direct = |path: &&String| {
            path.strip_prefix(&prefix)
                .is_some_and(|rest| !rest.contains('/'))
        };
        roots.extend(
            tree.rust
                .iter()
                .map(|source| &source.path)
                .filter(direct)
                .cloned(),
        );
    }
    roots
}

fn follow(tree: &Tree, path: &str, root: bool, reached: &mut BTreeSet<String>) {
    let Some(source) = tree.rust.iter().find(|source| source.path == path) else {
        return;
    };
    if !reached.insert(path.to_owned()) {
        return;
    }
    let (dir, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let below = if root || stem == "mod" {
        dir.to_owned()
    } else {
        format!("{dir}/{stem}")
    };
    for (name, place) in modules(source) {
        match place {
            Some(place) => follow(tree, &normal(&format!("{dir}/{place}")), true, reached),
            None => {
                follow(tree, &format!("{below}/{name}.rs"), false, reached);
                follow(tree, &format!("{below}/{name}/mod.rs"), false, reached);
            }
        }
    }
}

/// The `mod name;` items of a file, each with its `#[path]` if it has one.
fn modules(source: &Source) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    let mut path = None;
    for (code, text) in source.code.lines().zip(source.text.lines()) {
        if code.trim_start().starts_with("#[path") {
            path = text.split('"').nth(1).map(str::to_owned);
            continue;
        }
        let words: Vec<&str> = code.split_whitespace().collect();
        if let [.., "mod", name] = words[..]
            && let Some(name) = name.strip_suffix(';')
        {
            found.push((name.to_owned(), path.take()));
        }
    }
    found
}

/// `a/b/../c` as `a/c`.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
