//! `cargo ci size [arch...]`: where the bytes of the binaries are.

use crate::elf::Elf;
use crate::sh::Result;
use crate::toolchain::{self, Arch};
use crate::{dist, mangling};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The task: this machine's binary, or those that are named. Fails when one is too large.
pub fn run(names: &[String]) -> Result {
    let arches = if names.is_empty() {
        vec![toolchain::native()?]
    } else {
        names
            .iter()
            .map(|name| toolchain::arch(name))
            .collect::<Result<_>>()?
    };
    let mut binaries = Vec::new();
    for arch in arches {
        binaries.push((arch, report(arch)?));
    }
    binaries
        .iter()
        .try_for_each(|(arch, path)| fits(arch, path))
}

/// An error when the file is larger than the machine's binary may be.
pub fn fits(arch: &Arch, path: &Path) -> Result {
    let (bytes, most) = (bytes_of(path)?, arch.most());
    if bytes <= most {
        Ok(())
    } else {
        Err(format!(
            "{} is {} bytes over {most}",
            path.display(),
            bytes - most
        ))
    }
}

fn bytes_of(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)
        .map_err(|e| format!("{}: {e}", path.display()))?
        .len())
}

/// Prints one binary's tables; its path.
fn report(arch: &Arch) -> Result<PathBuf> {
    let stripped = dist::binary(arch)?;
    let elf = Elf::read(&dist::build(arch, "runtime", "mote", &["-Cstrip=none"])?)?;
    println!(
        "\nmote-{}: {bytes} bytes of at most {most}",
        arch.name,
        most = arch.most(),
        bytes = bytes_of(&stripped)?
    );
    let mut symbols = elf.symbols();
    symbols.sort_by_key(|symbol| symbol.address);
    symbols.dedup_by_key(|symbol| symbol.address);
    let sizes = |depth: usize| {
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        for symbol in &symbols {
            let path = mangling::path_of(&symbol.name)
                .unwrap_or_else(|| vec!["C names: musl, compiler_builtins".into()]);
            *sizes
                .entry(path[..depth.min(path.len())].join("::"))
                .or_default() += symbol.size;
        }
        sizes.into_iter().collect::<Vec<_>>()
    };
    let sections = elf
        .sections
        .iter()
        .filter(|section| section.alloc && section.size > 0);
    table(
        "section",
        sections
            .map(|section| (section.name.clone(), section.size))
            .collect(),
        30,
    );
    table(
        "crate (of code and data with a name; inlined code counts where it is)",
        sizes(1),
        30,
    );
    table("module, the largest", sizes(2), 30);
    table("item, the largest", sizes(usize::MAX), 30);
    Ok(stripped)
}

/// The `most` largest rows, with their share of all.
fn table(title: &str, mut rows: Vec<(String, u64)>, most: usize) {
    let total: u64 = rows.iter().map(|(_, size)| size).sum();
    rows.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
    println!("\n{:>9}  {:>5}  {title}", "bytes", "share");
    for (name, size) in rows.iter().take(most) {
        println!(
            "{size:>9}  {:>4.1}%  {name}",
            100.0 * *size as f64 / total as f64
        );
    }
}
