//! `linux.seccomp`: words to a profile, and the profile to a filter.
//!
//! That is done in two turns. The plan looks through the rules for whatever is to be refused; of most profiles it is clear from
//! that alone that their program will be short enough and will let its own process pass. The program is made when
//! the process is there ([`program`]), while that makes its mounts; in doubt it is made for the plan as well.

use super::paths::given;
use super::refusal::Result;
use super::words::{Words, words};
use super::{Facts, Job, Refusal, Warn, filtered};
use crate::seccomp::arch::{self, Arch};
use crate::seccomp::reach::judge;
use crate::seccomp::rules::{Condition, Entry, Mention, NONE, Named, Op, Profile};
use crate::seccomp::{self, syscalls};
use crate::text::fill;
use core::ffi::CStr;
use init::plan::{Instruction, Listener, Plan, Seccomp};
use init::sys::arena::{Arena, List};
use init::sys::filter::{MOST, Room};
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
    /// The program for them.
    pub program: &'a [Instruction],
    /// What seccomp(2) needs besides.
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
    lower(&job, machine, &mut Look::default(), true)
        .map_err(|refused| job.refusal(job.inside(refused, "linux.seccomp")))
}

/// The program of the filter of a plan's process, empty if that has none.
pub fn program<'a>(
    plan: &Plan<'_>,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<&'a [Instruction], Refusal> {
    let (Some(_), Some(native)) = (plan.process.seccomp, native()) else {
        return Ok(&[]);
    };
    let filter = filter(spec, native, facts, arena, warn)?;
    Ok(filter.map_or(&[], |filter| filter.program))
}

fn native() -> Option<&'static Arch> {
    arch::called(targets::NAME.as_bytes())
}

/// The filter that a process gets here; `late`: after everything else.
pub fn of_process<'a>(job: &Job<'_, 'a>, late: bool) -> Result<Option<Seccomp<'a>>> {
    let loaded = || {
        let Some(native) = native() else {
            return Ok(None);
        };
        let mut look = Look::default();
        let Some(Filter { loaded, .. }) = lower(job, native, &mut look, false)? else {
            return Ok(None);
        };
        let needs = filtered::needs(job, &loaded, late);
        // A debug build sees that both ways come to the same.
        let sure = look.most <= seccomp::MOST && look.seen.lets(needs);
        let mut again = Look {
            quiet: true,
            ..Look::default()
        };
        if job.facts.makes
            && (!sure || cfg!(debug_assertions))
            && let Some(filter) = lower(job, native, &mut again, true)?
        {
            let checked = filtered::check(job, native, filter.program, needs, late);
            debug_assert!(!sure || checked.is_ok());
            checked?;
        }
        Ok(Some(loaded))
    };
    loaded().map_err(|refused| job.inside(refused, "linux.seccomp"))
}

/// What shows without a program.
#[derive(Default)]
struct Look {
    /// How many instructions there can be at most.
    most: usize,
    /// What the rules say of some calls.
    seen: filtered::Seen,
    /// Whether somebody else warns of names that are unknown.
    quiet: bool,
}

/// The same, refusing from the point after `linux.seccomp` on. The profile is only looked at unless it is to be `whole`.
#[inline(never)]
fn lower<'a>(
    job: &Job<'_, 'a>,
    machine: &'static Arch,
    look: &mut Look,
    whole: bool,
) -> Result<Option<Filter<'a>>> {
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
    let (profile, notifies) = profile(job, given, default, machine, look, whole)?;
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
    let program = match whole && job.facts.makes {
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
    debug_assert!(program.len() <= look.most);
    let loaded = Seccomp {
        room: Room::new(job.arena.bytes(if whole { 0 } else { MOST })?),
        flags,
        listener,
    };
    Ok(Some(Filter {
        profile,
        program,
        loaded,
    }))
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
            Err(job.refuse_number(number, errno.into(), &*fill("at most {}", &[&most])))
        }
        Some(errno) => Ok(action | errno),
    }
}

