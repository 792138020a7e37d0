//! `cargo ci test`: everything CI runs, and how many checks that was.

use crate::counts::Counts;
use crate::sh::{self, Result};
use crate::{dist, tidy, toolchain};
use std::process::Command;

/// A part: its name, and what runs it.
type Part = (&'static str, fn() -> Result<Counts>);

/// The parts in order; each goes on after a failure of the one before, so that one run shows all there is.
const PARTS: &[Part] = &[
    ("tidy", tidy::check),
    ("unit tests", unit),
    ("static binary", binary),
    ("end-to-end tests", end_to_end),
];

/// The task. Its last line of output is the sum of all parts; the exit status is 1 when one failed.
pub fn run(_: &[String]) -> Result {
    let mut total = Counts::default();
    let mut summary = Vec::new();
    for (name, part) in PARTS {
        sh::say(*name);
        let counts = part().unwrap_or_else(|error| {
            println!("{name}: {error}");
            Counts::one(false)
        });
        summary.push(format!("{name:<18} {counts}"));
        total += counts;
    }
    println!();
    for line in summary {
        println!("{line}");
    }
    println!("{total}");
    if total.failed > 0 {
        // Not an `Err`: nothing may be printed after the counts.
        std::process::exit(1);
    }
    Ok(())
}

/// The crates' own tests, with the toolchain that the contributor uses.
fn unit() -> Result<Counts> {
    counted(stock_cargo().args([
        "test",
        "--workspace",
        "--exclude",
        "tests",
        "--no-fail-fast",
    ]))
}

fn binary() -> Result<Counts> {
    dist::binary(toolchain::native()?)?;
    Ok(Counts::one(true))
}

/// The suite in `tests/` against the static binary, with the probe program as the containers' process.
fn end_to_end() -> Result<Counts> {
    let arch = toolchain::native()?;
    let mote = sh::target("dist")?.join(format!("mote-{}", arch.name));
    let probe = dist::build(arch, "tests", "probe", &[])?;
    counted(
        stock_cargo()
            .args(["test", "--package", "tests", "--test", "e2e"])
            .env("MOTE_BIN", mote)
            .env("MOTE_PROBE", probe),
    )
}

/// Runs test programs and sums what they say; a failure that no test program counted is one more.
fn counted(command: &mut Command) -> Result<Counts> {
    let (succeeded, lines) = sh::tee(command)?;
    let mut sum = Counts::default();
    for counts in lines.iter().filter_map(|line| Counts::parse(line)) {
        sum += counts;
    }
    if !succeeded && sum.failed == 0 {
        sum += Counts::one(false);
    }
    Ok(sum)
}

/// The cargo that runs us.
pub fn stock_cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(sh::top());
    command
}
