//! seccomp(2) without libseccomp: rules to a graph of questions to a program for the kernel.
//!
//! 1. [`rules`] has a profile in the kernel's terms, and says what decides about one call, and in which order;
//! 2. [`graph`] joins that for all calls of all architectures to one graph of questions, each asked at most once on
//!    any way through it;
//! 3. [`emit`] writes the graph down as classic BPF.
//!
//! [`listing`] is for people; [`reach`] tells the plan what a filter's own process can count on.
//!
//! All of it is pure, for any architecture on any machine, and takes memory from the plan's arena only. Reading the
//! document's words is `runtime/src/plan/seccomp.rs`, loading the program is `init`'s.
//!
//! The meaning of a profile is that of libseccomp as runc drives it; [differences](../../docs/seccomp.md) are listed.

pub mod arch;
pub mod emit;
mod graph;
pub mod listing;
pub mod reach;
pub mod rules;
pub mod syscalls;
mod tables;
mod tree;

#[cfg(test)]
mod tests;

pub use emit::MOST;
pub use tree::compile;
