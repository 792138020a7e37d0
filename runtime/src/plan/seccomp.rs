//! `linux.seccomp`: words to a profile, and the profile to a filter.

use super::paths::given;
use super::refusal::Result;
use super::words::{Words, words};
use super::{Facts, Job, Refusal, Warn, filtered};
use crate::seccomp::arch::{self, Arch};
use crate::seccomp::rules::{Condition, Entry, Mention, NONE, Named, Op, Profile};
use crate::seccomp::{self, syscalls};
use crate::text::fill;
use core::ffi::CStr;
use init::plan::{Listener, Seccomp};
use init::sys::arena::{Arena, List};
use rustix::io::Errno;
use spec_min::Spec;

/// SECCOMP_RET_* (linux/seccomp.h).
pub const ACTIONS: Words = words! {
    "SCMP_ACT_KILL"         = 0,
    "SCMP_ACT_KILL_PROCESS" = 0x8000_0000,
    "SCMP_ACT_KILL_THREAD"  = 0,
    "SCMP_ACT_TRAP"         = 0x0003_0000,
    "SCMP_ACT_ERRNO"        = ERRNO,
    "SCMP_ACT_TRACE"        = TRACE,
    "SCMP_ACT_ALLOW"        = ALLOW,
    "SCMP_ACT_LOG"          = 0x7ffc_0000,
    "SCMP_ACT_NOTIFY"       = NOTIFY,
};
const ERRNO: u32 = 0x0005_0000;
const TRACE: u32 = 0x7ff0_0000;
const NOTIFY: u32 = 0x7fc0_0000;
/// From here on up to ALLOW the call is made, whether or not somebody hears of it.
const ALLOWS: u32 = TRACE;
const ALLOW: u32 = 0x7fff_0000;

/// The largest errno (linux/err.h, MAX_ERRNO), which the kernel would put in place of a larger one.
const MOST_ERRNO: u32 = 4095;
/// The largest number for a tracer (linux/seccomp.h, SECCOMP_RET_DATA).
const MOST_DATA: u32 = 0xffff;
const EPERM: u32 = 1;

/// Places in [`OPS`].
pub const OPERATORS: Words = words! {
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
};
const OPS: [Op; 7] = [Op::Ne, Op::Lt, Op::Le, Op::Eq, Op::Ge, Op::Gt, Op::Masked];

/// SECCOMP_FILTER_FLAG_* (linux/seccomp.h). There is one thread when the filter is loaded, so nothing to synchronize.
pub const FLAGS: Words = words! {
    "SECCOMP_FILTER_FLAG_TSYNC"              = 0,
    "SECCOMP_FILTER_FLAG_LOG"                = 1 << 1,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW"         = SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" = WAIT_KILLABLE_RECV,
};
const SPEC_ALLOW: u32 = 1 << 2;
const NEW_LISTENER: u32 = 1 << 3;
const WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// System calls have so many arguments.
const ARGUMENTS: usize = 6;

/// A profile and what seccomp(2) needs besides its program.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    /// The rules.
    pub profile: Profile<'a>,
    /// The program for them, with flags and listener.
    pub loaded: Seccomp<'a>,
}

/// The filter that a container of this document has on a machine of some architecture, if any.
pub fn filter<'a>(
    spec: &Spec<'a>,
    machine: &'static Arch,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<Option<Filter<'a>>, Refusal> {
    let job = Job::new(spec, facts, arena, warn);
    lower(&job, machine).map_err(|refused| job.refusal(job.inside(refused, "linux.seccomp")))
}

/// The filter that a process gets here; `late`: after everything else.
pub fn of_process<'a>(job: &Job<'_, 'a>, late: bool) -> Result<Option<Seccomp<'a>>> {
    let loaded = || {
        let Some(native) = arch::called(targets::NAME.as_bytes()) else {
            return Ok(None);
        };
        let Some(Filter { loaded, .. }) = lower(job, native)? else {
            return Ok(None);
        };
        if job.facts.makes {
            filtered::check(job, native, &loaded, late)?;
        }
        Ok(Some(loaded))
    };
    loaded().map_err(|refused| job.inside(refused, "linux.seccomp"))
}

