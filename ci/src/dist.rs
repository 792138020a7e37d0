//! `cargo ci dist [arch...]`: the static binaries, checked, in `target/dist`; without a name all five, with checksums, a table of
//! sizes and a bill of materials.

mod sbom;

use crate::elf::Elf;
use crate::sh::{self, Result};
use crate::toolchain::{self, ARCHES, Arch};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The task: the binaries that are named, or all and what belongs to them.
pub fn run(names: &[String]) -> Result {
    if names.is_empty() {
        return all();
    }
    let arches = names.iter().map(|name| toolchain::arch(name));
    for arch in arches.collect::<Result<Vec<_>>>()? {
        binary(arch)?;
    }
    Ok(())
}

/// All five, `SHA256SUMS`, `sizes.md` and `mote.cdx.json`.
fn all() -> Result {
    let mut table = String::from("| machine | bytes | SHA-256 |\n|---|---:|---|\n");
    let mut sums = String::new();
    for arch in ARCHES {
        let path = binary(arch)?;
        let sum = sh::output(Command::new("sha256sum").arg(&path))?;
        let sum = sum.split(' ').next().unwrap_or_default();
        let _ = writeln!(table, "| {} | {} | `{sum}` |", arch.name, bytes(&path)?);
        let _ = writeln!(sums, "{sum}  mote-{}", arch.name);
    }
    let place = sh::target("dist")?;
    sh::write(&place.join("SHA256SUMS"), sums)?;
    sh::write(&place.join("sizes.md"), &table)?;
    sh::write(&place.join("mote.cdx.json"), sbom::text()?)?;
    print!("{table}");
    sh::say(format!(
        "{}: SHA256SUMS, sizes.md, and mote.cdx.json, the bill of materials (CycloneDX)",
        place.display()
    ));
    Ok(())
}

fn bytes(path: &Path) -> Result<u64> {
    let data = fs::metadata(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(data.len())
}

/// Builds, checks and places the binary of one machine; its path.
pub fn binary(arch: &Arch) -> Result<PathBuf> {
    let built = build(arch, "runtime", "mote", &["-Clink-arg=-znosectionheader"])?;
    let place = sh::target("dist")?.join(format!("mote-{}", arch.name));
    // Not into the old file, which somebody may be running.
    let fresh = place.with_extension("new");
    sh::copy(&built, &fresh)?;
    // Behind what is loaded lld leaves the room of the section headers.
    let loaded = Elf::read(&built)?.loaded();
    let file = fs::File::options().write(true).open(&fresh);
    file.and_then(|file| file.set_len(loaded))
        .map_err(|e| format!("{}: {e}", fresh.display()))?;
    fs::rename(&fresh, &place).map_err(|e| format!("{}: {e}", place.display()))?;
    sh::say(format!(
        "{}: {} bytes, static, no interpreter, no shared library",
        place.display(),
        bytes(&place)?
    ));
    Ok(place)
}

/// Builds one program of one package statically and checks it; `extra` goes to its rustc alone.
pub fn build(arch: &Arch, package: &str, program: &str, extra: &[&str]) -> Result<PathBuf> {
    sh::say(format!(
        "building {program} for {} (std from source; the first time takes a minute or two)",
        arch.name
    ));
    let mut cargo = toolchain::cargo(arch, "rustc")?;
    cargo.args(["--package", package, "--bin", program]);
    if package == "tests" && !arch.seccompiler {
        cargo.arg("--no-default-features");
    }
    let flags = toolchain::whole_program(arch);
    sh::run(cargo.arg("--").args(flags).args(extra))?;
    let path = checked(arch, toolchain::built(arch)?.join(program))?;
    if arch.name == "riscv64" {
        Elf::read(&path)?.check_t1()?;
    }
    Ok(path)
}

/// The same for a test program that has a main function of its own.
pub fn build_test(arch: &Arch, package: &str, program: &str) -> Result<PathBuf> {
    let programs = test_programs(arch, &["--package", package, "--test", program])?;
    let path = programs.into_iter().next();
    checked(
        arch,
        path.ok_or_else(|| format!("cargo names no file of {program}"))?,
    )
}

/// Builds the test programs that `targets` (options of cargo) selects; cargo gives their files names that only cargo knows.
pub fn test_programs(arch: &Arch, targets: &[&str]) -> Result<Vec<PathBuf>> {
    sh::say(format!(
        "building for {}: tests {}",
        arch.name,
        targets.join(" ")
    ));
    let mut cargo = toolchain::cargo(arch, "test")?;
    cargo.args(["--no-run", "-Zpanic-abort-tests"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    if targets.contains(&"tests") && !arch.seccompiler {
        cargo.arg("--no-default-features");
    }
    let messages = sh::captured(cargo.args(targets))?;
    let programs = messages
        .lines()
        // Programs that are no tests are built for them, too.
        .filter(|line| {
            line.contains("\"test\":true},\"features\"") && line.contains("\"executable\":\"")
        })
        .filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    Ok(programs.map(|(path, _)| PathBuf::from(path)).collect())
}

fn checked(arch: &Arch, path: PathBuf) -> Result<PathBuf> {
    check(arch, &path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

fn check(arch: &Arch, path: &Path) -> Result {
    let elf = Elf::read(path)?;
    if elf.machine != arch.machine {
        return Err(format!(
            "e_machine is {}, not {} of {}",
            elf.machine, arch.machine, arch.name
        ));
    }
    elf.check_static()
}
