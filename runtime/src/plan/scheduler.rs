//! `process.scheduler`, `process.ioPriority` and `linux.personality`.

use super::paths::given;
use super::refusal::{OneOf, Quoted, Result, refuse};
use core::ffi::CStr;
use init::plan::Scheduler;
use linux_raw_sys::general::{
    SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_PARAMS,
    SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_RECLAIM, SCHED_FLAG_RESET_ON_FORK,
    SCHED_FLAG_UTIL_CLAMP_MAX, SCHED_FLAG_UTIL_CLAMP_MIN, SCHED_IDLE, SCHED_NORMAL, SCHED_RR,
};

/// A word of the spec and the kernel's number for it.
type Row = (&'static str, u32);

/// sched(7); 4 is reserved for SCHED_ISO, which no kernel has.
const POLICIES: [Row; 7] = [
    ("SCHED_OTHER", SCHED_NORMAL),
    ("SCHED_FIFO", SCHED_FIFO),
    ("SCHED_RR", SCHED_RR),
    ("SCHED_BATCH", SCHED_BATCH),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", SCHED_IDLE),
    ("SCHED_DEADLINE", SCHED_DEADLINE),
];

/// sched_setattr(2).
const FLAGS: [Row; 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK),
    ("SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM),
    ("SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN),
    ("SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY),
    ("SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX),
];

/// ioprio_set(2).
const IO_CLASSES: [Row; 3] = [
    ("IOPRIO_CLASS_RT", 1),
    ("IOPRIO_CLASS_BE", 2),
    ("IOPRIO_CLASS_IDLE", 3),
];

/// Where an I/O priority's class begins (IOPRIO_CLASS_SHIFT, linux/ioprio.h).
const IO_CLASS_SHIFT: u32 = 13;

/// PER_LINUX and PER_LINUX32 (linux/personality.h).
const PERSONALITIES: [Row; 2] = [("LINUX", 0), ("LINUX32", 8)];

fn find(table: &[Row], word: Option<&CStr>, path: &str) -> Result<u32> {
    let words = OneOf(table.iter().map(|(name, _)| *name));
    let Some(word) = given(word) else {
        return Err(refuse(
            format_args!("{path}"),
            format_args!("required: {words}"),
        ));
    };
    match table
        .iter()
        .find(|(name, _)| name.as_bytes() == word.to_bytes())
    {
        Some((_, number)) => Ok(*number),
        None => Err(refuse(
            format_args!("{path}"),
            format_args!("{}: expected {words}", Quoted(word)),
        )),
    }
}

/// `process.scheduler`.
pub fn scheduler(config: Option<&spec_min::Scheduler<'_>>) -> Result<Option<Scheduler>> {
    let Some(config) = config else {
        return Ok(None);
    };
    let policy = find(&POLICIES, config.policy, "process.scheduler.policy")?;
    let mut flags = 0;
    for flag in config.flags.iter() {
        flags |= u64::from(find(&FLAGS, Some(flag), "process.scheduler.flags")?);
    }
    Ok(Some(Scheduler {
        policy,
        flags,
        nice: nice(policy, config.nice)?,
        priority: priority(policy, config.priority)?,
        runtime: deadline_only(policy, "runtime", config.runtime)?,
        deadline: deadline_only(policy, "deadline", config.deadline)?,
        period: deadline_only(policy, "period", config.period)?,
    }))
}

fn nice(policy: u32, nice: i32) -> Result<i32> {
    let path = format_args!("process.scheduler.nice");
    match policy {
        _ if nice == 0 => Ok(0),
        SCHED_NORMAL | SCHED_BATCH if (-20..=19).contains(&nice) => Ok(nice),
        SCHED_NORMAL | SCHED_BATCH => Err(refuse(path, format_args!("{nice}: expected -20 to 19"))),
        _ => Err(refuse(
            path,
            format_args!("{nice}: only SCHED_OTHER and SCHED_BATCH have it"),
        )),
    }
}

fn priority(policy: u32, priority: i32) -> Result<u32> {
    let path = format_args!("process.scheduler.priority");
    match policy {
        SCHED_FIFO | SCHED_RR if (1..=99).contains(&priority) => Ok(priority as u32),
        SCHED_FIFO | SCHED_RR => Err(refuse(path, format_args!("{priority}: expected 1 to 99"))),
        _ if priority == 0 => Ok(0),
        _ => Err(refuse(
            path,
            format_args!("{priority}: only SCHED_FIFO and SCHED_RR have it"),
        )),
    }
}

fn deadline_only(policy: u32, name: &str, value: u64) -> Result<u64> {
    if policy == SCHED_DEADLINE || value == 0 {
        return Ok(value);
    }
    Err(refuse(
        format_args!("process.scheduler.{name}"),
        format_args!("{value}: only SCHED_DEADLINE has it"),
    ))
}

/// `process.ioPriority`.
pub fn io_priority(config: Option<&spec_min::IoPriority<'_>>) -> Result<Option<u32>> {
    let Some(config) = config else {
        return Ok(None);
    };
    let class = find(&IO_CLASSES, config.class, "process.ioPriority.class")?;
    if !(0..=7).contains(&config.priority) {
        let path = format_args!("process.ioPriority.priority");
        return Err(refuse(
            path,
            format_args!("{}: expected 0 to 7", config.priority),
        ));
    }
    Ok(Some(class << IO_CLASS_SHIFT | config.priority as u32))
}

/// `linux.personality`.
pub fn personality(config: Option<&spec_min::Personality<'_>>) -> Result<Option<u32>> {
    let Some(config) = config else {
        return Ok(None);
    };
    if let Some(flag) = config.flags.first() {
        let path = format_args!("linux.personality.flags");
        return Err(refuse(
            path,
            format_args!("{}: the spec has none", Quoted(flag)),
        ));
    }
    find(&PERSONALITIES, config.domain, "linux.personality.domain").map(Some)
}
