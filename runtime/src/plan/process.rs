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

/// Fills the plan's part, for `create` and for `exec`, but for the CPUs, which are `exec`'s.
pub fn lower<'a>(
    job: &Job<'_, 'a>,
    process: &spec_min::Process<'a>,
    to: &mut Process<'a>,
) -> Result<()> {
    let environment = environment::lower(job, process.env)?;
    (to.env, to.find_home, to.path) = (environment.vector, environment.find_home, environment.path);
    let linux = &job.spec.linux;
    let user = process.user;
    job.part(
        &mut (),
        Ids::users(job).check(job, "process.user.uid", user.uid),
    )?;
    job.part(
        &mut (),
        Ids::groups(job).check(job, "process.user.gid", user.gid),
    )?;
    (to.uid, to.gid) = (user.uid, user.gid);
    to.set_groups = namespaces::allows_setgroups(job);
    to.terminal = process.terminal;
    to.size = size(process);
    job.part(&mut to.args, args(job, process.args))?;
    job.part(&mut to.cwd, cwd(job, process.cwd))?;
    let groups = groups(job, user.additional_gids, to.set_groups);
    job.part(&mut to.groups, groups)?;
    job.part(&mut to.umask, umask(job, user.umask))?;
    to.rlimits = rlimits(job, process.rlimits)?;
    to.capabilities = capabilities::lower(job, process.capabilities.get());
    to.no_new_privileges = process.no_new_privileges;
    let score = oom_score_adj(job, process.oom_score_adj);
    job.part(&mut to.oom_score_adj, score)?;
    let scheduler = scheduler::scheduler(job, process.scheduler.get());
    job.part(&mut to.scheduler, scheduler)?;
    let io = scheduler::io_priority(job, process.io_priority.get());
    job.part(&mut to.io_priority, io)?;
    let personality = scheduler::personality(job, linux.personality.get());
    job.part(&mut to.personality, personality)?;
    job.part(&mut to.memory_policy, ranges::memory_policy(job))?;
    if let Some(profile) = given(process.apparmor_profile) {
        to.apparmor = Some(job.arena.text(&[b"exec ", profile.to_bytes()])?);
    }
    let seccomp = seccomp::of_process(job, process.no_new_privileges);
    job.part(&mut to.seccomp, seccomp)?;
    let label = label(job, "process.selinuxLabel", process.selinux_label);
    job.part(&mut to.selinux, label)?;
    if !job.facts.no_new_keyring {
        to.keyring = Some(job.arena.text(&[b"_ses.", job.facts.id.to_bytes()])?);
    }
    to.keep_fds = job.facts.keep_fds;
    Ok(())
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
