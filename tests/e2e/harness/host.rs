//! Finds or builds what the suite needs on this machine: the binary under test, the
//! static probe, busybox, and the base files that every rootfs is linked from.
use super::runner::Suite;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's busybox-static puts it here.
const BUSYBOX: &str = "/bin/busybox";

/// The applets that the tests use in a container.
const APPLETS: &[&str] = &[
    "sh",
    "true",
    "false",
    "cat",
    "echo",
    "sleep",
    "ls",
    "id",
    "mount",
    "umount",
    "touch",
    "mkdir",
    "rm",
    "ps",
    "env",
    "stty",
    "tty",
    "ip",
    "hostname",
    "mknod",
    "chmod",
    "dd",
    "kill",
    "ionice",
    "grep",
    "wc",
    "yes",
    "head",
    "ifconfig",
    "stat",
    "readlink",
    "printf",
    "date",
    "seq",
    "test",
    "sysctl",
    "chroot",
    "usleep",
    "sha256sum",
];

/// Why this machine can't run the suite at all, if so.
pub fn unfit() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root: the suite makes containers, mounts and cgroups");
    }
    if !Path::new(BUSYBOX).exists() {
        return Some("no /bin/busybox: apt-get install busybox-static");
    }
    None
}

/// Makes the suite's directory with `base/` in it.
pub fn prepare() -> Result<Suite, String> {
    let dir = std::env::temp_dir().join(format!("mote-e2e-{}", std::process::id()));
    let base = dir.join("base");
    fs::create_dir_all(&base).map_err(|e| format!("{}: {e}", base.display()))?;
    mode(&dir, 0o755)?;
    mode(&base, 0o755)?;
    let original = binary()?;
    let name = original.file_name().unwrap_or("mote".as_ref());
    let mote = base.join(name);
    copy(&original, &mote)?;
    probe(&base.join("probe"))?;
    copy(Path::new(BUSYBOX), &base.join("busybox"))?;
    Ok(Suite { dir, mote })
}

/// MOTE_BIN, or `target/debug/mote` beside this program, built first.
fn binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("MOTE_BIN") {
        let path = PathBuf::from(path);
        return path
            .canonicalize()
            .map_err(|e| format!("MOTE_BIN={}: {e}", path.display()));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "runtime", "--bin", "mote"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status();
    if !built.is_ok_and(|s| s.success()) {
        return Err("cargo build -p runtime failed; or name the binary in MOTE_BIN".into());
    }
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let found = me
        .ancestors()
        .skip(1)
        .map(|d| d.join("mote"))
        .find(|p| p.is_file());
    found.ok_or_else(|| "cargo built no mote beside this program; name it in MOTE_BIN".into())
}

/// MOTE_PROBE, or `probe/main.rs` compiled statically by rustc.
fn probe(to: &Path) -> Result<(), String> {
    if let Some(path) = std::env::var_os("MOTE_PROBE") {
        return copy(Path::new(&path), to);
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("probe/main.rs");
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let kept = me.with_file_name(format!("static-probe-{}", newest(source.parent())));
    if !kept.exists() {
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let fresh = to.with_extension("new");
        let built = Command::new(rustc)
            .args([
                "--edition",
                "2024",
                "-O",
                "-C",
                "target-feature=+crt-static",
                "-C",
                "strip=symbols",
            ])
            .arg(&source)
            .arg("-o")
            .arg(&fresh)
            .output()
            .map_err(|e| format!("rustc for the probe: {e}"))?;
        if !built.status.success() {
            let why = String::from_utf8_lossy(&built.stderr).into_owned();
            return Err(format!(
                "the static probe doesn't build (libc6-dev?), or set MOTE_PROBE: {why}"
            ));
        }
        copy(&fresh, &kept)?;
    }
    copy(&kept, to)
}

/// The newest change of the probe's sources; part of the built probe's name.
fn newest(dir: Option<&Path>) -> i64 {
    let files = dir
        .and_then(|d| fs::read_dir(d).ok())
        .into_iter()
        .flatten()
        .flatten();
    files
        .filter_map(|f| f.metadata().ok())
        .map(|m| m.mtime())
        .max()
        .unwrap_or(0)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    // Under another name first, so that a second run never sees half a file.
    let half = to.with_extension(format!("half{}", std::process::id()));
    fs::copy(from, &half).map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))?;
    mode(&half, 0o755)?;
    fs::rename(&half, to).map_err(|e| e.to_string())
}

fn mode(path: &Path, mode: u32) -> Result<(), String> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|e| e.to_string())
}

/// A root filesystem at `to`: busybox and the probe as links to the base's, the usual directories.
pub fn rootfs(base: &Path, to: &Path) -> std::io::Result<()> {
    for sub in [
        "bin", "proc", "sys", "dev", "etc", "root", "run", "var", "home",
    ] {
        fs::create_dir_all(to.join(sub))?;
    }
    fs::create_dir_all(to.join("tmp"))?;
    fs::set_permissions(to.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    for program in ["busybox", "probe"] {
        fs::hard_link(base.join(program), to.join("bin").join(program))?;
    }
    for applet in APPLETS {
        symlink("busybox", to.join("bin").join(applet))?;
    }
    fs::write(
        to.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
    )?;
    fs::write(to.join("etc/group"), "root:x:0:\nuser:x:1000:\n")
}
