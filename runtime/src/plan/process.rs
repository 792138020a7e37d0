//! `process`, but for what has a file of its own.

use super::paths::{absolute, given, required};
use super::refusal::Result;
use super::words::{Words, words};
use super::{Job, capabilities, each, environment, namespaces, ranges, scheduler, seccomp};
use core::ffi::CStr;
use init::packed::Packed;
use init::plan::{Process, Rlimit};
use init::sys::exec::Vector;
use linux_raw_sys::general::{
    RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_LOCKS, RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_RTPRIO,
    RLIMIT_RTTIME, RLIMIT_SIGPENDING, RLIMIT_STACK,
};
use spec_min::{IdMapping, List};

/// getrlimit(2)'s names and this machine's numbers.
const RLIMITS: Words = words! {
    "RLIMIT_AS" = RLIMIT_AS,
    "RLIMIT_CORE" = RLIMIT_CORE,
    "RLIMIT_CPU" = RLIMIT_CPU,
    "RLIMIT_DATA" = RLIMIT_DATA,
    "RLIMIT_FSIZE" = RLIMIT_FSIZE,
    "RLIMIT_LOCKS" = RLIMIT_LOCKS,
    "RLIMIT_MEMLOCK" = RLIMIT_MEMLOCK,
    "RLIMIT_MSGQUEUE" = RLIMIT_MSGQUEUE,
    "RLIMIT_NICE" = RLIMIT_NICE,
    "RLIMIT_NOFILE" = RLIMIT_NOFILE,
    "RLIMIT_NPROC" = RLIMIT_NPROC,
    "RLIMIT_RSS" = RLIMIT_RSS,
    "RLIMIT_RTPRIO" = RLIMIT_RTPRIO,
    "RLIMIT_RTTIME" = RLIMIT_RTTIME,
    "RLIMIT_SIGPENDING" = RLIMIT_SIGPENDING,
    "RLIMIT_STACK" = RLIMIT_STACK,
};

/// The mask of a process whose config has none (runc's choice).
const UMASK: u32 = 0o022;

/// Most supplementary groups that the kernel takes (NGROUPS_MAX, linux/limits.h).
const GROUPS_MAX: usize = 65536;

/// The plan's part, for `create` and for `exec`.
pub fn lower<'a>(job: &Job<'_, 'a>, process: &spec_min::Process<'a>) -> Result<Process<'a>> {
    let environment = environment::lower(job, process.env)?;
    let linux = &job.spec.linux;
    let user = process.user;
    job.part(Ids::users(job).check(job, "process.user.uid", user.uid))?;
    job.part(Ids::groups(job).check(job, "process.user.gid", user.gid))?;
    let set_groups = namespaces::allows_setgroups(job);
    Ok(Process {
        terminal: process.terminal,
        size: size(process),
        args: job.part(args(job, process.args))?,
        env: environment.vector,
        find_home: environment.find_home,
        path: environment.path,
        cwd: job.part(cwd(job, process.cwd))?,
        uid: user.uid,
        gid: user.gid,
        groups: job.part(groups(job, user.additional_gids, set_groups))?,
        set_groups,
        umask: job.part(umask(job, user.umask))?,
        rlimits: rlimits(job, process.rlimits)?,
        capabilities: capabilities::lower(job, process.capabilities.get()),
        no_new_privileges: process.no_new_privileges,
        oom_score_adj: job.part(oom_score_adj(job, process.oom_score_adj))?,
        scheduler: job.part(scheduler::scheduler(job, process.scheduler.get()))?,
        io_priority: job.part(scheduler::io_priority(job, process.io_priority.get()))?,
        personality: job.part(scheduler::personality(job, linux.personality.get()))?,
        memory_policy: job.part(ranges::memory_policy(job))?,
        initial_cpus: &[],
        cpus: &[],
        apparmor: match given(process.apparmor_profile) {
            Some(profile) => Some(job.arena.text(&[b"exec ", profile.to_bytes()])?),
            None => None,
        },
        seccomp: job.part(seccomp::of_process(job, process.no_new_privileges))?,
        selinux: job.part(label(job, "process.selinuxLabel", process.selinux_label))?,
        keyring: match job.facts.no_new_keyring {
            true => None,
            false => Some(job.arena.text(&[b"_ses.", job.facts.id.to_bytes()])?),
        },
        keep_fds: job.facts.keep_fds,
    })
}

