//! Facts of the five machines: one file each, with the same names in every file. The only `cfg(target_arch)`.
#![no_std]

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod machine;
#[cfg(target_arch = "powerpc64")]
#[path = "ppc64le.rs"]
mod machine;
#[cfg(target_arch = "riscv64")]
#[path = "riscv64.rs"]
mod machine;
#[cfg(target_arch = "s390x")]
#[path = "s390x.rs"]
mod machine;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod machine;

pub use machine::*;
