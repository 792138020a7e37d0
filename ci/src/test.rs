//! `cargo ci test`: everything CI runs, and how many checks that was.

use crate::counts::Counts;
use crate::sh::{self, Result};
use crate::{apt, boot, dist, emulated, fuzz, size, syscalls, tidy, toolchain};
use std::path::PathBuf;
use std::process::Command;

/// A part: its name, and what runs it and adds a line for each check that failed or did not run.
type Part = (&'static str, fn(&mut Vec<String>) -> Result<Counts>);

/// The parts in order; each goes on after a failure of the one before, so that one run shows all there is.
const PARTS: &[Part] = &[
    ("tidy", tidy),
    ("generated tables", generated),
    ("unit tests", unit),
    ("fuzz targets", fuzz::check),
    ("static binary", binary),
    ("end-to-end tests", end_to_end),
    ("guests", guests),
    ("other machines", emulated::others),
];

/// What the end-to-end tests use on the machine; without these programs they would skip.
const PACKAGES: &[&str] = &["busybox-static", "iproute2", "uidmap", "util-linux"];

/// The task. Its last line of output is the sum of all parts; the exit status is 1 when one failed.
pub fn run(_: &[String]) -> Result {
    let mut total = Counts::default();
    let mut summary = Vec::new();
    for (name, part) in PARTS {
        sh::say(*name);
        let counts = part(&mut summary).unwrap_or_else(|error| {
            summary.push(format!("FAILED {name}: {error}"));
            Counts::one(false)
        });
        println!("{name}: {counts}");
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

/// Formatting, clippy and the text's rules.
fn tidy(summary: &mut Vec<String>) -> Result<Counts> {
    tidy::check(summary)
}

/// What is generated and committed, generated again.
fn generated(_: &mut Vec<String>) -> Result<Counts> {
    syscalls::check().map(|()| Counts::one(true))
}

/// The crates' own tests, with the toolchain that the contributor uses.
fn unit(summary: &mut Vec<String>) -> Result<Counts> {
    let mut cargo = stock_cargo();
    cargo.args([
        "test",
        "--workspace",
        "--exclude",
        "tests",
        "--no-fail-fast",
        "--features",
        "runtime/libseccomp",
    ]);
    cargo.env("MOTE_LIBSECCOMP", libseccomp()?);
    counted(&mut cargo, summary)
}

/// The program that the seccomp compiler is compared with; Debian 13's library, since 12's knows fewer architectures.
fn libseccomp() -> Result<PathBuf> {
    apt::need(&["gcc"])?;
    let files = apt::unpacked("amd64", "libseccomp-dev")?.join("usr");
    let program = sh::target("libseccomp")?.join("oracle");
    let mut cc = Command::new("gcc");
    cc.args(["-O2", "-Wall", "-o"]).arg(&program);
    cc.arg(sh::top().join("runtime/tests/seccomp/libseccomp.c"));
    cc.arg("-I").arg(files.join("include"));
    cc.arg(files.join("lib/x86_64-linux-gnu/libseccomp.a"));
    sh::run(&mut cc)?;
    Ok(program)
}

fn binary(summary: &mut Vec<String>) -> Result<Counts> {
    let path = dist::binary(toolchain::native()?)?;
    let mut counts = Counts::one(true);
    let fits = size::fits(toolchain::native()?, &path);
    counts += Counts::one(fits.is_ok());
    summary.extend(fits.err().map(|error| format!("FAILED size: {error}")));
    Ok(counts)
}

/// The suite in `tests/` against the static binary, with the probe program as the containers' process.
fn end_to_end(summary: &mut Vec<String>) -> Result<Counts> {
    apt::need(PACKAGES)?;
    let arch = toolchain::native()?;
    let mote = sh::target("dist")?.join(format!("mote-{}", arch.name));
    let probe = dist::build(arch, "tests", "probe", &[])?;
    let mut cargo = stock_cargo();
    cargo.args(["test", "--package", "tests", "--test", "e2e"]);
    counted(
        cargo.env("MOTE_BIN", mote).env("MOTE_PROBE", probe),
        summary,
    )
}

/// Debian's kernel of x86_64 with mote, a script, and systemd as init, and with engines; the other guests are a task of their own.
fn guests(summary: &mut Vec<String>) -> Result<Counts> {
    const HERE: &[&str] = &["x86_64", "appliance", "busybox", "systemd", "engines"];
    let mut counts = boot::check(|name| HERE.contains(&name), summary)?;
    summary
        .push("skipped the guests aarch64 ppc64le s390x riscv64: `cargo ci boot` runs them".into());
    counts.skipped += 4;
    Ok(counts)
}

/// Runs test programs and sums what they say; a failure that no test program counted is one more.
pub fn counted(command: &mut Command, summary: &mut Vec<String>) -> Result<Counts> {
    let (succeeded, lines) = sh::tee(command)?;
    let mut sum = Counts::default();
    for line in &lines {
        sum += counted_line("", line, summary);
    }
    if !succeeded && sum.failed == 0 {
        summary.push(format!("FAILED {}: see above", sh::line(command)));
        sum += Counts::one(false);
    }
    Ok(sum)
}

/// What one line of a test program's output counts; a check that failed or did not run becomes a line of the summary,
/// after `prefix`.
pub fn counted_line(prefix: &str, line: &str, summary: &mut Vec<String>) -> Counts {
    // libtest's lines, then those of our end-to-end harness.
    let not_passed = line.starts_with("test ")
        && (line.ends_with("... FAILED") || line.contains("... ignored"))
        || line.starts_with("FAILED ")
        || line.starts_with("skipped ");
    if not_passed {
        summary.push(format!("{prefix}{line}"));
    }
    Counts::parse(line).unwrap_or_default()
}

/// The cargo that runs us.
pub fn stock_cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(sh::top());
    command
}
