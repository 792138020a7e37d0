//! `process`, but for what has a file of its own.

use super::paths::{absolute, given, required};
use super::refusal::{OneOf, Quoted, Result, refuse};
use super::{Job, capabilities, environment, namespaces, scheduler};
use core::ffi::CStr;
use init::plan::{Process, Rlimit};
use init::sys::exec::Vector;
use linux_raw_sys::general::{
    RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_LOCKS, RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_RTPRIO,
    RLIMIT_RTTIME, RLIMIT_SIGPENDING, RLIMIT_STACK,
};
use spec_min::{IdMapping, List};

/// getrlimit(2)'s names and this machine's numbers.
const RLIMITS: [(&str, u32); 16] = [
    ("RLIMIT_AS", RLIMIT_AS),
    ("RLIMIT_CORE", RLIMIT_CORE),
    ("RLIMIT_CPU", RLIMIT_CPU),
    ("RLIMIT_DATA", RLIMIT_DATA),
    ("RLIMIT_FSIZE", RLIMIT_FSIZE),
    ("RLIMIT_LOCKS", RLIMIT_LOCKS),
    ("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK),
    ("RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE),
    ("RLIMIT_NICE", RLIMIT_NICE),
    ("RLIMIT_NOFILE", RLIMIT_NOFILE),
    ("RLIMIT_NPROC", RLIMIT_NPROC),
    ("RLIMIT_RSS", RLIMIT_RSS),
    ("RLIMIT_RTPRIO", RLIMIT_RTPRIO),
    ("RLIMIT_RTTIME", RLIMIT_RTTIME),
    ("RLIMIT_SIGPENDING", RLIMIT_SIGPENDING),
    ("RLIMIT_STACK", RLIMIT_STACK),
];

/// The mask of a process whose config has none (runc's choice).
const UMASK: u32 = 0o022;

/// Most supplementary groups that the kernel takes (NGROUPS_MAX, linux/limits.h).
const GROUPS_MAX: usize = 65536;

/// The plan's part, for `create` and for `exec`.
pub fn lower<'a>(job: &mut Job<'_, 'a>, process: &spec_min::Process<'a>) -> Result<Process<'a>> {
    let environment = environment::lower(job, process.env)?;
    let linux = &job.spec.linux;
    let user = process.user;
    mapped(job, "uid", user.uid, linux.uid_mappings)?;
    mapped(job, "gid", user.gid, linux.gid_mappings)?;
    let set_groups = namespaces::allows_setgroups(job);
    Ok(Process {
        terminal: process.terminal,
        size: size(process),
        args: args(job, process.args)?,
        env: environment.vector,
        find_home: environment.find_home,
        path: environment.path,
        cwd: cwd(process.cwd)?,
        uid: user.uid,
        gid: user.gid,
        groups: groups(job, user.additional_gids, set_groups)?,
        set_groups,
        umask: umask(user.umask)?,
        rlimits: rlimits(job, process.rlimits)?,
        capabilities: capabilities::lower(job, process.capabilities.get()),
        no_new_privileges: process.no_new_privileges,
        oom_score_adj: oom_score_adj(process.oom_score_adj)?,
        scheduler: scheduler::scheduler(process.scheduler.get())?,
        io_priority: scheduler::io_priority(process.io_priority.get())?,
        personality: scheduler::personality(linux.personality.get())?,
        apparmor: match given(process.apparmor_profile) {
            Some(profile) => Some(job.arena.text(&[b"exec ", profile.to_bytes()])?),
            None => None,
        },
        selinux: given(process.selinux_label),
        keyring: match job.facts.no_new_keyring {
            true => None,
            false => Some(job.arena.text(&[b"_ses.", job.facts.id.to_bytes()])?),
        },
        keep_fds: job.facts.keep_fds,
    })
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
        args.first(),
        format_args!("process.args"),
        "the program to run, and its arguments",
    )?;
    Ok(Vector::new(job.arena, args.len(), args.iter(), 0)?)
}

