//! What a container's process still has to do once its seccomp filter is loaded, and whether the filter lets it: else the
//! process would be killed on its way, and nobody could say why.

use super::Job;
use super::refusal::Result;
use crate::seccomp::arch::Arch;
use crate::seccomp::reach::{Worst, worst};
use crate::seccomp::syscalls::{self, Numbers};
use crate::text::fill;
use init::plan::{Instruction, Seccomp};

/// From the loading to execve(2), where the filter is loaded while there are capabilities for it (`init/src/lib.rs`).
const EARLY: u8 = 1;
/// The same for what has a way around: an error is told of as any other, or there is another way then.
const TRIED: u8 = 2;
/// More for hooks of the container's; likewise.
const HOOKS: u8 = 4;
/// Where it is loaded last of all.
const LATE: u8 = 8;
/// More where somebody is to be asked.
const LISTENER: u8 = 16;

/// Their names, each with a space behind it.
const NAMES: &str = "accept4 capget capset chdir clone clone3 close close_range dup3 execve faccessat getcwd getpid ioctl newfstatat \
                     pipe2 ppoll prctl read rt_sigaction rt_sigprocmask sendmsg sendto setgroups setresgid setresuid umask waitid \
                     write ";
/// What each is needed for.
#[rustfmt::skip]
static NEEDED: [u8; 29] = [
    TRIED, EARLY, EARLY, TRIED, HOOKS, HOOKS, EARLY, TRIED, EARLY, EARLY | LATE, TRIED, TRIED, HOOKS, HOOKS, EARLY,
    HOOKS, HOOKS, EARLY, EARLY, EARLY, EARLY, LISTENER, EARLY, EARLY, EARLY, EARLY, EARLY, HOOKS,
    HOOKS,
];

/// Found by trying: it gives each name a slot of its own.
const FACTOR: u32 = 0xc381_e88f;

/// Where a name is looked for: by its length and its last bytes, since a profile has hundreds of others.
const fn slot(name: &[u8]) -> usize {
    match name.last_chunk() {
        Some(last) => {
            let mixed = u32::from_le_bytes(*last) ^ name.len() as u32;
            (mixed.wrapping_mul(FACTOR) >> 25) as usize
        }
        None => 0,
    }
}

/// In each slot the place behind a name in [`NAMES`] and its number.
static SLOTS: [(u8, u8); 128] = {
    let mut slots = [(0, 0); 128];
    let (mut rest, mut place, mut number) = (NAMES.as_bytes(), 0, 0);
    while !rest.is_empty() {
        let mut length = 0;
        while rest[length] != b' ' {
            length += 1;
        }
        let (name, behind) = rest.split_at(length);
        place += length;
        slots[slot(name)] = (place as u8, number);
        place += 1;
        number += 1;
        rest = behind.split_at(1).1;
    }
    slots
};

/// The number of a name.
fn needed(name: &[u8]) -> Option<usize> {
    let (end, number) = SLOTS[slot(name)];
    let place = usize::from(end).checked_sub(name.len().max(1))?;
    let found = NAMES.as_bytes().get(place..end.into()) == Some(name)
        && (place == 0 || NAMES.as_bytes()[place - 1] == b' ');
    found.then_some(number.into())
}

/// The worst answer that these needs can live with.
fn most(needs: u8) -> Worst {
    match needs & (EARLY | LATE | LISTENER) {
        0 => Worst::Answered,
        _ => Worst::Made,
    }
}

/// Which of them there are.
pub fn needs(job: &Job<'_, '_>, seccomp: &Seccomp<'_>, late: bool) -> u8 {
    let mut needs = if late { LATE } else { EARLY | TRIED };
    if !late && !job.spec.hooks.start_container.is_empty() {
        needs |= HOOKS;
    }
    if seccomp.listener.is_some() {
        needs |= LISTENER;
    }
    needs
}

/// The worst that a profile's rules say of each, whichever of them decides.
pub struct Seen {
    worst: [Worst; NEEDED.len()],
    /// A bit for each of which a rule without conditions speaks: the default doesn't decide about it.
    always: u32,
    /// What the default says.
    pub default: Worst,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            worst: [Worst::Made; NEEDED.len()],
            always: 0,
            default: Worst::Made,
        }
    }
}

