//! `cargo ci dist [arch...]`: the static binaries, checked, in `target/dist`.

use crate::elf::Elf;
use crate::sh::{self, Result};
use crate::toolchain::{self, Arch};
use std::fs;
use std::path::{Path, PathBuf};

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
    sh::say(format!(
        "building {program} for {} (std from source; the first time takes a minute or two)",
        arch.name
    ));
    let mut cargo = toolchain::cargo(arch, "rustc")?;
    sh::run(
        cargo
            .args(["--package", package, "--bin", program, "--"])
            .args(extra),
    )?;
    let path = toolchain::built(arch)?.join(program);
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
