//! `cargo ci tidy`: format, clippy, and what the architecture demands of the source text.

mod manifest;
mod modules;
mod rules;
pub mod source;

use crate::counts::Counts;
use crate::sh::{self, Result};
use crate::test::stock_cargo;
use source::Tree;

/// Something to put right.
pub struct Finding {
    /// Path from the checkout's top.
    pub file: String,
    /// Counted from 1; 0 means the whole file.
    pub line: usize,
    /// What is wrong there, and what to do about it.
    pub text: String,
}

/// A rule: its name and the check that reads the tree.
type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// Components of the toolchain: subcommand, component, arguments.
const TOOLS: &[(&str, &str, &[&str])] = &[
    ("fmt", "rustfmt", &["--all", "--check"]),
    (
        "clippy",
        "clippy",
        &[
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    ),
];

const RULES: &[Rule] = &[
    (
        "unsafe code only in init/src/sys and targets",
        rules::unsafe_code,
    ),
    ("machine facts only in targets", rules::target_arch),
    ("pure modules have no effects", rules::purity),
    ("nothing left undone or unused", rules::leftovers),
    ("files fit a reader", rules::length),
    ("every module says what it is for", rules::module_docs),
    ("every file is part of a crate", modules::dead_files),
    ("crates depend in the drawn direction", manifest::arrows),
    ("every crate takes the workspace's lints", manifest::lints),
    (
        "README's table has every dependency",
        manifest::dependency_table,
    ),
    ("every dependency is used", manifest::used),
    ("README's links lead somewhere", manifest::links),
];

/// The task.
pub fn run(_: &[String]) -> Result {
    let counts = check(&mut Vec::new())?;
    println!("{counts}");
    if counts.failed == 0 {
        Ok(())
    } else {
        Err("there are findings, see above".into())
    }
}

/// All checks; findings are printed as `file:line: text`, and each check that did not pass adds a line to `summary`.
pub fn check(summary: &mut Vec<String>) -> Result<Counts> {
    let mut total = Counts::default();
    for (name, component, arguments) in TOOLS {
        total += cargo_tool(name, component, arguments, summary);
    }
    let tree = Tree::read(&sh::top())?;
    for (name, rule) in RULES {
        let findings = rule(&tree);
        for finding in &findings {
            println!("{}:{}: {}", finding.file, finding.line, finding.text);
        }
        total += outcome(name, findings.is_empty(), summary);
    }
    Ok(total)
}

/// Runs a subcommand that is a component of the toolchain; skipped, and said so, where it isn't installed.
fn cargo_tool(
    name: &str,
    component: &str,
    arguments: &[&str],
    summary: &mut Vec<String>,
) -> Counts {
    if sh::output(stock_cargo().args([name, "--version"])).is_err() {
        let line = format!("skipped cargo {name}: not installed; rustup component add {component}");
        println!("{line}");
        summary.push(line);
        return Counts {
            skipped: 1,
            ..Counts::default()
        };
    }
    let result = sh::run(stock_cargo().arg(name).args(arguments));
    outcome(&format!("cargo {name}"), result.is_ok(), summary)
}

/// Says and counts how a check went.
fn outcome(name: &str, passed: bool, summary: &mut Vec<String>) -> Counts {
    let line = format!("{} tidy: {name}", if passed { "ok" } else { "FAILED" });
    println!("{line}");
    if !passed {
        summary.push(line);
    }
    Counts::one(passed)
}
