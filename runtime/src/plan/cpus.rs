//! Lists of CPUs such as `0-3,7`, as masks for sched_setaffinity(2).

use super::Job;
use super::paths::given;
use super::refusal::Result;
use crate::text::number;
use core::ffi::CStr;
use init::plan::Process;
use spec_min::ExecCpuAffinity;

/// The most CPUs that a kernel is built for (CONFIG_NR_CPUS, arch/x86/Kconfig).
const CPUS_MAX: usize = 8192;

/// `process.execCPUAffinity`.
pub fn affinity<'a>(
    job: &Job<'_, 'a>,
    affinity: Option<&ExecCpuAffinity<'a>>,
    process: &mut Process<'a>,
) -> Result<()> {
    if let Some(affinity) = affinity {
        process.initial_cpus = mask(job, "process.execCPUAffinity.initial", affinity.initial)?;
        process.cpus = mask(job, "process.execCPUAffinity.final", affinity.last)?;
    }
    Ok(())
}

/// Bit N of the whole is CPU N.
#[inline(never)]
fn mask<'a>(job: &Job<'_, 'a>, path: &str, list: Option<&CStr>) -> Result<&'a [u64]> {
    let Some(list) = given(list) else {
        return Ok(&[]);
    };
    let mut mask = [0u64; CPUS_MAX / 64];
    let mut end = 0;
    let ranges = list.to_bytes().split(|byte| *byte == b',');
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
        if first > last || last >= CPUS_MAX as u64 {
            end = 0;
            break;
        }
        for cpu in first..=last {
            mask[cpu as usize / 64] |= 1 << (cpu % 64);
        }
        end = end.max(last as usize / 64 + 1);
    }
    if end == 0 {
        let why = "expected CPUs from 0 to 8191, such as \"0-3,7\"";
        return Err(job.refuse_text(path, list, why));
    }
    let mut words = job.arena.list(end)?;
    for word in &mask[..end] {
        words.push(*word)?;
    }
    Ok(words.finish())
}
