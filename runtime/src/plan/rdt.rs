//! `linux.intelRdt`: a class of cache and memory bandwidth, and its monitoring (config-linux.md, "IntelRdt").

use super::Job;
use super::paths::given;
use super::refusal::Result;
use crate::text::split;
use core::ffi::CStr;
use init::plan::Rdt;

/// Names that resctrl itself has in its directories.
const TAKEN: [&CStr; 5] = [c".", c"..", c"info", c"mon_groups", c"mon_data"];

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<Option<Rdt<'a>>> {
    let Some(rdt) = job.spec.linux.intel_rdt.get() else {
        return Ok(None);
    };
    let class = class(job, given(rdt.clos_id))?;
    Ok(Some(Rdt {
        class,
        named: given(rdt.clos_id).is_some(),
        lines: lines(job, rdt)?,
        monitor: rdt.enable_monitoring,
    }))
}

/// A directory right below the mount of resctrl; empty for the mount itself.
fn class<'a>(job: &Job<'_, 'a>, name: Option<&'a CStr>) -> Result<&'a CStr> {
    match name {
        None => Ok(job.facts.id),
        Some(name) if name == c"/" => Ok(c""),
        Some(name) if TAKEN.contains(&name) || name.to_bytes().contains(&b'/') => {
            let why = packed!("a name without slashes is needed, or \"/\" alone");
            Err(job.refuse_text("linux.intelRdt.closID", name, why))
        }
        Some(name) => Ok(name),
    }
}

/// What is written to `schemata`, in the spec's order. A line of memory bandwidth in l3CacheSchema gives way to
/// memBwSchema.
fn lines<'a>(job: &Job<'_, 'a>, rdt: &spec_min::IntelRdt<'a>) -> Result<&'a [&'a [u8]]> {
    let (cache, bandwidth) = (given(rdt.l3_cache_schema), given(rdt.mem_bw_schema));
    let bandwidth = bandwidth.map(CStr::to_bytes);
    if bandwidth.is_some_and(|line| !line.starts_with(b"MB:") || line.contains(&b'\n')) {
        let why = packed!("one line that begins with MB: is needed");
        return Err(job.refuse("linux.intelRdt.memBwSchema", why));
    }
    let cache = cache.map_or(&b""[..], CStr::to_bytes);
    let of_cache = split(cache, b'\n')
        .filter(|line| !(line.is_empty() || bandwidth.is_some() && line.starts_with(b"MB:")));
    let most = of_cache.clone().count() + 1 + rdt.schemata.len();
    let mut lines = job.arena.list(most)?;
    let others = rdt.schemata.iter().map(CStr::to_bytes);
    for line in of_cache.chain(bandwidth).chain(others) {
        lines.push(line)?;
    }
    Ok(lines.finish())
}
