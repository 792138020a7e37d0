//! `process.scheduler`, `process.ioPriority` and `linux.personality`.

use super::Job;
use super::refusal::Result;
use super::words::{Words, words};
use init::packed::Packed;
use init::plan::Scheduler;
use linux_raw_sys::general::{
    SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_PARAMS,
    SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_RECLAIM, SCHED_FLAG_RESET_ON_FORK,
    SCHED_FLAG_UTIL_CLAMP_MAX, SCHED_FLAG_UTIL_CLAMP_MIN, SCHED_IDLE, SCHED_NORMAL, SCHED_RR,
};

/// Shortest run time of SCHED_DEADLINE, in nanoseconds (DL_SCALE, kernel/sched/deadline.c).
const DEADLINE_RUNTIME_MIN: u64 = 1024;

/// Reserved for a policy that no kernel has (linux/sched.h).
const SCHED_ISO: u32 = 4;

/// sched(7).
const POLICIES: Words = words! {
    "SCHED_OTHER" = SCHED_NORMAL,
    "SCHED_FIFO" = SCHED_FIFO,
    "SCHED_RR" = SCHED_RR,
    "SCHED_BATCH" = SCHED_BATCH,
    "SCHED_ISO" = SCHED_ISO,
    "SCHED_IDLE" = SCHED_IDLE,
    "SCHED_DEADLINE" = SCHED_DEADLINE,
};

/// sched_setattr(2).
const FLAGS: Words = words! {
    "SCHED_FLAG_RESET_ON_FORK" = SCHED_FLAG_RESET_ON_FORK,
    "SCHED_FLAG_RECLAIM" = SCHED_FLAG_RECLAIM,
    "SCHED_FLAG_DL_OVERRUN" = SCHED_FLAG_DL_OVERRUN,
    "SCHED_FLAG_KEEP_POLICY" = SCHED_FLAG_KEEP_POLICY,
    "SCHED_FLAG_KEEP_PARAMS" = SCHED_FLAG_KEEP_PARAMS,
    "SCHED_FLAG_UTIL_CLAMP_MIN" = SCHED_FLAG_UTIL_CLAMP_MIN,
    "SCHED_FLAG_UTIL_CLAMP_MAX" = SCHED_FLAG_UTIL_CLAMP_MAX,
};

/// ioprio_set(2).
const IO_CLASSES: Words = words! {
    "IOPRIO_CLASS_RT" = 1,
    "IOPRIO_CLASS_BE" = 2,
    "IOPRIO_CLASS_IDLE" = 3,
};

/// Where an I/O priority's class begins (IOPRIO_CLASS_SHIFT, linux/ioprio.h).
const IO_CLASS_SHIFT: u32 = 13;

/// PER_LINUX and PER_LINUX32 (linux/personality.h).
const PERSONALITIES: Words = words! {
    "LINUX" = 0,
    "LINUX32" = 8,
};

/// `process.scheduler`.
pub fn scheduler(
    job: &Job<'_, '_>,
    config: Option<&spec_min::Scheduler<'_>>,
) -> Result<Option<Scheduler>> {
    let Some(config) = config else {
        return Ok(None);
    };
    let policy = POLICIES.number(job, config.policy, "process.scheduler.policy")?;
    if policy == SCHED_ISO {
        let why = packed!("no kernel has this policy");
        return Err(job.refuse_text("process.scheduler.policy", c"SCHED_ISO", why));
    }
    let mut flags = 0;
    for flag in config.flags.iter() {
        flags |= u64::from(FLAGS.number(job, Some(flag), "process.scheduler.flags")?);
    }
    let real_time = matches!(policy, SCHED_FIFO | SCHED_RR);
    // The other policies have none, and the kernel passes it over; configs give it all the same.
    let why = match config.nice {
        -20..=19 => packed!(""),
        _ => packed!("expected -20 to 19"),
    };
    none_or(job, why, "nice", config.nice.into())?;
    let why = match config.priority {
        1..=99 if real_time => packed!(""),
        _ if real_time => packed!("expected 1 to 99"),
        0 => packed!(""),
        _ => packed!("only SCHED_FIFO and SCHED_RR have it"),
    };
    none_or(job, why, "priority", config.priority.into())?;
    times(job, policy, config)?;
    Ok(Some(Scheduler {
        policy,
        flags,
        nice: config.nice,
        priority: config.priority.unsigned_abs(),
        runtime: config.runtime,
        deadline: config.deadline,
        period: config.period,
    }))
}

/// The kernel says no more than EINVAL to times that don't fit into one another (sched_setattr(2), sched(7)).
fn times(job: &Job<'_, '_>, policy: u32, config: &spec_min::Scheduler<'_>) -> Result<()> {
    let own = policy == SCHED_DEADLINE;
    let (runtime, deadline, period) = (config.runtime, config.deadline, config.period);
    let check = |name, value: u64, too_short, short| {
        let why = match value {
            1.. if !own => packed!("only SCHED_DEADLINE has it"),
            _ if value > i64::MAX as u64 => packed!("expected at most 9223372036854775807"),
            _ if own && too_short => short,
            _ => return Ok(()),
        };
        let refused = match i64::try_from(value) {
            Ok(value) => job.refuse_number(name, value, why),
            Err(_) => job.refuse(name, why),
        };
        Err(job.inside(refused, "process.scheduler."))
    };
    check(
        "runtime",
        runtime,
        runtime < DEADLINE_RUNTIME_MIN,
        packed!("expected at least 1024, in nanoseconds"),
    )?;
    let short = deadline < runtime;
    check(
        "deadline",
        deadline,
        short,
        packed!("less than the runtime"),
    )?;
    let short = period != 0 && period < deadline;
    check("period", period, short, packed!("less than the deadline"))
}

/// Refuses a number unless there is no reason.
fn none_or(job: &Job<'_, '_>, why: Packed, name: &str, value: i64) -> Result<()> {
    if why.is_empty() {
        return Ok(());
    }
    let refused = job.refuse_number(name, value, why);
    job.gather(job.inside(refused, "process.scheduler."))
}

/// `process.ioPriority`.
pub fn io_priority(
    job: &Job<'_, '_>,
    config: Option<&spec_min::IoPriority<'_>>,
) -> Result<Option<u32>> {
    let Some(config) = config else {
        return Ok(None);
    };
    let class = IO_CLASSES.number(job, config.class, "process.ioPriority.class")?;
    match config.priority {
        level @ 0..=7 => Ok(Some(class << IO_CLASS_SHIFT | level.unsigned_abs())),
        level => Err(job.refuse_number(
            "process.ioPriority.priority",
            level.into(),
            packed!("expected 0 to 7"),
        )),
    }
}

/// `linux.personality`.
pub fn personality(
    job: &Job<'_, '_>,
    config: Option<&spec_min::Personality<'_>>,
) -> Result<Option<u32>> {
    let Some(config) = config else {
        return Ok(None);
    };
    match config.flags.first() {
        Some(flag) => Err(job.refuse_text(
            "linux.personality.flags",
            flag,
            packed!("the spec has none"),
        )),
        None => PERSONALITIES
            .number(job, config.domain, "linux.personality.domain")
            .map(Some),
    }
}
