//! `cargo ci dist [arch...]`: the static binaries, checked, in `target/dist`.

use crate::elf::Elf;
use crate::sh::{self, Result};
use crate::toolchain::{self, Arch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The task: this machine's binary, or those that are named.
pub fn run(names: &[String]) -> Result {
    let arches = if names.is_empty() {
        vec![toolchain::native()?]
    } else {
        names
            .iter()
            .map(|name| toolchain::arch(name))
            .collect::<Result<_>>()?
    };
    for arch in arches {
        binary(arch)?;
    }
    Ok(())
}

/// Builds, checks and places the binary of one machine; its path.
pub fn binary(arch: &Arch) -> Result<PathBuf> {
    let built = build(arch, "runtime", "mote", &[])?;
    let place = sh::target("dist")?.join(format!("mote-{}", arch.name));
    sh::copy(&built, &place)?;
    let bytes = fs::metadata(&place)
        .map_err(|e| format!("{}: {e}", place.display()))?
        .len();
    sh::say(format!(
        "{}: {bytes} bytes, static, no interpreter, no shared library",
        place.display()
    ));
    Ok(place)
}

/// Builds one program of one package statically and checks it; `extra` goes to its rustc alone.
pub fn build(arch: &Arch, package: &str, program: &str, extra: &[&str]) -> Result<PathBuf> {
    let mut cargo = command(arch, package, program, "--bin")?;
    cargo.arg("--").args(toolchain::whole_program()).args(extra);
    sh::run(&mut cargo)?;
    checked(arch, toolchain::built(arch)?.join(program))
}

/// The same for a test program that has a main function of its own; cargo gives its file a name that only cargo knows.
pub fn build_test(arch: &Arch, package: &str, program: &str) -> Result<PathBuf> {
    let mut cargo = command(arch, package, program, "--test")?;
    cargo.args([
        "-Zpanic-abort-tests",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let messages = sh::captured(&mut cargo)?;
    let path = messages
        .lines()
        .filter_map(|line| line.split_once("\"executable\":\""))
        .filter_map(|(_, rest)| rest.split_once('"'))
        .map(|(path, _)| PathBuf::from(path))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(program))
        });
    checked(
        arch,
        path.ok_or_else(|| format!("cargo names no file of {program}"))?,
    )
}

fn command(arch: &Arch, package: &str, program: &str, kind: &str) -> Result<Command> {
    sh::say(format!(
        "building {program} for {} (std from source; the first time takes a minute or two)",
        arch.name
    ));
    let mut cargo = toolchain::cargo(arch, "rustc")?;
    cargo.args(["--package", package, kind, program]);
    Ok(cargo)
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
