//! sched_setattr(2), sched_setaffinity(2), set_mempolicy(2) and ioprio_set(2).
#![allow(unsafe_code)]

use super::check;
use crate::plan::{CPUS_MAX, MemoryPolicy, Scheduler};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

// linux/ioprio.h
const IOPRIO_WHO_PGRP: u32 = 2;

/// `struct sched_attr` of sched_setattr(2), version 0.
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}
static_assertions::assert_eq_size!(Attributes, [u8; 48]);

/// Sets the calling thread's scheduling.
pub fn set_scheduler(to: &Scheduler) -> Result<(), Errno> {
    let mut attributes = Attributes {
        size: 48,
        policy: to.policy,
        flags: to.flags,
        nice: to.nice,
        priority: to.priority,
        runtime: to.runtime,
        deadline: to.deadline,
        period: to.period,
    };
    // SAFETY: a struct of the size it states.
    check(unsafe { raw_syscall!(Sysno::sched_setattr, 0, &raw mut attributes, 0) }).map(drop)
}

/// Sets the I/O priority of the calling process's group.
pub fn set_io_priority(priority: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { raw_syscall!(Sysno::ioprio_set, IOPRIO_WHO_PGRP, 0, priority) }).map(drop)
}

/// Binds the calling thread to the CPUs of a mask, bit N for CPU N.
pub fn set_affinity(mask: &[u64]) -> Result<(), Errno> {
    // SAFETY: a mask of the size that is stated, of words of the machine's size, which is 64 bits.
    check(unsafe {
        raw_syscall!(
            Sysno::sched_setaffinity,
            0,
            size_of_val(mask),
            mask.as_ptr()
        )
    })
    .map(drop)
}

/// Binds the calling thread to the CPU it is on.
pub fn stay_on_cpu() -> Result<(), Errno> {
    let mut cpu = 0u32;
    // SAFETY: a word for the CPU's number, and none for the node's and the cache (getcpu(2)).
    check(unsafe { raw_syscall!(Sysno::getcpu, &raw mut cpu, 0, 0) })?;
    let mut mask = [0u64; CPUS_MAX / 64];
    let word = mask.get_mut(cpu as usize / 64).ok_or(Errno::RANGE)?;
    *word = 1 << (cpu % 64);
    set_affinity(&mask)
}

/// Lets the calling thread run on every CPU that its cgroup has, which is all that is left of a mask of ones.
pub fn allow_every_cpu() -> Result<(), Errno> {
    // Not as a constant, which would be 1 KiB of the file.
    let all = [u64::MAX; CPUS_MAX / 64];
    set_affinity(&all)
}

/// Sets where the calling thread's memory comes from. The kernel takes the number of bits plus one.
pub fn set_memory_policy(policy: &MemoryPolicy<'_>) -> Result<(), Errno> {
    let bits = policy.nodes.len() * 64 + 1;
    // SAFETY: a mask of that many bits, of words of the machine's size, which is 64 bits.
    check(unsafe {
        raw_syscall!(
            Sysno::set_mempolicy,
            policy.mode,
            policy.nodes.as_ptr(),
            bits
        )
    })
    .map(drop)
}
