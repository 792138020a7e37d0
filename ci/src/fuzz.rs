//! `cargo ci fuzz [seconds] [target]`: libFuzzer, guided by coverage, on everything that reads documents of others.
//!
//! The targets are in `tests/parser`. What they find stays in `target/fuzz/corpus` and is where the next run begins;
//! they also begin with every document that is in the checkout, which need not be copied for that.

use crate::counts::Counts;
use crate::sh::{self, Result};
use crate::test::stock_cargo;
use crate::{apt, toolchain};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One target: its name, and the directories of documents that it begins with.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
}

const CONFIGS: &[&str] = &[
    "tests/parser/corpus/config",
    "spec-min/tests/data",
    "runtime/src/verb/spec",
];

const TARGETS: &[Target] = &[
    Target {
        name: "parse",
        seeds: CONFIGS,
    },
    Target {
        name: "plan",
        seeds: CONFIGS,
    },
    Target {
        name: "process",
        seeds: &["tests/parser/corpus/process"],
    },
    Target {
        name: "state",
        seeds: &["tests/parser/corpus/state"],
    },
    Target {
        name: "resources",
        seeds: &["tests/parser/corpus/resources"],
    },
    Target {
        name: "seccomp",
        seeds: &["tests/parser/corpus/seccomp"],
    },
    Target {
        name: "legacy",
        seeds: &["tests/parser/corpus/legacy"],
    },
    Target {
        name: "dbus",
        seeds: &["tests/parser/corpus/dbus"],
    },
];

/// How long the task runs when nothing is said.
const SECONDS: u64 = 60;
/// How long CI's tests do.
const SECONDS_IN_TEST: u64 = 30;

/// LLVM's coverage for libFuzzer (clang's SanitizerCoverage documentation): a counter for each edge, and a call at each
/// comparison, from which the fuzzer learns what it is compared with. Stable rustc has the pass, if not a name for it.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// The task.
pub fn run(arguments: &[String]) -> Result {
    const USAGE: &str = "usage: cargo ci fuzz [SECONDS] [TARGET]";
    let (mut seconds, mut chosen) = (SECONDS, None);
    for argument in arguments {
        if let Ok(number) = argument.parse() {
            seconds = number;
        } else if TARGETS.iter().any(|target| target.name == argument) {
            chosen = Some(argument);
        } else {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            let names = names.join(" ");
            return Err(format!("{USAGE}; the targets are {names}"));
        }
    }
    let targets = TARGETS
        .iter()
        .filter(|target| chosen.is_none_or(|name| target.name == name));
    let counts = fuzz(targets.collect(), seconds, &mut Vec::new())?;
    println!("{counts}");
    if counts.failed == 0 {
        Ok(())
    } else {
        Err("there are findings, see above".into())
    }
}

/// All targets, for as long as CI has; one check each.
pub fn check(summary: &mut Vec<String>) -> Result<Counts> {
    fuzz(TARGETS.iter().collect(), SECONDS_IN_TEST, summary)
}

/// Runs these targets, each for its share of the time, and not less than a second.
fn fuzz(targets: Vec<&Target>, seconds: u64, summary: &mut Vec<String>) -> Result<Counts> {
    apt::need(&["g++"])?;
    let programs = build()?;
    let words = words()?;
    let share = (seconds / targets.len().max(1) as u64).max(1);
    let mut counts = Counts::default();
    for target in targets {
        let outcome = run_one(target, &programs, &words, share);
        let line = match &outcome {
            Ok(figures) => format!("ok fuzz {}: {figures}", target.name),
            Err(error) => format!("FAILED fuzz {}: {error}", target.name),
        };
        println!("{line}");
        counts += Counts::one(outcome.is_ok());
        if outcome.is_err() {
            summary.push(line);
        }
    }
    Ok(counts)
}

