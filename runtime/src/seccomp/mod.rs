//! seccomp(2) without libseccomp: the names and numbers of the system calls of all architectures that the spec names.

pub mod arch;
pub mod syscalls;
mod tables;

#[cfg(test)]
mod tests;