fn cwd(cwd: Option<&CStr>) -> Result<&CStr> {
    let path = format_args!("process.cwd");
    absolute(
        required(cwd, path, "the directory to start in, such as \"/\"")?,
        path,
    )
}

/// -1 as an id means "leave it" to the kernel; it must never get that far.
fn mapped(job: &Job<'_, '_>, side: &str, id: u32, maps: List<'_, IdMapping>) -> Result<()> {
    let path = format_args!("process.user.{side}");
    if id == u32::MAX {
        return Err(refuse(path, format_args!("{id}: is no id")));
    }
    if !namespaces::maps(job, maps, id) {
        return Err(refuse(
            path,
            format_args!("{id}: linux.{side}Mappings don't have it"),
        ));
    }
    Ok(())
}

fn groups<'a>(job: &Job<'_, 'a>, groups: List<'a, u32>, allowed: bool) -> Result<&'a [u32]> {
    let path = format_args!("process.user.additionalGids");
    let count = groups.len();
    if count != 0 && !allowed {
        return Err(refuse(
            path,
            format_args!(
                "the user namespace denies setgroups(2): leave them out, or map more groups (newgidmap)"
            ),
        ));
    }
    if count > GROUPS_MAX {
        return Err(refuse(
            path,
            format_args!("{count} groups: the kernel takes {GROUPS_MAX}"),
        ));
    }
    let mut list = job.arena.list(count)?;
    for (at, gid) in groups.iter().enumerate() {
        if gid == u32::MAX || !namespaces::maps(job, job.spec.linux.gid_mappings, gid) {
            let path = format_args!("process.user.additionalGids[{at}]");
            return Err(refuse(
                path,
                format_args!("{gid}: linux.gidMappings don't have it"),
            ));
        }
        list.push(gid)?;
    }
    Ok(list.finish())
}

fn umask(umask: Option<u32>) -> Result<u32> {
    match umask {
        None => Ok(UMASK),
        Some(umask) if umask <= 0o777 => Ok(umask),
        Some(umask) => Err(refuse(
            format_args!("process.user.umask"),
            format_args!("{umask}: expected at most 511 (octal 777)"),
        )),
    }
}

fn oom_score_adj(score: Option<i32>) -> Result<Option<i32>> {
    match score {
        Some(score) if !(-1000..=1000).contains(&score) => Err(refuse(
            format_args!("process.oomScoreAdj"),
            format_args!("{score}: expected -1000 to 1000"),
        )),
        score => Ok(score),
    }
}

fn rlimits<'a>(
    job: &Job<'_, 'a>,
    limits: List<'a, spec_min::Rlimit<'a>>,
) -> Result<&'a [Rlimit<'a>]> {
    let mut list = job.arena.list::<Rlimit<'a>>(limits.len())?;
    for (at, limit) in limits.iter().enumerate() {
        let path = format_args!("process.rlimits[{at}].type");
        let name = required(limit.kind, path, "such as RLIMIT_NOFILE")?;
        let Some(&(_, resource)) = RLIMITS
            .iter()
            .find(|(known, _)| known.as_bytes() == name.to_bytes())
        else {
            let names = OneOf(RLIMITS.iter().map(|(name, _)| *name));
            return Err(refuse(
                path,
                format_args!("{}: expected {names}", Quoted(name)),
            ));
        };
        if list
            .as_slice()
            .iter()
            .any(|other| other.resource == resource)
        {
            return Err(refuse(
                path,
                format_args!("{}: listed a second time", Quoted(name)),
            ));
        }
        if limit.soft > limit.hard {
            let path = format_args!("process.rlimits[{at}].soft");
            return Err(refuse(
                path,
                format_args!("{}: above the hard limit, {}", limit.soft, limit.hard),
            ));
        }
        list.push(Rlimit {
            name,
            resource,
            soft: limit.soft,
            hard: limit.hard,
        })?;
    }
    Ok(list.finish())
}
