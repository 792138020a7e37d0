//! `cargo ci reproduce [arch...]`: builds a second time, in another checkout with a target directory of its own, and compares.

use crate::counts::Counts;
use crate::dist;
use crate::sh::{self, Result};
use crate::toolchain::{self, ARCHES};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The task: the machines that are named, or all.
pub fn run(names: &[String]) -> Result {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() {
        names = ARCHES.iter().map(|arch| arch.name).collect();
    }
    let mut summary = Vec::new();
    let counts = check(&names, &mut summary)?;
    for line in summary {
        println!("{line}");
    }
    println!("{counts}");
    if counts.failed > 0 {
        return Err("two builds differ".into());
    }
    Ok(())
}

/// One check for each machine.
pub fn check(names: &[&str], summary: &mut Vec<String>) -> Result<Counts> {
    let other = sh::Scratch::new("reproduce")?;
    let top = other.0.join("another/place");
    copy_checkout(&top)?;
    // What was downloaded is no part of the build's place.
    sh::make_dir(&top.join("target"))?;
    let downloads = sh::target("debian")?;
    symlink(&downloads, top.join("target/debian")).map_err(|e| e.to_string())?;
    let mut counts = Counts::default();
    for name in names {
        let here = sh::read_bytes(&dist::binary(toolchain::arch(name)?)?)?;
        sh::say(format!("building for {name} again, in {}", top.display()));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["ci", "dist", name]).current_dir(&top);
        sh::run(
            cargo
                .env_remove("CARGO_TARGET_DIR")
                .env_remove("CARGO_MANIFEST_DIR"),
        )?;
        let there = top.join(format!("target/dist/mote-{name}"));
        let equal = here == sh::read_bytes(&there)?;
        if equal {
            sh::say(format!("{name}: both builds are the same, byte by byte"));
        } else {
            let kept = sh::target("dist")?.join(format!("mote-{name}.again"));
            sh::copy(&there, &kept)?;
            summary.push(format!(
                "FAILED two builds for {name} differ: {}",
                kept.display()
            ));
        }
        counts += Counts::one(equal);
    }
    Ok(counts)
}

/// The files that git knows or would take, as they are now.
fn copy_checkout(to: &Path) -> Result {
    let top = sh::top();
    let list = sh::output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&top),
    )?;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        let (from, place) = (top.join(name), to.join(name));
        if !from.exists() {
            continue;
        }
        if let Some(parent) = place.parent() {
            sh::make_dir(parent)?;
        }
        sh::copy(&from, &place)?;
    }
    Ok(())
}