/// The same, refusing from the point after `linux.seccomp` on.
fn lower<'a>(job: &Job<'_, 'a>, machine: &'static Arch) -> Result<Option<Filter<'a>>> {
    let Some(given) = job.spec.linux.seccomp.get() else {
        return Ok(None);
    };
    // runc takes this for none at all.
    if self::given(given.default_action).is_none() && given.syscalls.is_empty() {
        return Ok(None);
    }
    const PATHS: [&str; 2] = [".defaultAction", ".defaultErrnoRet"];
    let default = action(job, PATHS, given.default_action, given.default_errno_ret)?;
    if default == NOTIFY {
        return Err(job.refuse(
            ".defaultAction",
            "SCMP_ACT_NOTIFY would ask about the calls that starting it takes",
        ));
    }
    let profile = profile(job, given, default, machine)?;
    let notifies = profile.entries.iter().any(|entry| entry.action == NOTIFY);
    let listener = listener(job, given, notifies)?;
    let mut flags = if given.flags.is_none() { SPEC_ALLOW } else { 0 };
    if let Some(list) = given.flags {
        for (at, flag) in list.iter().enumerate() {
            let flag = FLAGS.number(job, Some(flag), "");
            flags |= flag.map_err(|refused| job.element(refused, ".flags", at))?;
        }
    }
    match notifies {
        true => flags |= NEW_LISTENER,
        // There is nobody to wait for, and the kernel says EINVAL.
        false => flags &= !WAIT_KILLABLE_RECV,
    }
    let program = match job.facts.makes {
        true => seccomp::compile(&profile, job.arena),
        false => Ok(&[][..]),
    };
    let program = program.map_err(|errno| match errno {
        Errno::TOOBIG => job.refuse(
            "",
            "its filter is longer than the 4096 instructions that the kernel takes",
        ),
        errno => errno.into(),
    })?;
    let loaded = Seccomp {
        program,
        flags,
        listener,
    };
    Ok(Some(Filter { profile, loaded }))
}

/// Who is asked, if anybody.
#[inline(never)]
fn listener<'a>(
    job: &Job<'_, 'a>,
    seccomp: &spec_min::Seccomp<'a>,
    notifies: bool,
) -> Result<Option<Listener<'a>>> {
    let metadata = given(seccomp.listener_metadata);
    match given(seccomp.listener_path) {
        Some(path) => Ok(notifies.then_some(Listener {
            path,
            metadata: metadata.unwrap_or_default(),
        })),
        None if notifies => {
            Err(job.refuse(".listenerPath", "required: a rule has SCMP_ACT_NOTIFY"))
        }
        None if metadata.is_some() => Err(job.refuse(".listenerMetadata", "needs a listenerPath")),
        None => Ok(None),
    }
}

/// What the filter returns for an action; its path and that of its number.
fn action(
    job: &Job<'_, '_>,
    paths: [&str; 2],
    word: Option<&CStr>,
    errno: Option<u32>,
) -> Result<u32> {
    let [path, number] = paths;
    let action = ACTIONS.number(job, word, path)?;
    let most = match action {
        ERRNO => MOST_ERRNO,
        TRACE => MOST_DATA,
        _ => 0,
    };
    match errno {
        None if most == 0 => Ok(action),
        None => Ok(action | EPERM),
        Some(_) if most == 0 => Err(job.refuse(
            number,
            "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have a number",
        )),
        Some(errno) if errno > most => {
            let most = crate::text::decimal(most.into());
            Err(job.refuse_number(number, errno.into(), &fill("at most {}", &[&most])))
        }
        Some(errno) => Ok(action | errno),
    }
}

fn profile<'a>(
    job: &Job<'_, 'a>,
    seccomp: &spec_min::Seccomp<'a>,
    default: u32,
    machine: &'static Arch,
) -> Result<Profile<'a>> {
    let mut archs = job.arena.list(seccomp.architectures.len() + 1)?;
    archs.push(machine)?;
    for (at, name) in seccomp.architectures.iter().enumerate() {
        let Some(arch) = arch::named(name.to_bytes()) else {
            let refused = job.refuse_text("", name, "no such architecture, as in SCMP_ARCH_X86_64");
            return Err(job.element(refused, ".architectures", at));
        };
        if !archs
            .as_slice()
            .iter()
            .any(|other| core::ptr::eq(*other, arch))
        {
            archs.push(arch)?;
        }
    }
    let mut named = job.arena.list(syscalls::COUNT + 1)?;
    for _ in 0..=syscalls::COUNT {
        named.push(Named {
            named: false,
            first: NONE,
            last: NONE,
        })?;
    }
    let mut rules = Rules {
        default,
        entries: job.arena.list(seccomp.syscalls.len())?,
        named: named.finish_mut(),
        // A name takes three bytes at least: quotes and a comma.
        mentions: job.arena.list(seccomp.syscalls.size() / 3)?,
        finder: syscalls::Finder::START,
    };
    for (at, rule) in seccomp.syscalls.iter().enumerate() {
        rules
            .add(job, at, &rule)
            .map_err(|refused| job.element(refused, ".syscalls", at))?;
    }
    Ok(Profile {
        archs: archs.finish(),
        default,
        enosys: !(ALLOWS..=ALLOW).contains(&default),
        entries: rules.entries.finish(),
        named: rules.named,
        mentions: rules.mentions.finish(),
    })
}

