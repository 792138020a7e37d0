//! What a guest is made of: Debian's kernel and programs, our binaries, and the scripts that run them.

use super::cpio::Archive;
use super::machine::Machine;
use super::userland::{Init, Userland};
use super::{Job, appliance};
use crate::sh::{self, Result};
use crate::toolchain::Arch;
use crate::{apt, dist};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Kernel and initramfs of one machine.
pub struct Image {
    /// The kernel's file.
    pub kernel: PathBuf,
    /// The initramfs's file.
    pub initramfs: PathBuf,
}

/// Builds what the guest called `name` lacks for a job and packs it.
pub fn make(
    name: &str,
    machine: &Machine,
    arch: &Arch,
    land: &Userland,
    job: &Job,
) -> Result<Image> {
    let kernel = apt::kernel(arch.debian, machine.kernel)?;
    let built = Built::of(arch)?;
    let mut archive = Archive::default();
    // The names that init finds open.
    archive.directory("dev");
    archive.device("dev/console", 5, 1);
    archive.device("dev/null", 1, 3);
    first(&mut archive, &built, land);
    if let Init::Appliance = land.init {
        appliance::add(&mut archive, arch, job.orphans())?;
    } else {
        tests(&mut archive, arch, &built, land, &job.settings(name))?;
        modules(&mut archive, land, &kernel)?;
    }

    let place = sh::target("boot")?;
    let initramfs = place.join(format!("{name}.cpio"));
    sh::write(&initramfs, archive.finish())?;
    Ok(Image {
        kernel: image(machine, &kernel, &place)?,
        initramfs,
    })
}

/// Our programs.
struct Built {
    mote: Vec<u8>,
    probe: Vec<u8>,
    e2e: Vec<u8>,
    deny: Option<Vec<u8>>,
}

impl Built {
    fn of(arch: &Arch) -> Result<Built> {
        let program = |name| dist::build(arch, "tests", name, &[]);
        let deny = arch.seccompiler.then(|| program("deny")).transpose()?;
        Ok(Built {
            mote: sh::read_bytes(&dist::binary(arch)?)?,
            probe: sh::read_bytes(&program("probe")?)?,
            e2e: sh::read_bytes(&dist::build_test(arch, "tests", "e2e")?)?,
            deny: deny.map(|path| sh::read_bytes(&path)).transpose()?,
        })
    }
}

/// The first process, and the bundle of the first container, whose program tells when it began.
fn first(archive: &mut Archive, built: &Built, land: &Userland) {
    match land.init {
        Init::Appliance => archive.file("init", 0o755, &built.mote),
        Init::Mote => {
            archive.file("init", 0o755, &built.mote);
            archive.directories("containers/suite/");
            let config = include_bytes!("suite.json");
            archive.file("containers/suite/config.json", 0o644, config);
        }
        Init::Script(text) => archive.file("init", 0o755, text.as_bytes()),
        Init::Link(target) => archive.link("init", target),
    }
    archive.directories("containers/hello/rootfs/bin/");
    let config = include_bytes!("hello.json");
    archive.file("containers/hello/config.json", 0o644, config);
    archive.file("containers/hello/rootfs/bin/probe", 0o755, &built.probe);
}

/// Debian's programs, the tests, and what runs them.
fn tests(
    archive: &mut Archive,
    arch: &Arch,
    built: &Built,
    land: &Userland,
    settings: &str,
) -> Result {
    let place = |name: &str| format!("{}{name}", land.place);
    archive.directories(land.place);
    let root = apt::closure(arch.debian, land.name, &land.packages.concat())?;
    archive.tree(&root, land.place, land.left_out)?;
    for &(name, mode, text) in land.files.iter().copied().flatten() {
        match name.strip_suffix('/') {
            Some(name) => archive.directory_of_mode(&place(name), mode),
            None => archive.file(&place(name), mode, text.as_bytes()),
        }
    }
    for (name, target) in land.links {
        archive.link(&place(name), target);
    }
    archive.directories(&place("suite/modules/"));
    archive.file(&place("suite/settings"), 0o644, settings.as_bytes());
    archive.file(&place("suite/run"), 0o755, include_bytes!("suite.sh"));
    let programs = [
        ("usr/bin/mote", Some(&built.mote)),
        ("suite/probe", Some(&built.probe)),
        ("suite/e2e", Some(&built.e2e)),
        ("suite/deny", built.deny.as_ref()),
    ];
    for (name, bytes) in programs {
        if let Some(bytes) = bytes {
            archive.file(&place(name), 0o755, bytes);
        }
    }
    Ok(())
}

fn modules(archive: &mut Archive, land: &Userland, root: &Path) -> Result {
    let versions = sh::list(&root.join("usr/lib/modules"))?;
    let version = versions
        .first()
        .ok_or("the kernel's package has no modules")?;
    for module in land.modules {
        let packed = version.join("kernel").join(format!("{module}.xz"));
        let out = Command::new("xz").arg("-dc").arg(&packed).output();
        let out = out.map_err(|e| format!("xz: {e}"))?;
        if !out.status.success() {
            return Err(format!("xz can't unpack {}", packed.display()));
        }
        let name = module.rsplit('/').next().unwrap_or(module);
        let place = format!("{}suite/modules/{name}", land.place);
        archive.file(&place, 0o644, &out.stdout);
    }
    Ok(())
}

/// The kernel as QEMU is to load it. x86's unpacks itself, which takes an emulated machine a second: it is unpacked here.
fn image(machine: &Machine, root: &Path, place: &Path) -> Result<PathBuf> {
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
