//! riscv64.

/// As `uname -m` prints it.
pub const NAME: &str = "riscv64";

/// Whether clone(2) takes the stack before the flags (clone(2), "C library/kernel differences").
pub const CLONE_TAKES_STACK_FIRST: bool = false;

/// Direction bits of an ioctl without an argument: `_IOC_NONE` shifted (asm-generic/ioctl.h).
pub const IOCTL_NONE: u32 = 0;
