//! `cargo ci demo`: from nothing to a line printed inside a container.

use crate::sh::{self, Result, Scratch};
use crate::{apt, dist, toolchain};
use std::os::unix::fs::symlink;
use std::process::Command;

/// What the container's shell prints.
const SCRIPT: &str = "echo \"hello from inside a container\"
echo \"  my pid:   $$\"
echo \"  hostname: $(hostname)\"
echo \"  mounts:   $(grep -c '' /proc/self/mountinfo)\"";

/// The task. The rootfs is one file, Debian's static busybox; the config is the one inside mote.
pub fn run(_: &[String]) -> Result {
    let arch = toolchain::native()?;
    let mote = dist::binary(arch)?;
    let busybox = apt::unpacked(arch.debian, "busybox-static")?;
    let scratch = Scratch::new("demo")?;
    let (rootfs, state) = (scratch.0.join("rootfs"), scratch.0.join("state"));
    sh::make_dir(&rootfs.join("bin"))?;
    let program = ["usr/bin/busybox", "bin/busybox"]
        .iter()
        .map(|name| busybox.join(name))
        .find(|path| path.exists());
    sh::copy(
        &program.ok_or("busybox-static has no bin/busybox")?,
        &rootfs.join("bin/busybox"),
    )?;
    for name in ["sh", "hostname", "grep"] {
        symlink("busybox", rootfs.join("bin").join(name))
            .map_err(|e| format!("rootfs/bin/{name}: {e}"))?;
    }
    let mut command = Command::new(&mote);
    command
        .arg("--root")
        .arg(&state)
        .args(["run", "--rootfs"])
        .arg(&rootfs)
        .args(["demo", "--", "/bin/sh", "-c", SCRIPT]);
    sh::say(format!(
        "{} run --rootfs {} demo -- /bin/sh -c ...",
        mote.display(),
        rootfs.display()
    ));
    sh::run(&mut command)
}