impl Seen {
    /// A rule names a call.
    pub fn note(&mut self, name: &[u8], judged: Worst, always: bool) {
        if let Some(at) = needed(name) {
            self.worst[at] = judged.max(self.worst[at]);
            self.always |= u32::from(always) << at;
        }
    }

    /// Whether the filter lets whatever is needed pass for sure.
    pub fn lets(&self, needs: u8) -> bool {
        let mut all = NEEDED.iter().zip(&self.worst).enumerate();
        all.all(|(at, (of, worst))| {
            let decided = self.always >> at & 1 != 0;
            let worst = if decided {
                *worst
            } else {
                self.default.max(*worst)
            };
            needs & of == 0 || worst <= most(needs & of)
        })
    }
}

/// Refuses a filter that its own process would not get past.
pub fn check(
    job: &Job<'_, '_>,
    native: &Arch,
    program: &[Instruction],
    needs: u8,
    late: bool,
) -> Result<()> {
    let known = Numbers::unpack(job.arena, native.table())?;
    let all = NAMES.split(' ').zip(&NEEDED);
    for (name, of) in all.filter(|(_, of)| needs & **of != 0) {
        let id = syscalls::id(name.as_bytes());
        let at = known
            .of(native.table())
            .iter()
            .position(|other| Some(*other) == id);
        let number = at.map(|at| native.number(at)).unwrap_or_default();
        if worst(program, number, native.audit()) <= most(needs & of) {
            continue;
        }
        let why = match late {
            true => ": the container's program can't be started without",
            false => {
                ": without process.noNewPrivileges it is loaded before the process becomes the container's user"
            }
        };
        return Err(job.refuse("", &*fill("must allow {}{}", &[name, why])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::arch::called;
    use init::sys::arena::Arena;

    /// On all machines that mote is built for.
    #[test]
    fn what_is_needed_is_found() {
        let arena = Arena::new(1 << 20).unwrap();
        let known = Numbers::unpack(&arena, 17).unwrap();
        let names = NAMES.split_terminator(' ');
        assert_eq!(names.clone().count(), NEEDED.len());
        for (number, name) in names.enumerate() {
            assert_eq!(needed(name.as_bytes()), Some(number), "{name}");
            assert_eq!(needed(&name.as_bytes()[1..]), None, "{name}");
            let id = syscalls::id(name.as_bytes()).unwrap();
            for machine in ["x86_64", "aarch64", "ppc64le", "s390x", "riscv64"] {
                let table = known.of(called(machine.as_bytes()).unwrap().table());
                assert!(table.contains(&id), "{name} of {machine}");
            }
        }
        for name in [
            "",
            "a",
            "get",
            "writev",
            "t_sigaction",
            "setgid",
            " write",
            "execve ",
        ] {
            assert_eq!(needed(name.as_bytes()), None, "{name}");
        }
        // Names are looked for by their ends, so others are met.
        for id in 1..=syscalls::COUNT as u16 {
            let name = syscalls::name(id);
            let own = NAMES.split(' ').any(|needed| needed == name);
            assert_eq!(needed(name.as_bytes()).is_some(), own, "{name}");
        }
    }

    /// The rules alone say at most what the program does.
    #[test]
    fn rules_that_suffice() {
        let lets = |default, rules: &[(&str, Worst, bool)], needs| {
            let mut seen = Seen {
                default,
                ..Seen::default()
            };
            for (name, judged, always) in rules {
                seen.note(name.as_bytes(), *judged, *always);
            }
            seen.lets(needs)
        };
        use Worst::{Answered, Deadly, Made};
        assert!(lets(Made, &[], EARLY | TRIED | HOOKS | LATE | LISTENER));
        assert!(!lets(Answered, &[], LATE) && lets(Answered, &[], TRIED));
        assert!(lets(Deadly, &[("execve", Made, true)], LATE));
        assert!(!lets(Deadly, &[("execve", Made, false)], LATE));
        assert!(!lets(Made, &[("execve", Answered, false)], LATE));
        assert!(!lets(
            Made,
            &[("sendmsg", Made, true), ("sendmsg", Deadly, true)],
            LISTENER
        ));
        assert!(lets(Made, &[("sendmsg", Deadly, true)], LATE));
    }
}
