//! How QEMU runs each machine, and where its kernel is in Debian's package.

use crate::sh::Result;
use crate::toolchain::{self, Arch};

/// One machine under QEMU.
pub struct Machine {
    /// Our name of it, as in [`toolchain::ARCHES`].
    pub name: &'static str,
    /// QEMU's program.
    pub qemu: &'static str,
    /// Its arguments: board and processor.
    pub board: &'static [&'static str],
    /// Debian's name of this machine's kernels.
    pub kernel: &'static str,
    /// How the kernel's file in `/boot` begins; the version follows.
    pub image: &'static str,
    /// The kernel's name of the serial console that the board has.
    pub console: &'static str,
}

/// One row a machine. On ppc64le the small firmware that comes with QEMU boots in a third of SLOF's time; emulation has no
/// answer to the capabilities that are declared broken.
const MACHINES: &[Machine] = &[
    Machine {
        name: "x86_64",
        qemu: "qemu-system-x86_64",
        board: &["-M", "q35", "-cpu", "max"],
        kernel: "amd64",
        image: "vmlinuz-",
        console: "ttyS0",
    },
    Machine {
        name: "aarch64",
        qemu: "qemu-system-aarch64",
        board: &["-M", "virt", "-cpu", "cortex-a72"],
        kernel: "arm64",
        image: "vmlinuz-",
        console: "ttyAMA0",
    },
    Machine {
        name: "ppc64le",
        qemu: "qemu-system-ppc64",
        board: &[
            "-M",
            "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken",
            "-cpu",
            "power9",
            "-vga",
            "none",
        ],
        kernel: "powerpc64le",
        image: "vmlinux-",
        console: "hvc0",
    },
    Machine {
        name: "s390x",
        qemu: "qemu-system-s390x",
        board: &["-M", "s390-ccw-virtio", "-cpu", "max"],
        kernel: "s390x",
        image: "vmlinuz-",
        console: "ttysclp0",
    },
    Machine {
        name: "riscv64",
        qemu: "qemu-system-riscv64",
        board: &["-M", "virt", "-cpu", "rv64"],
        kernel: "riscv64",
        image: "vmlinux-",
        console: "ttyS0",
    },
];

/// Debian's packages with the emulators of all of them.
pub const EMULATORS: &[&str] = &[
    "qemu-system-x86",
    "qemu-system-arm",
    "qemu-system-ppc",
    "qemu-system-s390x",
    "qemu-system-riscv",
];

/// The rows of `name` here and in the table of the toolchain.
pub fn named(name: &str) -> Result<(&'static Machine, &'static Arch)> {
    let arch = toolchain::arch(name)?;
    let machine = MACHINES.iter().find(|machine| machine.name == name);
    Ok((
        machine.ok_or_else(|| format!("{name} has no row in ci/src/boot/machine.rs"))?,
        arch,
    ))
}
