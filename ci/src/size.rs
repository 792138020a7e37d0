//! `cargo ci size [arch...]`: where the bytes of the binaries are.

use crate::elf::Elf;
use crate::sh::Result;
use crate::toolchain::{self, Arch};
use crate::{dist, mangling};
use std::collections::BTreeMap;
use std::fs;

/// The most bytes that a binary may have.
const MOST: u64 = 256 * 1024;

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
    let mut too_large = Vec::new();
    for arch in arches {
        let bytes = report(arch)?;
        if bytes > MOST {
            too_large.push(format!(
                "mote-{} is {} bytes over {MOST}",
                arch.name,
                bytes - MOST
            ));
        }
    }
    if too_large.is_empty() {
        Ok(())
    } else {
        Err(too_large.join("; "))
    }
}

/// Prints one binary's tables; its size in bytes.
fn report(arch: &Arch) -> Result<u64> {
    let stripped = dist::binary(arch)?;
    let bytes = fs::metadata(&stripped)
        .map_err(|e| format!("{}: {e}", stripped.display()))?
        .len();
    let with_symbols = Elf::read(&dist::build(arch, "runtime", "mote", &["-Cstrip=none"])?)?;

    println!(
        "\nmote-{}: {bytes} bytes ({:.1} KiB) of at most {MOST}",
        arch.name,
        kib(bytes)
    );
    println!("\n{:>9}  section", "bytes");
    let mut sections: Vec<_> = with_symbols
        .sections
        .iter()
        .filter(|section| section.alloc)
        .collect();
    sections.sort_by_key(|section| std::cmp::Reverse(section.size));
    for section in sections {
        println!("{:>9}  {}", section.size, section.name);
    }

    println!(
        "\n{:>9}  {:>5}  crate (by symbol name; inlined code counts for the crate it is in)",
        "bytes", "share"
    );
    let mut crates: BTreeMap<String, u64> = BTreeMap::new();
    let mut symbols = with_symbols.symbols();
    symbols.sort_by_key(|symbol| symbol.address);
    symbols.dedup_by_key(|symbol| symbol.address);
    for symbol in symbols {
        let owner = mangling::crate_of(&symbol.name)
            .unwrap_or_else(|| "C names (musl, compiler_builtins)".into());
        *crates.entry(owner).or_default() += symbol.size;
    }
    let total: u64 = crates.values().sum();
    let mut crates: Vec<_> = crates.into_iter().collect();
    crates.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
    for (name, size) in crates {
        println!(
            "{size:>9}  {:>4.1}%  {name}",
            100.0 * size as f64 / total as f64
        );
    }
    println!(
        "{total:>9}  100%   all symbols; the rest is data without a symbol, relocations and headers"
    );
    Ok(bytes)
}

fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
