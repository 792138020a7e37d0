//! `cargo ci emulated [arch...]`: the crates' own tests on the machines that this one is not, under QEMU's user emulation: pure code, where byte order and
//! widths show. What needs a real kernel is tested in `cargo ci boot`.

use crate::counts::Counts;
use crate::sh::Result;
use crate::toolchain::{self, ARCHES, Arch};
use crate::{apt, dist, test};
use std::process::Command;

/// Packages, and which of their targets; each line is one call of cargo.
const TESTS: &[&[&str]] = &[
    &[
        "--package",
        "spec-min",
        "--package",
        "init",
        "--package",
        "runtime",
        "--lib",
    ],
    &["--package", "spec-min", "--test", "*"],
];

/// Tests that are left out, and why.
const NOT_EMULATED: &[(&str, &str)] = &[
    ("cgroup::tests::", "real cgroups, which `boot` is for"),
    (
        "relay::tests::signals_are_forwarded",
        "starts its own program, which only the emulator could",
    ),
];

/// The task: the machines that are named, or all but this one.
pub fn run(names: &[String]) -> Result {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut summary = Vec::new();
    let counts = match names[..] {
        [] => others(&mut summary)?,
        _ => check(&names, &mut summary)?,
    };
    for line in summary {
        println!("{line}");
    }
    println!("{counts}");
    if counts.failed > 0 {
        return Err("see the lines with FAILED".into());
    }
    Ok(())
}

/// Runs them on all machines but this one.
pub fn others(summary: &mut Vec<String>) -> Result<Counts> {
    let native = toolchain::native()?.name;
    let mut names: Vec<&str> = ARCHES.iter().map(|arch| arch.name).collect();
    names.retain(|name| *name != native);
    check(&names, summary)
}

/// Runs them on `names`; each failure and skip is a line of `summary`.
pub fn check(names: &[&str], summary: &mut Vec<String>) -> Result<Counts> {
    let emulators = apt::closure(toolchain::native()?.debian, "qemu-user", &["qemu-user"])?;
    let mut counts = Counts::default();
    for arch in ARCHES.iter().filter(|arch| names.contains(&arch.name)) {
        let emulator = emulators.join(format!("usr/bin/qemu-{}", arch.name));
        for program in programs(arch)? {
            let mut command = Command::new(&emulator);
            command.arg(&program);
            // One process for all: the emulation can't start another copy of a foreign program.
            command.args([
                "--test-threads",
                "1",
                "-Zunstable-options",
                "--force-run-in-process",
            ]);
            command.env("RUSTC_BOOTSTRAP", "1");
            for (name, _) in NOT_EMULATED {
                command.args(["--skip", name]);
            }
            counts += test::counted(&mut command, summary)?;
        }
        for (name, why) in NOT_EMULATED {
            summary.push(format!("skipped {name} on {}: {why}", arch.name));
            counts.skipped += 1;
        }
    }
    Ok(counts)
}

fn programs(arch: &Arch) -> Result<Vec<std::path::PathBuf>> {
    let mut all = Vec::new();
    for tests in TESTS {
        all.extend(dist::test_programs(arch, tests)?);
    }
    Ok(all)
}
