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
    fetched(arch, package, &[package], |root, archives| {
        download(root, arch, package, archives)
    })
}

/// The same for `packages` and all that they depend on, in one directory called `name`: the files of a small system.
/// No script of a package is run.
pub fn closure(arch: &str, name: &str, packages: &[&str]) -> Result<PathBuf> {
    fetched(arch, name, packages, |root, archives| {
        sh::make_dir(&archives.join("partial"))?;
        let place = format!("Dir::Cache::archives={}", archives.display());
        sh::run(
            private(root, arch)
                .args(["-o", &place, "-y", "--no-install-recommends"])
                .args(["--download-only", "install"])
                .args(packages),
        )
    })
}

/// The version of an unpacked package, from its changelog: `NAME (VERSION) ...`.
pub fn version(arch: &str, package: &str) -> Result<String> {
    let doc = unpacked(arch, package)?.join("usr/share/doc").join(package);
    let log = sh::output(Command::new("zcat").arg(doc.join("changelog.Debian.gz")))?;
    let version = log.split(['(', ')']).nth(1).map(str::to_owned);
    version.ok_or_else(|| format!("{}: no version", doc.display()))
}

/// Unpacks what `download` leaves in the directory that it is given; once for each list of packages.
fn fetched(
    arch: &str,
    name: &str,
    packages: &[&str],
    download: impl Fn(&Path, &Path) -> Result,
) -> Result<PathBuf> {
    let root = sh::target(&format!("debian/{arch}"))?;
    let files = root.join(name);
    let list = packages.join(" ");
    let record = root.join(format!("{name}.packages"));
    if files.is_dir()
        && (packages == [name] || fs::read_to_string(&record).is_ok_and(|l| l == list))
    {
        return Ok(files);
    }
    let root =
        lists(arch).map_err(|e| format!("these packages of {arch} are needed: {list}; {e}"))?;
    sh::say(format!(
        "apt: fetching {list} ({arch}, Debian {SUITE}) into {}",
        files.display()
    ));
    // Names of our own, so that two checkouts that share the directory can't mix their files.
    let (archives, part) = (
        root.join(format!("{name}.archives-{}", std::process::id())),
        root.join(format!("{name}.part-{}", std::process::id())),
    );
    sh::make_dir(&archives)?;
    // The lists of an earlier day may name a version that the mirror has replaced.
    let again = || update(&root, arch).and_then(|()| download(&root, &archives));
    if let Err(error) = download(&root, &archives).or_else(|_| again()) {
        let _ = fs::remove_dir_all(archives);
        return Err(error);
    }
    for archive in sh::list(&archives)? {
        if archive.extension().is_some_and(|e| e == "deb") {
            sh::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&part))?;
        }
    }
    let _ = fs::remove_dir_all(archives);
    let _ = fs::remove_dir_all(&files);
    fs::rename(&part, &files).map_err(|e| format!("{}: {e}", files.display()))?;
    sh::write(&record, list)?;
    Ok(files)
}

/// A private root for `arch` whose lists of packages are there; its directory.
fn lists(arch: &str) -> Result<PathBuf> {
    debian()?;
    let root = sh::target(&format!("debian/{arch}"))?;
    for dir in ["lists/partial", "cache/archives/partial", "no-parts.d"] {
        sh::make_dir(&root.join(dir))?;
    }
    sh::write(&root.join("status"), "")?;
    let source =
        |uri: String, suite: &str| format!("deb [signed-by={KEYRING}] {uri} {suite} main\n");
    let sources = [
        source(mirror(false), SUITE),
        source(mirror(true), &format!("{SUITE}-security")),
    ]
    .concat();
    let file = root.join("sources.list");
    if fs::read_to_string(&file).is_ok_and(|text| text == sources)
        && fs::read_dir(root.join("lists")).is_ok_and(|dir| dir.count() > 2)
    {
        return Ok(root);
    }
    sh::write(&file, sources)?;
    update(&root, arch)?;
    Ok(root)
}

/// A mirror that is just being written to may lack one of the two lists; what is there is enough to begin with.
fn update(root: &Path, arch: &str) -> Result {
    let result = sh::run(private(root, arch).arg("update"));
    let lists = fs::read_dir(root.join("lists")).map_or(0, Iterator::count);
    if lists > 3 { Ok(()) } else { result }
}

/// Fetches the newest kernel of a flavour, `linux-image-VERSION-FLAVOUR`, without what it depends on. A mirror may name one that it has
/// not got yet; the one before will do then.
pub fn kernel(arch: &str, flavour: &str) -> Result<PathBuf> {
    const NAME: &str = "kernel";
    let files = sh::target(&format!("debian/{arch}"))?.join(NAME);
    if files.is_dir() {
        return Ok(files);
    }
    let root = lists(arch)?;
    let mut cache = private(&root, arch);
    let names = sh::output(
        Command::new("apt-cache").args(
            cache
                .args(["pkgnames", "linux-image-"])
                .get_args()
                .filter(|a| *a != "-qq"),
        ),
    )?;
    let mut found: Vec<(Vec<u32>, &str)> = names
        .lines()
        .filter_map(|name| {
            let version = name
                .strip_prefix("linux-image-")?
                .strip_suffix(flavour)?
                .strip_suffix('-')?;
            let numbers = version.split(|c: char| !c.is_ascii_digit());
            let numbers = numbers.filter_map(|n| n.parse().ok()).collect();
            (version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains('-'))
                .then_some((numbers, name))
        })
        .collect();
    found.sort();
    let mut last = format!("no package linux-image-*-{flavour} of {arch}");
    for (_, name) in found.iter().rev() {
        match fetched(arch, NAME, &[name], |root, archives| {
            download(root, arch, name, archives)
        }) {
            Err(error) => last = error,
            done => return done,
        }
    }
    Err(last)
}

fn download(root: &Path, arch: &str, package: &str, archives: &Path) -> Result {
    let mut command = private(root, arch);
    sh::run(command.args(["download", package]).current_dir(archives))
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

/// The mirror that the machine itself uses, so that a local one is honoured; of the security updates, if asked for.
fn mirror(security: bool) -> String {
    for file in [
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/sources.list",
    ] {
        let text = fs::read_to_string(file).unwrap_or_default();
        let uris = text
            .lines()
            .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "));
        for word in uris.flat_map(str::split_whitespace) {
            if word.contains("://") && word.contains("security") == security {
                return word.trim_end_matches('/').to_owned();
            }
        }
    }
    let other = if security { "-security" } else { "" };
    format!("http://deb.debian.org/debian{other}")
}