/// Builds the programs; the directory they are in. With `--target` the flags are not those of build scripts too.
fn build() -> Result<PathBuf> {
    sh::say("building the fuzz targets (the first time takes a minute)");
    let target = sh::target("fuzz/build")?;
    let triple = format!("{}-unknown-linux-gnu", toolchain::native()?.rust);
    let mut cargo = stock_cargo();
    cargo.args(["build", "--quiet", "--profile", "fuzz", "--target", &triple]);
    cargo.args(["--package", "parser", "--features", "engine"]);
    for target in TARGETS {
        cargo.args(["--bin", &format!("fuzz-{}", target.name)]);
    }
    cargo
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}"));
    sh::run(&mut cargo)?;
    Ok(target.join(triple).join("fuzz"))
}

/// libFuzzer's dictionary: every string of the documents that the targets begin with, as it is written.
fn words() -> Result<PathBuf> {
    let mut words = BTreeSet::new();
    for dir in TARGETS.iter().flat_map(|target| target.seeds) {
        for file in documents(&sh::top().join(dir))? {
            let text = String::from_utf8_lossy(&sh::read_bytes(&file)?).into_owned();
            let plain = |word: &&str| {
                word.len() < 64 && word.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
            };
            words.extend(
                text.split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(plain)
                    .map(str::to_owned),
            );
        }
    }
    let lines: String = words
        .iter()
        .map(|word| format!("\"\\\"{word}\\\"\"\n"))
        .collect();
    let file = sh::target("fuzz")?.join("words");
    sh::write(&file, lines)?;
    Ok(file)
}

fn documents(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(documents(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Runs one target; what it reports about itself, or what it stopped at.
fn run_one(target: &Target, programs: &Path, words: &Path, seconds: u64) -> Result<String> {
    let name = target.name;
    sh::say(format!("fuzzing {name} for {seconds} s"));
    let found = sh::target(&format!("fuzz/corpus/{name}"))?;
    let log = sh::target("fuzz")?.join(format!("{name}.log"));
    let program = programs.join(format!("fuzz-{name}"));
    let output = fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let mut fuzzer = Command::new(&program);
    fuzzer.args([
        format!("-max_total_time={seconds}"),
        format!("-dict={}", words.display()),
        format!(
            "-artifact_prefix={}/stopped-{name}-",
            sh::target("fuzz")?.display()
        ),
    ]);
    // No document takes longer, the largest least of all.
    fuzzer.args(["-timeout=5", "-max_len=16384", "-print_final_stats=1"]);
    fuzzer
        .arg(found)
        .args(target.seeds.iter().map(|dir| sh::top().join(dir)));
    let status = fuzzer.stderr(output).status();
    let status = status.map_err(|e| format!("cannot run {}: {e}", program.display()))?;
    let text = String::from_utf8_lossy(&sh::read_bytes(&log)?).into_owned();
    if status.success() {
        return figures(&text).ok_or_else(|| format!("its log has no figures: {}", log.display()));
    }
    let document = text
        .lines()
        .find_map(|line| line.rsplit_once("Test unit written to "));
    let said = text
        .lines()
        .find(|line| line.contains("panicked at") || line.contains("ERROR:"));
    Err(format!(
        "{}; again with: {} {}; log: {}",
        said.unwrap_or("it stopped"),
        program.display(),
        document.map_or("(document)", |(_, file)| file),
        log.display()
    ))
}

/// From the log's end: `#1234\tDONE   cov: 12 ft: 34 corp: 5/6b ...` and `stat::number_of_executed_units: 1234`.
fn figures(log: &str) -> Option<String> {
    let after = |name: &str| {
        let (_, rest) = log.rsplit_once(name)?;
        rest.split_whitespace().next()
    };
    Some(format!(
        "{} documents, {} edges covered, {} features, {} kept",
        after("stat::number_of_executed_units:")?,
        after(" cov: ")?,
        after(" ft: ")?,
        after(" corp: ")?
    ))
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn figures_of_a_log() {
        let log = "#2\tINITED cov: 1 ft: 2 corp: 3/4b\n#99\tDONE   cov: 12 ft: 34 corp: 5/6Kb lim: 9\n\
                   Done 99 runs in 2 second(s)\nstat::number_of_executed_units: 99\n";
        assert_eq!(
            figures(log).as_deref(),
            Some("99 documents, 12 edges covered, 34 features, 5/6Kb kept")
        );
        assert_eq!(figures("nothing"), None);
    }
}