/// The rules as they are read.
struct Rules<'a> {
    default: u32,
    entries: List<'a, Entry<'a>>,
    named: &'a mut [Named],
    mentions: List<'a, Mention>,
    finder: syscalls::Finder<'a>,
}

impl<'a> Rules<'a> {
    fn add(&mut self, job: &Job<'_, 'a>, at: usize, rule: &spec_min::Syscall<'a>) -> Result<()> {
        let action = action(job, [".action", ".errnoRet"], rule.action, rule.errno_ret)?;
        let alternatives = alternatives(job, rule.args)?;
        for (place, name) in rule.names.iter().enumerate() {
            let refuse = |text: &str| job.element(job.refuse_text("", name, text), ".names", place);
            match name.to_bytes() {
                b"" => return Err(refuse("no system call has this name")),
                // The child writes to its parent once the filter is loaded.
                b"write" if action == NOTIFY => {
                    return Err(refuse(
                        "SCMP_ACT_NOTIFY would ask about the call that hands the listener over",
                    ));
                }
                name => match self.finder.id(name) {
                    Some(id) => self.mention(id, action != self.default)?,
                    None if job.facts.debug => {
                        let odd =
                            job.element(refuse("unknown system call, left out"), ".syscalls", at);
                        job.warn(job.inside(odd, "linux.seccomp"));
                    }
                    None => {}
                },
            }
        }
        if action != self.default {
            self.entries.push(Entry {
                at,
                action,
                alternatives,
            })?;
        }
        Ok(())
    }

    /// Notes that the entry which comes next names a call, and whether it says anything that the default doesn't.
    fn mention(&mut self, id: u16, counts: bool) -> Result<()> {
        let Some(named) = self.named.get_mut(usize::from(id)) else {
            return Ok(());
        };
        named.named = true;
        if !counts {
            return Ok(());
        }
        let at = self.mentions.as_slice().len() as u32;
        match self.mentions.as_mut_slice().get_mut(named.last as usize) {
            Some(last) => last.next = at,
            None => named.first = at,
        }
        named.last = at;
        Ok(self.mentions.push(Mention {
            entry: self.entries.as_slice().len() as u32,
            next: NONE,
        })?)
    }
}

/// Several conditions on one argument are alternatives, as for runc; then all conditions are, also those on others.
fn alternatives<'a>(
    job: &Job<'_, 'a>,
    args: spec_min::List<'a, spec_min::SyscallArg<'a>>,
) -> Result<&'a [&'a [Condition]]> {
    let mut conditions = job.arena.list(args.len())?;
    let mut seen = [false; ARGUMENTS];
    let mut twice = false;
    for (at, arg) in args.iter().enumerate() {
        let refused = |refused| job.element(refused, ".args", at);
        let Some(seen) = seen.get_mut(arg.index as usize) else {
            let refusal = job.refuse_number(
                ".index",
                arg.index.into(),
                "a system call has arguments 0 to 5",
            );
            return Err(refused(refusal));
        };
        twice |= core::mem::replace(seen, true);
        let op = OPERATORS.number(job, arg.op, ".op").map_err(refused)?;
        let op = OPS[op as usize];
        let (mask, value) = match op {
            Op::Masked => (arg.value, arg.value_two),
            _ => (u64::MAX, arg.value),
        };
        conditions.push(Condition {
            argument: arg.index as u8,
            op,
            mask,
            value,
        })?;
    }
    let conditions = conditions.finish_mut();
    let mut alternatives = job.arena.list(conditions.len().max(1))?;
    if twice {
        for condition in conditions.chunks(1) {
            alternatives.push(condition)?;
        }
    } else {
        // Six at most: nothing is gained by a better way of sorting.
        for end in 1..conditions.len() {
            for at in (1..=end).rev() {
                if conditions[at].argument < conditions[at - 1].argument {
                    conditions.swap(at, at - 1);
                }
            }
        }
        alternatives.push(&*conditions)?;
    }
    Ok(alternatives.finish())
}