/// An SELinux label.
pub fn label<'a>(
    job: &Job<'_, '_>,
    path: &str,
    label: Option<&'a CStr>,
) -> Result<Option<&'a CStr>> {
    match given(label) {
        Some(label) if !job.facts.selinux => Err(job.refuse_text(
            path,
            label,
            packed!("this kernel has no SELinux; leave it out"),
        )),
        label => Ok(label),
    }
}

/// Both sides are needed, and a terminal to have them.
fn size(process: &spec_min::Process<'_>) -> (u16, u16) {
    let cut = |side: u64| u16::try_from(side).unwrap_or(u16::MAX);
    match process.console_size.get() {
        Some(size) if process.terminal && size.height != 0 && size.width != 0 => {
            (cut(size.height), cut(size.width))
        }
        _ => (0, 0),
    }
}

fn args<'a>(job: &Job<'_, 'a>, args: List<'a, &'a CStr>) -> Result<Vector<'a>> {
    required(
        job,
        args.first(),
        "process.args",
        packed!("the program to run, and its arguments"),
    )?;
    job.vector(args)
}

fn cwd<'a>(job: &Job<'_, 'a>, cwd: Option<&'a CStr>) -> Result<&'a CStr> {
    const PATH: &str = "process.cwd";
    absolute(
        job,
        required(
            job,
            cwd,
            PATH,
            packed!("the directory to start in, such as \"/\""),
        )?,
        PATH,
    )
}

/// The ids of users or those of groups.
struct Ids<'a> {
    maps: List<'a, IdMapping>,
    unmapped: Packed,
}

impl<'a> Ids<'a> {
    fn users(job: &Job<'_, 'a>) -> Ids<'a> {
        Ids {
            maps: job.spec.linux.uid_mappings,
            unmapped: packed!("linux.uidMappings don't have it"),
        }
    }

    fn groups(job: &Job<'_, 'a>) -> Ids<'a> {
        Ids {
            maps: job.spec.linux.gid_mappings,
            unmapped: packed!("linux.gidMappings don't have it"),
        }
    }

    /// -1 as an id means "leave it" to the kernel; it must never get that far.
    #[inline(never)]
    fn check(&self, job: &Job<'_, '_>, path: &str, id: u32) -> Result<()> {
        let why = match id {
            u32::MAX => packed!("is no id"),
            id if !namespaces::maps(self.maps, id) => self.unmapped,
            _ => return Ok(()),
        };
        Err(job.refuse_number(path, id.into(), why))
    }
}

fn groups<'a>(job: &Job<'_, 'a>, groups: List<'a, u32>, allowed: bool) -> Result<&'a [u32]> {
    const PATH: &str = "process.user.additionalGids";
    let count = groups.len();
    if count != 0 && !allowed {
        return Err(job.refuse(
            PATH,
            packed!("the user namespace denies setgroups(2): leave them out, or map more groups (newgidmap)"),
        ));
    }
    if count > GROUPS_MAX {
        return Err(job.refuse(PATH, packed!("the kernel takes 65536 groups")));
    }
    let ids = Ids::groups(job);
    each(job, PATH, groups, |_, &gid| {
        ids.check(job, "", gid).map(|()| gid)
    })
}

fn umask(job: &Job<'_, '_>, umask: Option<u32>) -> Result<u32> {
    match umask.unwrap_or(UMASK) {
        umask @ 0..=0o777 => Ok(umask),
        umask => Err(job.refuse_number(
            "process.user.umask",
            umask.into(),
            packed!("expected at most 511 (octal 777)"),
        )),
    }
}

fn oom_score_adj(job: &Job<'_, '_>, score: Option<i32>) -> Result<Option<i32>> {
    match score {
        None | Some(-1000..=1000) => Ok(score),
        Some(score) => Err(job.refuse_number(
            "process.oomScoreAdj",
            score.into(),
            packed!("expected -1000 to 1000"),
        )),
    }
}

fn rlimits<'a>(
    job: &Job<'_, 'a>,
    limits: List<'a, spec_min::Rlimit<'a>>,
) -> Result<&'a [Rlimit<'a>]> {
    let mut seen = 0u32;
    each(job, "process.rlimits", limits, |_, limit| {
        let resource = RLIMITS.number(job, limit.kind, ".type")?;
        let name = limit.kind.unwrap_or_default();
        if seen & 1 << resource != 0 {
            return Err(job.refuse_text(".type", name, packed!("listed a second time")));
        }
        seen |= 1 << resource;
        if limit.soft > limit.hard {
            return Err(job.refuse(".soft", packed!("above the hard limit")));
        }
        Ok(Rlimit {
            name,
            resource,
            soft: limit.soft,
            hard: limit.hard,
        })
    })
}
