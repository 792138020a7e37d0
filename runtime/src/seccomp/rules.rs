//! A profile in the kernel's terms, and which of its rules decides about a call.
//!
//! The order is libseccomp's (src/db.c), which runc has taught everybody to expect:
//! - the first rule without conditions decides whatever the others say;
//! - without one, conditions are asked in an order of their own, see [`Rule::before`], and the first rule all of whose
//!   conditions hold decides;
//! - else the default does.

use super::arch::Arch;
use super::syscalls;
use init::sys::arena::{Arena, List};
use rustix::io::Errno;

/// How a filter says no such system call: SECCOMP_RET_ERRNO (linux/seccomp.h) with ENOSYS.
pub const ENOSYS: u32 = 0x0005_0000 | 38;

/// How an argument compares with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It is another one.
    Ne,
    /// It is less.
    Lt,
    /// It is no greater.
    Le,
    /// It is the same.
    Eq,
    /// It is no less.
    Ge,
    /// It is greater.
    Gt,
    /// It is the same under a mask.
    Masked,
}

/// That an argument compares so.
#[derive(Clone, Copy)]
pub struct Condition {
    /// 0 to 5.
    pub argument: u8,
    /// How it compares
    pub op: Op,
    /// in these bits: all, but for [`Op::Masked`],
    pub mask: u64,
    /// with this.
    pub value: u64,
}

/// One of `linux.seccomp.syscalls`.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Its place in the list.
    pub at: usize,
    /// What the filter returns.
    pub action: u32,
    /// Each a list of conditions, by their arguments: it is enough that those of one list hold.
    pub alternatives: &'a [&'a [Condition]],
}

/// `linux.seccomp`.
#[derive(Clone, Copy)]
pub struct Profile<'a> {
    /// The machine's own first, each once.
    pub archs: &'a [&'static Arch],
    /// What the filter returns where no rule decides.
    pub default: u32,
    /// Whether a call that is newer than all that the profile names is answered with [`ENOSYS`] instead.
    pub enosys: bool,
    /// The rules, but for those that say what the default says.
    pub entries: &'a [Entry<'a>],
    /// By the id of a system call's name.
    pub named: &'a [Named],
    /// Which entries name it.
    pub mentions: &'a [Mention],
}

/// What the profile says of a name.
#[derive(Clone, Copy)]
pub struct Named {
    /// It is there at all.
    pub named: bool,
    /// The first and the last in `mentions`, or [`NONE`].
    pub first: u32,
    /// See `first`.
    pub last: u32,
}

/// An entry that names a system call, and the next one that does.
#[derive(Clone, Copy)]
pub struct Mention {
    /// Its place in [`Profile::entries`].
    pub entry: u32,
    /// See [`Named::first`].
    pub next: u32,
}

/// No mention.
pub const NONE: u32 = u32::MAX;

/// One way to an action.
#[derive(Clone, Copy)]
pub struct Rule<'a> {
    /// The entry's place in [`Profile::entries`].
    pub entry: usize,
    /// What the filter returns.
    pub action: u32,
    /// What has to hold, by the arguments.
    pub conditions: &'a [Condition],
}

impl Rule<'_> {
    /// Whether all of its conditions hold.
    pub fn holds(&self, arguments: &[u64; 6], wide: bool) -> bool {
        let mut conditions = self.conditions.iter();
        conditions
            .all(|condition| condition.holds(arguments[usize::from(condition.argument)], wide))
    }

    /// Whether a rule is asked before another one, which the profile has first. libseccomp keeps the conditions of
    /// a call in a tree, which this describes: later arguments first, then kinds of comparison, then larger values,
    /// or smaller ones where less is asked for; and the rule of fewer conditions before one that has more.
    fn before(&self, other: &Rule<'_>) -> bool {
        for (ours, theirs) in self.conditions.iter().zip(other.conditions) {
            if ours.rank() != theirs.rank() {
                return ours.rank() > theirs.rank();
            }
            if (ours.op, ours.mask) != (theirs.op, theirs.mask) {
                break;
            }
        }
        false
    }
}

impl Condition {
    /// Whether it asks anything. An architecture of 32 bits has only the low half of an argument.
    fn asks(&self, wide: bool) -> bool {
        self.mask & if wide { u64::MAX } else { u32::MAX.into() } != 0
    }

    /// The greater one is asked first.
    fn rank(&self) -> (u8, u64) {
        let value = self.value & self.mask;
        let (kind, value) = match self.op {
            Op::Eq | Op::Ne | Op::Masked => (3, value),
            Op::Lt | Op::Le => (2, !value),
            Op::Gt | Op::Ge => (1, value),
        };
        (4 * self.argument + kind, value)
    }

