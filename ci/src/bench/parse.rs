//! `cargo ci bench parse`: reading config.json, beside serde_json reading it into owned values, in one run and in turn.
//!
//! The program is `tests/parser/bench`. It is built twice: just as mote is built, with the same options, standard library
//! and allocator, which gives mote's figures and those of a mote that used serde_json; and for speed alone, with glibc,
//! which gives serde_json's best.

use super::clock::quantile;
use crate::sh::{self, Result, Scratch};
use crate::test::stock_cargo;
use crate::{dist, toolchain};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each round starts every program once with each document.
const ROUNDS: usize = 10;
/// What a program measures in one go.
const SAMPLES: &str = "5";

/// How the program is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Build {
    Shipped,
    Fast,
}

/// A figure: what reads, how it is built, and the words for that.
type Subject = (&'static str, Build, &'static str);

const SUBJECTS: &[Subject] = &[
    ("parse", Build::Shipped, "mote: parse"),
    ("plan", Build::Shipped, "mote: parse and plan"),
    ("memory", Build::Shipped, "mote: the same and its memory"),
    ("serde_json", Build::Shipped, "serde_json, built as mote is"),
    ("serde_json", Build::Fast, "serde_json, built for speed"),
];

const DOCUMENTS: &[&str] = &[
    "template",
    "docker",
    "podman",
    "containerd",
    "synthetic-1",
    "synthetic-2",
    "synthetic-4",
    "synthetic-8",
];

/// All times, in nanoseconds, of a subject with a document.
struct Row {
    /// Which of [`SUBJECTS`].
    subject: usize,
    document: &'static str,
    bytes: u64,
    times: Vec<f64>,
}

/// A mark: what, its figure, the least and the most it may be.
type Mark = (&'static str, fn(&[Row]) -> f64, f64, f64);

const MARKS: &[Mark] = &[
    (
        "parse and plan of the template, microseconds",
        |rows| best(rows, 1, "template") / 1e3,
        0.0,
        20.0,
    ),
    (
        "4 MiB: serde_json built as mote is / parse",
        |rows| best(rows, 3, "synthetic-4") / best(rows, 0, "synthetic-4"),
        3.0,
        f64::INFINITY,
    ),
    (
        "4 MiB: serde_json built for speed / parse",
        |rows| best(rows, 4, "synthetic-4") / best(rows, 0, "synthetic-4"),
        1.2,
        f64::INFINITY,
    ),
    (
        "4 MiB: serde_json built as mote is / parse and plan",
        |rows| best(rows, 3, "synthetic-4") / best(rows, 1, "synthetic-4"),
        3.0,
        f64::INFINITY,
    ),
    (
        "time for a byte of 8 MiB / of 1 MiB",
        |rows| per_byte(rows, "synthetic-8") / per_byte(rows, "synthetic-1"),
        0.7,
        1.3,
    ),
];

/// The tenth percentile: what the machine does meanwhile only ever adds.
fn best(rows: &[Row], subject: usize, document: &str) -> f64 {
    let found = rows
        .iter()
        .find(|row| row.document == document && row.subject == subject);
    found.map_or(f64::NAN, |row| quantile(&row.times, 0.1))
}

fn per_byte(rows: &[Row], document: &str) -> f64 {
    let bytes = rows
        .iter()
        .find(|row| row.document == document)
        .map_or(0, |row| row.bytes);
    best(rows, 1, document) / bytes as f64
}

/// The section.
pub fn run() -> Result {
    let shipped = dist::build(toolchain::native()?, "parser", "bench", &[])?;
    let fast = build_fast()?;
    let scratch = Scratch::new("parse")?;
    sh::run(Command::new(&fast).arg("documents").arg(&scratch.0))?;
    let template = sh::top().join("runtime/src/verb/spec/expected.json");
    sh::copy(&template, &scratch.0.join("template.json"))?;
    let mut rows = Vec::new();
    for &document in DOCUMENTS {
        let bytes = sh::read_bytes(&file(&scratch.0, document))?.len() as u64;
        rows.extend((0..SUBJECTS.len()).map(|subject| Row {
            subject,
            document,
            bytes,
            times: Vec::new(),
        }));
    }
    sh::say(format!("{ROUNDS} rounds of {} documents", DOCUMENTS.len()));
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let (name, build, _) = SUBJECTS[row.subject];
            let program = if build == Build::Shipped {
                &shipped
            } else {
                &fast
            };
            let mut command = Command::new(program);
            command
                .arg(name)
                .arg(file(&scratch.0, row.document))
                .arg(SAMPLES);
            let times = sh::output(&mut command)?;
            row.times
                .extend(times.lines().filter_map(|line| line.parse::<f64>().ok()));
        }
    }
    report(&rows)?;
    println!();
    for document in ["template", "docker", "synthetic-4"] {
        let bytes = stack(&shipped, &file(&scratch.0, document))?;
        println!("{document:<12} parse and plan touch {bytes:.0} bytes of stack");
    }
    Ok(())
}

/// The mean of many processes: see `tests/parser/bench/stack.rs`.
fn stack(program: &Path, document: &Path) -> Result<f64> {
    const PROCESSES: usize = 300;
    let mut sum = 0.0;
    for _ in 0..PROCESSES {
        let bytes = sh::output(Command::new(program).arg("stack").arg(document))?;
        sum += bytes
            .trim()
            .parse::<f64>()
            .map_err(|_| format!("not a number of bytes: {bytes}"))?;
    }
    Ok(sum / PROCESSES as f64)
}

fn file(dir: &Path, document: &str) -> PathBuf {
    dir.join(format!("{document}.json"))
}

fn build_fast() -> Result<PathBuf> {
    let target = sh::target("bench/build")?;
    let mut cargo = stock_cargo();
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--config",
        "profile.release.opt-level=3",
    ]);
    cargo
        .args(["--package", "parser", "--bin", "bench"])
        .env("CARGO_TARGET_DIR", &target);
    sh::run(&mut cargo)?;
    Ok(target.join("release/bench"))
}

/// Prints everything; an error when a figure is outside of its mark.
fn report(rows: &[Row]) -> Result {
    println!("\nReading config.json, microseconds: tenth percentile and median; MB a second.");
    for row in rows {
        let time = |q| quantile(&row.times, q) / 1e3;
        println!(
            "{:<12} {:>8} bytes  {:<30} {:>10.1} {:>10.1} {:>7.0}",
            row.document,
            row.bytes,
            SUBJECTS[row.subject].2,
            time(0.1),
            time(0.5),
            row.bytes as f64 / time(0.1)
        );
    }
    println!();
    let mut missed = 0;
    for (what, figure, least, most) in MARKS {
        let figure = figure(rows);
        let kept = figure >= *least && figure <= *most;
        missed += usize::from(!kept);
        let word = if kept { "ok" } else { "MISSED" };
        println!("{word:<6} {what:<55} {figure:>7.2}  (from {least} to {most})");
    }
    match missed {
        0 => Ok(()),
        _ => Err(format!("{missed} of {} marks missed", MARKS.len())),
    }
}
