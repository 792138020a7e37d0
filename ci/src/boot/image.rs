//! What a guest is made of: Debian's kernel and programs, our binaries, and the scripts that run them.

use super::cpio::Archive;
use super::machine::Machine;
use super::userland::{self, Userland};
use crate::sh::{self, Result};
use crate::toolchain::Arch;
use crate::{apt, dist};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules of the kernel that the tests use and that need no others.
const MODULES: &[&str] = &["drivers/net/veth.ko"];

/// Kernel and initramfs of one machine.
pub struct Image {
    /// The kernel's file.
    pub kernel: PathBuf,
    /// The initramfs's file.
    pub initramfs: PathBuf,
}

/// The files of Debian's packages for a guest: the kernel's and the programs'.
fn debian(machine: &Machine, arch: &Arch) -> Result<PathBuf> {
    let packages = [&[machine.kernel], userland::PACKAGES].concat();
    apt::closure(arch.debian, "guest", &packages)
}

/// Builds what is missing and packs it; `settings` is read by the script that runs the tests.
pub fn make(machine: &Machine, arch: &Arch, land: &Userland, settings: &str) -> Result<Image> {
    let root = debian(machine, arch)?;
    let mut archive = Archive::default();
    archive.tree(&root, land.left_out)?;
    for dir in ["dev", "suite", "suite/modules", "containers"] {
        archive.directory(dir);
    }
    // The names that init finds open.
    archive.device("dev/console", 5, 1);
    archive.device("dev/null", 1, 3);
    for &(name, mode, text) in land.files {
        match name.strip_suffix('/') {
            Some(name) => archive.directory(name),
            None => archive.file(name, mode, text.as_bytes()),
        }
    }
    for (name, target) in land.links {
        archive.link(name, target);
    }
    archive.file("suite/settings", 0o644, settings.as_bytes());
    archive.file("suite/run", 0o755, include_bytes!("suite.sh"));
    // The bundle whose program tells when it began.
    for dir in ["", "/rootfs", "/rootfs/bin"] {
        archive.directory(&format!("containers/hello{dir}"));
    }
    let config = include_bytes!("hello.json");
    archive.file("containers/hello/config.json", 0o644, config);
    let probe = dist::build(arch, "tests", "probe", &[])?;
    for (name, path) in [
        ("usr/bin/mote", dist::binary(arch)?),
        ("containers/hello/rootfs/bin/probe", probe.clone()),
        ("suite/probe", probe),
        ("suite/deny", dist::build(arch, "tests", "deny", &[])?),
        ("suite/e2e", dist::build_test(arch, "tests", "e2e")?),
    ] {
        archive.file(name, 0o755, &sh::read_bytes(&path)?);
    }
    modules(&mut archive, &root)?;

    let place = sh::target("boot")?;
    let initramfs = place.join(format!("{}.cpio", arch.name));
    sh::write(&initramfs, archive.finish())?;
    Ok(Image {
        kernel: kernel(machine, &root, &place)?,
        initramfs,
    })
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
