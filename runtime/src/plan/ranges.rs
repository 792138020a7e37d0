//! Lists of CPUs or of NUMA nodes such as `0-3,7`, as masks for sched_setaffinity(2) and set_mempolicy(2).

use super::Job;
use super::paths::given;
use super::refusal::Result;
use super::words::{Words, words};
use crate::text::{number, split};
use core::ffi::CStr;
use init::packed::Packed;
use init::plan::{CPUS_MAX, MemoryPolicy};
use spec_min::ExecCpuAffinity;

/// See [`CPUS_MAX`].
const CPUS: Packed = packed!("expected CPUs from 0 to 8191, such as \"0-3,7\"");

/// The most NUMA nodes (CONFIG_NODES_SHIFT, mm/Kconfig).
const NODES_MAX: u64 = 1024;
const NODES: Packed = packed!("expected NUMA nodes from 0 to 1023, such as \"0-3,7\"");

/// linux/mempolicy.h, in the order of their numbers.
pub const MODES: Words = words! {
    "MPOL_DEFAULT",
    "MPOL_PREFERRED",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
};
const MPOL_LOCAL: u32 = 4;

/// linux/mempolicy.h.
pub const FLAGS: Words = words! {
    "MPOL_F_STATIC_NODES" = 1 << 15,
    "MPOL_F_RELATIVE_NODES" = 1 << 14,
    "MPOL_F_NUMA_BALANCING" = 1 << 13,
};

/// `linux.memoryPolicy`. Which flags a mode may have the kernel says.
pub fn memory_policy<'a>(job: &Job<'_, 'a>) -> Result<Option<MemoryPolicy<'a>>> {
    const PATH: &str = "linux.memoryPolicy.nodes";
    let Some(config) = job.spec.linux.memory_policy.get() else {
        return Ok(None);
    };
    let mode = given(config.mode);
    if mode.is_none() && given(config.nodes).is_none() && config.flags.is_empty() {
        return Ok(None);
    }
    let mode = MODES.number(job, mode, "linux.memoryPolicy.mode")?;
    let mut flags = 0;
    for flag in config.flags.iter() {
        flags |= FLAGS.number(job, Some(flag), "linux.memoryPolicy.flags")?;
    }
    let nodes = nodes(job, PATH, config.nodes)?;
    let why = match mode {
        0 | MPOL_LOCAL if !nodes.is_empty() => packed!("MPOL_DEFAULT and MPOL_LOCAL take none"),
        // MPOL_PREFERRED without any is MPOL_LOCAL.
        2 | 3 | 5 | 6 if nodes.is_empty() => packed!("required: the nodes, such as \"0-3,7\""),
        _ => {
            let mode = mode | flags;
            return Ok(Some(MemoryPolicy { mode, nodes }));
        }
    };
    Err(job.refuse(PATH, why))
}

/// `process.execCPUAffinity`: the initial CPUs and the final ones.
pub fn affinity<'a>(
    job: &Job<'_, 'a>,
    affinity: Option<&ExecCpuAffinity<'a>>,
) -> Result<[&'a [u64]; 2]> {
    let (initial, last) = affinity.map_or((None, None), |own| (own.initial, own.last));
    Ok([
        cpus(job, "process.execCPUAffinity.initial", initial)?,
        cpus(job, "process.execCPUAffinity.final", last)?,
    ])
}

/// A list of CPUs at a path.
pub fn cpus<'a>(job: &Job<'_, 'a>, path: &str, list: Option<&CStr>) -> Result<&'a [u64]> {
    mask(job, path, list, CPUS_MAX as u64, CPUS)
}

/// A list of NUMA nodes at a path.
pub fn nodes<'a>(job: &Job<'_, 'a>, path: &str, list: Option<&CStr>) -> Result<&'a [u64]> {
    mask(job, path, list, NODES_MAX, NODES)
}

/// Bit N of the whole is number N, which is less than `most`.
#[inline(never)]
fn mask<'a>(
    job: &Job<'_, 'a>,
    path: &str,
    list: Option<&CStr>,
    most: u64,
    wanted: Packed,
) -> Result<&'a [u64]> {
    let Some(list) = given(list) else {
        return Ok(&[]);
    };
    let mut mask = [0u64; CPUS_MAX / 64];
    let mut end = 0;
    let ranges = split(list.to_bytes(), b',');
    for range in ranges
        .map(<[u8]>::trim_ascii)
        .filter(|range| !range.is_empty())
    {
        let mut sides = range.splitn(2, |byte| *byte == b'-').map(number);
        let first = sides.next().flatten();
        let (Some(first), Some(last)) = (first, sides.next().unwrap_or(first)) else {
            end = 0;
            break;
        };
        if first > last || last >= most {
            end = 0;
            break;
        }
        for number in first..=last {
            mask[number as usize / 64] |= 1 << (number % 64);
        }
        end = end.max(last as usize / 64 + 1);
    }
    if end == 0 {
        return Err(job.refuse_text(path, list, wanted));
    }
    let mut words = job.arena.list(end)?;
    for word in &mask[..end] {
        words.push(*word)?;
    }
    Ok(words.finish())
}
