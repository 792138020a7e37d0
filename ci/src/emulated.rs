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

/// The emulation has not the system calls that these are about, or gives other answers.
const NOT_EMULATED: &[&str] = &[];

/// The task: the machines that are named, or all but this one.
pub fn run(names: &[String]) -> Result {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() {
        let native = toolchain::native()?.name;
        names = ARCHES.iter().map(|arch| arch.name).collect();
        names.retain(|name| *name != native);
    }
    let mut summary = Vec::new();
    let counts = check(&names, &mut summary)?;
    for line in summary {
        println!("{line}");
    }
    println!("{counts}");
    if counts.failed > 0 {
        return Err("see the lines with FAILED".into());
    }
    Ok(())
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
            for name in NOT_EMULATED {
                command.args(["--skip", name]);
                summary.push(format!("skipped {name} on {}: not emulated", arch.name));
                counts.skipped += 1;
            }
            counts += test::counted(&mut command, summary)?;
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
