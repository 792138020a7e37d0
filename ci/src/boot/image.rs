//! What a guest is made of: Debian's kernel and programs, our binaries, and the scripts that run them.

use super::cpio::Archive;
use super::machine::Machine;
use crate::sh::{self, Result};
use crate::toolchain::Arch;
use crate::{apt, dist};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that the end-to-end tests use on their host; busybox has the rest.
const PROGRAMS: &[&str] = &[
    "base-files",
    "bash",
    "bsdutils",
    "busybox-static",
    "dash",
    "iproute2",
    "mount",
    "uidmap",
    "util-linux",
];

/// Of those packages, and of what they depend on, nobody here reads this.
const LEFT_OUT: &[&str] = &[
    "boot",
    "usr/lib/modules",
    "usr/lib/systemd",
    "usr/lib/udev",
    "usr/share",
];

/// Modules of the kernel that the tests use and that need no others.
const MODULES: &[&str] = &["drivers/net/veth.ko"];

/// Kernel and initramfs of one machine.
pub struct Image {
    /// The kernel's file.
    pub kernel: PathBuf,
    /// The initramfs's file.
    pub initramfs: PathBuf,
}

/// The files of Debian's packages for a guest.
fn debian(machine: &Machine, arch: &Arch) -> Result<PathBuf> {
    let mut packages = vec![machine.kernel];
    packages.extend_from_slice(PROGRAMS);
    apt::closure(arch.debian, "guest", &packages)
}

/// Builds what is missing and packs it; `settings` is read by the script that runs the tests.
pub fn make(machine: &Machine, arch: &Arch, settings: &str) -> Result<Image> {
    let root = debian(machine, arch)?;
    let mut archive = Archive::default();
    archive.tree(&root, LEFT_OUT)?;
    // Directories that no package has, and the names that init finds open.
    for dir in ["dev", "suite", "suite/modules", "containers"] {
        archive.directory(dir);
    }
    archive.device("dev/console", 5, 1);
    archive.device("dev/null", 1, 3);
    for (name, text) in [
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
        ),
        ("etc/group", "root:x:0:\nuser:x:1000:\n"),
        ("etc/subuid", ""),
        ("etc/subgid", ""),
        ("suite/settings", settings),
    ] {
        archive.file(name, 0o644, text.as_bytes());
    }
    let mote = dist::binary(arch)?;
    for (name, path) in [
        ("usr/bin/mote", mote),
        ("suite/probe", dist::build(arch, "tests", "probe", &[])?),
        ("suite/deny", dist::build(arch, "tests", "deny", &[])?),
        ("suite/e2e", dist::build_test(arch, "tests", "e2e")?),
    ] {
        archive.file(name, 0o755, &sh::read_bytes(&path)?);
    }
    archive.file("init", 0o755, include_bytes!("init.sh"));
    archive.file("suite/run", 0o755, include_bytes!("suite.sh"));
    hello(
        &mut archive,
        &root,
        &sh::read_bytes(&dist::build(arch, "tests", "probe", &[])?)?,
    );
    modules(&mut archive, &root)?;

    let place = sh::target("boot")?;
    let initramfs = place.join(format!("{}.cpio", machine.name));
    sh::write(&initramfs, archive.finish())?;
    Ok(Image {
        kernel: kernel(machine, &root, &place)?,
        initramfs,
    })
}

/// The bundle whose program tells when it began.
fn hello(archive: &mut Archive, _root: &Path, probe: &[u8]) {
    for dir in [
        "containers/hello",
        "containers/hello/rootfs",
        "containers/hello/rootfs/bin",
    ] {
        archive.directory(dir);
    }
    archive.file(
        "containers/hello/config.json",
        0o644,
        include_bytes!("hello.json"),
    );
    archive.file("containers/hello/rootfs/bin/probe", 0o755, probe);
}

fn modules(archive: &mut Archive, root: &Path) -> Result {
    let versions = sh::list(&root.join("usr/lib/modules"))?;
    let version = versions
        .first()
        .ok_or("the kernel's package has no modules")?;
    for module in MODULES {
        let packed = version.join("kernel").join(format!("{module}.xz"));
        let out = Command::new("xz").arg("-dc").arg(&packed).output();
        let out = out.map_err(|e| format!("xz: {e}"))?;
        if !out.status.success() {
            return Err(format!("xz can't unpack {}", packed.display()));
        }
        let name = module.rsplit('/').next().unwrap_or(module);
        archive.file(&format!("suite/modules/{name}"), 0o644, &out.stdout);
    }
    Ok(())
}

/// The kernel as QEMU is to load it. x86's unpacks itself, which takes an emulated machine a second: it is unpacked here.
fn kernel(machine: &Machine, root: &Path, place: &Path) -> Result<PathBuf> {
    let files = sh::list(&root.join("boot"))?;
    let found = files.into_iter().find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(machine.image))
    });
    let packed = found.ok_or_else(|| format!("no {}* in {}", machine.image, root.display()))?;
    if machine.name != "x86_64" {
        return Ok(packed);
    }
    let name = packed
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let plain = place.join(name.replace("vmlinuz", "vmlinux"));
    if !plain.exists() {
        let bytes = sh::read_bytes(&packed)?;
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        let at = bytes.windows(4).position(|window| window == magic);
        let frame = place.join("vmlinux.zst");
        sh::write(
            &frame,
            &bytes[at.ok_or("the kernel is not packed with zstd")?..],
        )?;
        // It complains about what follows the packed kernel, when it has written all.
        let out = Command::new("zstd").arg("-dcq").arg(&frame).output();
        let out = out.map_err(|e| format!("zstd: {e}"))?.stdout;
        if !out.starts_with(b"\x7fELF") {
            return Err(format!("{}: no ELF file is in it", packed.display()));
        }
        let half = place.join(format!("vmlinux.{}", std::process::id()));
        sh::write(&half, out)?;
        fs::rename(&half, &plain).map_err(|e| format!("{}: {e}", plain.display()))?;
        let _ = fs::remove_file(frame);
    }
    Ok(plain)
}