fn profile<'a>(
    job: &Job<'_, 'a>,
    seccomp: &spec_min::Seccomp<'a>,
    default: u32,
    machine: &'static Arch,
    look: &mut Look,
    whole: bool,
) -> Result<(Profile<'a>, bool)> {
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
    let count = if whole { syscalls::COUNT + 1 } else { 0 };
    let mut named = job.arena.list(count)?;
    for _ in 0..count {
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
        mentions: job.arena.list(if whole {
            seccomp.syscalls.size() / 3
        } else {
            0
        })?,
        finder: syscalls::Finder::START,
        whole,
        warns: job.facts.debug && !look.quiet,
        seen: &mut look.seen,
        most: Most::new(archs.as_slice()),
        notifies: false,
    };
    rules.seen.default = judge(default);
    for (at, rule) in seccomp.syscalls.iter().enumerate() {
        rules
            .add(job, at, &rule)
            .map_err(|refused| job.element(refused, ".syscalls", at))?;
    }
    look.most = rules.most.sum();
    let profile = Profile {
        archs: archs.finish(),
        default,
        enosys: !(ALLOWS..=ALLOW).contains(&default),
        entries: rules.entries.finish(),
        named: rules.named,
        mentions: rules.mentions.finish(),
    };
    Ok((profile, rules.notifies))
}

/// How many instructions a program can have at most.
///
/// Whatever is asked is one, and one more for each time that it is too far away for a jump. That is so once in 255 instructions for
/// each thing that many jumps lead to, and once in 255 for each level of a tree, of which there are fewer than [`LEVELS`]: two
/// levels halve the weight.
struct Most {
    /// What takes instructions of its own, its copies included,
    questions: usize,
    /// and what is led to from anywhere.
    targets: usize,
    /// For a condition of a rule: in halves where arguments have 64 bits, and twice where a multiplexer asks as well.
    condition: usize,
    /// The same for one rule more that a multiplexer has for whoever is behind it.
    behind: usize,
    /// What a rule leads to, on all architectures.
    rule: usize,
    last: Option<u32>,
}

/// See [`Most`].
const LEVELS: usize = 40;
/// How many calls are behind multiplexers.
const BEHIND: usize = 50;

impl Most {
    fn new(archs: &[&Arch]) -> Most {
        let mut most = Most {
            questions: 0,
            targets: LEVELS + 3,
            condition: 0,
            behind: 0,
            rule: 0,
            last: None,
        };
        for arch in archs {
            // Up to two jumps lead to what a question leads to, of which a condition of 64 bits has three; each may need its word.
            let condition = if arch.wide() { 12 } else { 5 };
            let times = 1 + usize::from(arch.multiplexes());
            most.questions += syscalls::count(arch.table()) + 8;
            most.condition += condition * times;
            most.behind += condition * (times - 1);
            most.rule += times;
        }
        most
    }

    /// One rule more, which names so many calls.
    fn add(&mut self, action: u32, names: usize, conditions: usize) {
        self.targets += usize::from(self.last.replace(action) != Some(action));
        self.questions = self
            .questions
            .saturating_add(names.min(BEHIND) * self.behind);
        if conditions > 0 {
            self.targets += names * self.rule;
            self.questions += names * conditions * self.condition;
        }
    }

    fn sum(&self) -> usize {
        match 255usize.checked_sub(self.targets) {
            None | Some(0) => usize::MAX,
            Some(rest) => (self.questions + self.targets) * 255 / rest,
        }
    }
}

/// The rules as they are read.
struct Rules<'a, 'l> {
    default: u32,
    entries: List<'a, Entry<'a>>,
    named: &'a mut [Named],
    mentions: List<'a, Mention>,
    finder: syscalls::Finder<'a>,
    whole: bool,
    warns: bool,
    seen: &'l mut filtered::Seen,
    most: Most,
    notifies: bool,
}

impl<'a> Rules<'a, '_> {
    fn add(&mut self, job: &Job<'_, 'a>, at: usize, rule: &spec_min::Syscall<'a>) -> Result<()> {
        let action = action(job, [".action", ".errnoRet"], rule.action, rule.errno_ret)?;
        let alternatives = alternatives(job, rule.args)?;
        self.most.add(action, rule.names.len(), rule.args.len());
        self.notifies |= action == NOTIFY;
        let (judged, always) = (judge(action), rule.args.is_empty());
        for (place, name) in rule.names.iter().enumerate() {
            let name = name.bytes();
            let refuse =
                |text: &str| job.element(job.about(job.refuse("", text), name), ".names", place);
            match name {
                b"" => return Err(refuse("no system call has this name")),
                // The child writes to its parent once the filter is loaded.
                b"write" if action == NOTIFY => {
                    return Err(refuse(
                        "SCMP_ACT_NOTIFY would ask about the call that hands the listener over",
                    ));
                }
                name if !self.whole => self.seen.note(name, judged, always),
                name => match self.finder.id(name) {
                    Some(id) => self.mention(id, action != self.default)?,
                    None if self.warns => {
                        let odd =
                            job.element(refuse("unknown system call, left out"), ".syscalls", at);
                        job.warn(job.inside(odd, "linux.seccomp"));
                    }
                    None => {}
                },
            }
        }
        if self.whole && action != self.default {
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
