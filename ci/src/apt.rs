//! Debian's packages: installed by name when they are missing, or unpacked in a private root under `target/`.

use crate::sh::{self, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release that the unpacked packages come from: the first with musl 1.2.5.
const SUITE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs those of `packages` that the machine has not; says which they are when it can't.
pub fn need(packages: &[&str]) -> Result {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    debian().map_err(|e| format!("these packages are missing: {list}; {e}"))?;
    if !root() {
        return Err(format!(
            "these packages are missing: {list}; run this as root once, or: apt-get install {list}"
        ));
    }
    sh::say(format!("apt: installing {list}"));
    sh::run(get().args(["-qq", "update"]))?;
    sh::run(
        get()
            .args(["-qq", "-y", "--no-install-recommends", "install"])
            .args(&missing),
    )
    .map_err(|e| format!("these packages can't be installed: {list}; {e}"))
}

fn get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args([
        "-o",
        "DPkg::Lock::Timeout=300",
        "-o",
        "Acquire::Retries=3",
        "-o",
        "Dpkg::Use-Pty=0",
    ]);
    command
}

fn installed(package: &str) -> bool {
    let query = sh::output(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]));
    query.is_ok_and(|status| status == "install ok installed")
}

/// An error unless this machine is a Debian that the tasks know.
fn debian() -> Result {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if release.lines().any(|line| line == "ID=debian") && Path::new("/usr/bin/apt-get").exists() {
        return Ok(());
    }
    Err("this machine is not a Debian, so they have to be put there by hand".into())
}

/// Whether we are uid 0.
pub fn root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| {
        line.strip_prefix("Uid:")
            .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
    })
}

/// Downloads `package` of the Debian architecture `arch` and unpacks it: the directory with its files.
/// The machine's own packages, sources and architectures stay as they are; a second call downloads nothing.
pub fn unpacked(arch: &str, package: &str) -> Result<PathBuf> {
    let root = sh::target(&format!("debian/{arch}"))?;
    let files = root.join(package);
    if files.is_dir() {
        return Ok(files);
    }
    debian().map_err(|e| format!("the package {package} of {arch} is needed; {e}"))?;
    sh::say(format!(
        "apt: fetching {package} ({arch}, Debian {SUITE}) into {}",
        root.display()
    ));
    for dir in ["lists/partial", "cache/archives/partial", "no-parts.d"] {
        sh::make_dir(&root.join(dir))?;
    }
    sh::write(&root.join("status"), "")?;
    sh::write(
        &root.join("sources.list"),
        format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", mirror()),
    )?;
    let have_lists = fs::read_dir(root.join("lists")).is_ok_and(|dir| dir.count() > 2);
    if !have_lists {
        sh::run(private(&root, arch).arg("update"))?;
    }
    if sh::run(private(&root, arch).args(["download", package])).is_err() {
        // The lists of an earlier day may name a version that the mirror has replaced.
        sh::run(private(&root, arch).arg("update"))?;
        sh::run(private(&root, arch).args(["download", package]))?;
    }
    let part = root.join("unpacking");
    let _ = fs::remove_dir_all(&part);
    let archive = find_archive(&root, package)?;
    sh::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&part))?;
    let _ = fs::remove_file(archive);
    fs::rename(&part, &files).map_err(|e| format!("{}: {e}", files.display()))?;
    Ok(files)
}

fn private(root: &Path, arch: &str) -> Command {
    let mut command = get();
    let mut option = |name: &str, value: &str| {
        command.arg("-o").arg(format!("{name}={value}"));
    };
    let path = |name: &str| root.join(name).to_string_lossy().into_owned();
    option("APT::Architecture", arch);
    option("APT::Architectures::", arch);
    option("Dir::Etc::sourcelist", &path("sources.list"));
    option("Dir::Etc::sourceparts", &path("no-parts.d"));
    option("Dir::State::lists", &path("lists"));
    option("Dir::State::status", &path("status"));
    option("Dir::Cache", &path("cache"));
    option("APT::Sandbox::User", "root");
    option("Acquire::Languages", "none");
    command.arg("-qq").current_dir(root);
    command
}

fn find_archive(root: &Path, package: &str) -> Result<PathBuf> {
    let prefix = format!("{package}_");
    let entries = fs::read_dir(root).map_err(|e| format!("{}: {e}", root.display()))?;
    entries
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .ok_or_else(|| {
            format!(
                "apt-get download left no {prefix}*.deb in {}",
                root.display()
            )
        })
}

/// The mirror that the machine itself uses, so that a local one is honoured.
fn mirror() -> String {
    for file in [
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/sources.list",
    ] {
        let text = fs::read_to_string(file).unwrap_or_default();
        let uris = text
            .lines()
            .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "));
        for word in uris.flat_map(str::split_whitespace) {
            if word.contains("://") && !word.contains("security") {
                return word.trim_end_matches('/').to_owned();
            }
        }
    }
    "http://deb.debian.org/debian".to_owned()
}
