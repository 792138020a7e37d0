//! Rules about the Cargo.toml files and README.md.

use super::Finding;
use super::source::{CRATES, Source, Tree, lines_with};

/// The direction of the arrows: a crate, and those of our own that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("targets", &[]),
    ("spec-min", &[]),
    ("init", &["targets"]),
    ("runtime", &["targets", "spec-min", "init"]),
    ("tests", &[]),
    ("tests/parser", &["spec-min", "init", "runtime"]),
    ("ci", &[]),
];

/// One dependency line.
struct Dependency<'a> {
    name: &'a str,
    line: usize,
    dev: bool,
}

/// Our crates depend on each other as drawn, and on nothing else of ours.
pub fn arrows(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (manifest, name) in tree.manifests.iter().zip(CRATES) {
        let allowed = ARROWS
            .iter()
            .find(|(from, _)| from == name)
            .map_or(&[][..], |(_, to)| to);
        let ours = dependencies(&manifest.text)
            .into_iter()
            .filter(|dependency| CRATES.contains(&dependency.name));
        for dependency in ours.filter(|dependency| !allowed.contains(&dependency.name)) {
            let text = format!(
                "{name} may not depend on {}: move what both need below them",
                dependency.name
            );
            found.push(finding(manifest, dependency.line, text));
        }
    }
    found
}

/// `unsafe_code = "deny"` holds for every crate.
pub fn lints(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for manifest in &tree.manifests {
        let workspace = manifest.path == "Cargo.toml";
        let wanted = if workspace {
            "unsafe_code = \"deny\""
        } else {
            "[lints]\nworkspace = true"
        };
        if !manifest.text.contains(wanted) {
            found.push(finding(
                manifest,
                1,
                format!("add: {}", wanted.replace('\n', " ")),
            ));
        }
    }
    found
}

/// Every package from elsewhere has its row, with the reason, in README's table.
pub fn dependency_table(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for manifest in &tree.manifests {
        for dependency in dependencies(&manifest.text) {
            let row = format!("| `{}` |", dependency.name);
            if !CRATES.contains(&dependency.name) && !tree.readme.text.contains(&row) {
                let text = format!(
                    "{} has no row in README.md's dependency table: say there what it does here",
                    dependency.name
                );
                found.push(finding(manifest, dependency.line, text));
            }
        }
    }
    found
}

/// What a crate asks for is named in its code; what only tests name is a dev-dependency.
pub fn used(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (manifest, name) in tree.manifests.iter().zip(CRATES) {
        let ours = || {
            tree.rust
                .iter()
                .filter(|source| source.path.starts_with(&format!("{name}/")))
        };
        for dependency in dependencies(&manifest.text) {
            let root = dependency.name.replace('-', "_");
            let names = |code: &str| !lines_with(code, &root).is_empty();
            let any = ours().any(|source| names(&source.code));
            let shipped = ours().any(|source| names(source.shipped()));
            if !any {
                found.push(finding(
                    manifest,
                    dependency.line,
                    format!("{root} is named nowhere in {name}: remove it"),
                ));
            } else if !dependency.dev && !shipped {
                let text =
                    format!("only tests of {name} name {root}: move it to [dev-dependencies]");
                found.push(finding(manifest, dependency.line, text));
            }
        }
    }
    found
}

/// Relative links name files that exist.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in tree.readme.text.lines().enumerate() {
        for link in line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !file.is_empty() && !tree.top.join(file).exists() {
                found.push(finding(
                    &tree.readme,
                    number + 1,
                    format!("{file} does not exist"),
                ));
            }
        }
    }
    found
}

/// The keys of every dependency section: `name = ...` or `name.workspace = true`.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let (mut inside, mut dev) = (false, false);
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').ends_with("dependencies");
            dev = section.starts_with("dev-");
        } else if inside
            && !line.starts_with('#')
            && let Some((key, _)) = line.split_once('=')
        {
            let name = key.split('.').next().unwrap_or_default().trim();
            found.push(Dependency {
                name,
                line: number + 1,
                dev,
            });
        }
    }
    found
}

fn finding(manifest: &Source, line: usize, text: String) -> Finding {
    Finding {
        file: manifest.path.clone(),
        line,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::dependencies;

    #[test]
    fn dependency_keys() {
        let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\n# no\nb = { version = \"1\" }\n[dev-dependencies]\nc = \"1\"\n[lints]\nworkspace = true\n";
        let names: Vec<_> = dependencies(text)
            .iter()
            .map(|dependency| (dependency.name, dependency.line))
            .collect();
        assert_eq!(names, [("a", 4), ("b", 6), ("c", 8)]);
    }
}