    /// Whether it holds for an argument.
    fn holds(&self, argument: u64, wide: bool) -> bool {
        let part = |value: u64| {
            if wide {
                value
            } else {
                value & u64::from(u32::MAX)
            }
        };
        let (argument, value) = (part(argument & self.mask), part(self.value & self.mask));
        match self.op {
            Op::Ne => argument != value,
            Op::Lt => argument < value,
            Op::Le => argument <= value,
            Op::Eq | Op::Masked => argument == value,
            Op::Ge => argument >= value,
            Op::Gt => argument > value,
        }
    }
}

/// socketcall(2) and ipc(2), each with the calls behind it in the order of the numbers from 1 on that their first
/// argument has for them (linux/net.h, linux/ipc.h).
static MULTIPLEXED: [[u16; 25]; 2] = [
    syscalls::ids(
        "socketcall socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom \
         shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg",
    ),
    syscalls::ids(
        "ipc semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - shmat shmdt shmget shmctl",
    ),
];

/// Whether a multiplexer can be asked for a call.
pub fn is_multiplexed(id: u16) -> bool {
    MULTIPLEXED.iter().any(|row| row[1..].contains(&id))
}

/// Whether a call is a multiplexer.
pub fn is_multiplexer(id: u16) -> bool {
    MULTIPLEXED.iter().any(|row| row[0] == id)
}

/// What is behind a call, if it is a multiplexer: itself, then the others.
fn behind(id: u16) -> &'static [u16] {
    let row = MULTIPLEXED.iter().find(|row| row[0] == id);
    row.map_or(&[], |row| row)
}

/// No call has more rules than this; each takes an instruction at least.
pub const MOST: usize = super::emit::MOST;

/// What decides about a call.
pub enum Answer {
    /// This whatever its arguments are; the place of the entry, if it isn't the default.
    Always(u32, Option<usize>),
    /// The first of the rules that holds, or the default.
    Rules,
}

impl<'a> Profile<'a> {
    /// About the call with that name on an architecture. `rules` is filled with those that it depends on;
    /// `TOOBIG` if there are more than there is room for.
    pub fn answer(
        &self,
        arch: &Arch,
        id: u16,
        rules: &mut List<'_, Rule<'a>>,
        arena: &'a Arena,
    ) -> Result<Answer, Errno> {
        rules.clear();
        let own = [id];
        let behind = match arch.multiplexes() {
            true => behind(id),
            false => &[],
        };
        let calls = if behind.is_empty() { &own } else { behind };
        for (number, call) in calls.iter().enumerate() {
            for (at, entry) in self.about(*call) {
                for conditions in entry.alternatives {
                    let conditions = asked(conditions, number as u64, arch.wide(), arena)?;
                    if conditions.is_empty() {
                        return Ok(Answer::Always(entry.action, Some(at)));
                    }
                    insert(
                        rules,
                        Rule {
                            entry: at,
                            action: entry.action,
                            conditions,
                        },
                    )?;
                }
            }
        }
        Ok(match rules.as_slice() {
            [] => Answer::Always(self.default, None),
            _ => Answer::Rules,
        })
    }

    /// The entries about a name, with their places, in their order.
    pub fn about(&self, id: u16) -> impl Iterator<Item = (usize, &'a Entry<'a>)> {
        let (entries, mentions) = (self.entries, self.mentions);
        let mut next = self
            .named
            .get(usize::from(id))
            .map_or(NONE, |named| named.first);
        core::iter::from_fn(move || {
            let mention = mentions.get(next as usize)?;
            next = mention.next;
            let at = mention.entry as usize;
            Some((at, entries.get(at)?))
        })
    }

    /// Whether the profile has the name, be it only to say what the default says.
    pub fn names(&self, id: u16) -> bool {
        self.named
            .get(usize::from(id))
            .is_some_and(|named| named.named)
    }
}

/// The conditions that ask anything. For a call behind a multiplexer, its number stands in for whatever would be asked
/// about the first argument, as in libseccomp.
#[inline(never)]
fn asked<'a>(
    conditions: &[Condition],
    number: u64,
    wide: bool,
    arena: &'a Arena,
) -> Result<&'a [Condition], Errno> {
    if conditions.is_empty() && number == 0 {
        return Ok(&[]);
    }
    let mut asked = arena.list(conditions.len() + usize::from(number != 0))?;
    if number != 0 {
        asked.push(Condition {
            argument: 0,
            op: Op::Eq,
            mask: u64::MAX,
            value: number,
        })?;
    }
    for condition in conditions {
        if condition.asks(wide) && (number == 0 || condition.argument != 0) {
            asked.push(*condition)?;
        }
    }
    Ok(asked.finish())
}

/// Puts a rule where it is asked.
#[inline(never)]
fn insert<'a>(rules: &mut List<'_, Rule<'a>>, rule: Rule<'a>) -> Result<(), Errno> {
    rules.push(rule).map_err(|_| Errno::TOOBIG)?;
    let rules = rules.as_mut_slice();
    let mut at = rules.len() - 1;
    let place = rules[..at].iter().position(|other| rule.before(other));
    while at > place.unwrap_or(at) {
        rules.swap(at, at - 1);
        at -= 1;
    }
    Ok(())
}
