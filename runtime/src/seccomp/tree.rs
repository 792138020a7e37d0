//! From a profile to a program: for each architecture a search tree over the numbers of its calls.

use super::arch::{ARCHS, Arch, X32_BIT};
use super::emit;
use super::graph::{ARCH, Ask, Graph, NUMBER, Target};
use super::rules::{self, Answer, ENOSYS, Profile, Rule};
use super::syscalls::{self, Numbers};
use init::plan::Instruction;
use init::sys::arena::{Arena, List};
use rustix::io::Errno;

/// What a call of an architecture gets that is not in the filter: SECCOMP_RET_KILL_THREAD, as libseccomp has it.
const KILL: u32 = 0;
/// A tracer's way to skip a call is to make it this one (seccomp(2)).
const SKIPPED: u32 = u32::MAX;

/// What most programs ask for all the time: a question less for these is worth more than one for others. A bit for each id.
static USUAL: [u64; syscalls::COUNT / 64 + 1] = {
    let ids: [u16; 20] = syscalls::ids(
        "read write close fstat mmap mprotect munmap brk rt_sigaction rt_sigprocmask ioctl writev poll recvfrom sendto \
         futex epoll_wait openat newfstatat clock_nanosleep",
    );
    let (mut set, mut at) = ([0; syscalls::COUNT / 64 + 1], 0);
    while at < ids.len() {
        set[ids[at] as usize / 64] |= 1 << (ids[at] % 64);
        at += 1;
    }
    set
};
/// How much more.
const MORE: u32 = 64;

/// Calls from a number on, up to the next stretch, about which the same is asked.
#[derive(Clone, Copy)]
struct Stretch {
    from: u32,
    ask: Target,
    /// How many of them are likely to be made.
    weight: u32,
}

/// What making a program needs.
struct Maker<'p, 'a> {
    profile: &'p Profile<'a>,
    numbers: Numbers<'a>,
    arena: &'a Arena,
    graph: Graph<'a>,
    default: Target,
    /// Those of the call at hand.
    rules: List<'a, Rule<'a>>,
}

/// The program, or `TOOBIG` when it takes more instructions than the kernel does; other errors are the arena's.
#[inline(never)]
pub fn compile<'a>(profile: &Profile<'a>, arena: &'a Arena) -> Result<&'a [Instruction], Errno> {
    let last = profile.archs.iter().map(|arch| arch.table()).max();
    let mut graph = Graph::new(arena)?;
    let mut maker = Maker {
        profile,
        numbers: Numbers::unpack(arena, last.unwrap_or_default())?,
        arena,
        default: graph.result(profile.default)?,
        graph,
        rules: arena.list(rules::MOST)?,
    };
    let root = maker.architectures()?;
    emit::emit(maker.graph.nodes(), root, arena)
}

impl<'a> Maker<'_, 'a> {
    /// One after the other, the first one asked first.
    fn architectures(&mut self) -> Result<Target, Errno> {
        let kill = self.graph.result(KILL)?;
        let mut next = kill;
        let archs = self.profile.archs;
        for (at, arch) in archs.iter().enumerate().rev() {
            let same = |other: &&Arch| other.audit() == arch.audit();
            if archs[..at].iter().any(&same) {
                continue;
            }
            let mut stretches = self.arena.list(self.capacity())?;
            extend(
                &mut stretches,
                0,
                if arch.is_x32() { kill } else { self.default },
                0,
            )?;
            // x86_64 and x32 have one audit number between them; x32's numbers are the higher ones.
            let mut both = ARCHS
                .iter()
                .filter(|row| archs[at..].iter().any(|arch| core::ptr::eq(*arch, *row)));
            while let Some(arch) = both.by_ref().find(|row| same(row)) {
                self.stretches(arch, &mut stretches)?;
            }
            let x32 = archs.iter().any(|arch| arch.is_x32());
            if same(&&ARCHS[0]) && !x32 {
                extend(&mut stretches, X32_BIT, kill, 0)?;
                extend(&mut stretches, SKIPPED, self.default, 0)?;
            }
            let tree = self.tree(stretches.finish())?;
            next = self.graph.ask(ARCH, Ask::Equal, arch.audit(), tree, next)?;
        }
        Ok(next)
    }

    /// More stretches than there can be.
    fn capacity(&self) -> usize {
        let longest = ARCHS
            .iter()
            .map(|arch| self.numbers.of(arch.table()).len())
            .max();
        2 * longest.unwrap_or_default() + 8
    }

    /// What is asked about each number of an architecture.
    fn stretches(&mut self, arch: &Arch, stretches: &mut List<'a, Stretch>) -> Result<(), Errno> {
        let mut table = self.numbers.of(arch.table());
        let mut rest = self.default;
        extend(stretches, arch.number(0) & X32_BIT, self.default, 0)?;
        let newest = table.iter().rposition(|id| self.counts(arch, *id));
        // libseccomp's and runc's way to say none is 0.
        if let Some(newest) = newest.filter(|at| self.profile.enosys && arch.number(*at) != 0) {
            table = &table[..newest + 1];
            rest = self.graph.result(ENOSYS)?;
        }
        for (at, id) in table.iter().copied().enumerate() {
            let (ask, weight) = match id {
                0 => (self.default, 0),
                _ => self.call(arch, id)?,
            };
            let hidden = at == 0 && arch.hides_unknown() && rest != self.default;
            extend(
                stretches,
                arch.number(at),
                if hidden { rest } else { ask },
                weight,
            )?;
        }
        let end = table
            .len()
            .checked_sub(1)
            .map_or(arch.number(0), |last| arch.number(last) + 1);
        extend(stretches, end, rest, 0)
    }

    /// Whether a call makes the profile know of all that came before it. Those that a multiplexer can be asked for
    /// have no number for libseccomp.
    fn counts(&self, arch: &Arch, id: u16) -> bool {
        id != 0 && self.profile.names(id) && !(arch.multiplexes() && rules::is_multiplexed(id))
    }

    /// What is asked about one call, and how likely it is to be made: hardly, if that is refused or there is a better way to
    /// ask for it.
    fn call(&mut self, arch: &Arch, id: u16) -> Result<(Target, u32), Errno> {
        let (profile, arena) = (self.profile, self.arena);
        let answer = profile.answer(arch, id, &mut self.rules, arena)?;
        if let Answer::Always(action, entry) = answer {
            let usual = USUAL[usize::from(id / 64)] >> (id % 64) & 1 != 0;
            let weight = match entry {
                Some(_) if usual && !arch.is_x32() => MORE,
                entry => u32::from(entry.is_some()),
            };
            return Ok((self.graph.result(action)?, weight));
        }
        let mut next = self.default;
        for rule in self.rules.as_slice().iter().rev() {
            let mut yes = self.graph.result(rule.action)?;
            for condition in rule.conditions.iter().rev() {
                yes = self.graph.condition(arch, condition, yes, next)?;
            }
            next = yes;
        }
        Ok((next, 1))
    }

    /// A question that halves what is likely to be asked, and the same again on both sides.
    fn tree(&mut self, stretches: &[Stretch]) -> Result<Target, Errno> {
        let (low, high) = stretches.split_at(middle(stretches));
        match (low, high) {
            ([], [one]) | ([one], []) => Ok(one.ask),
            ([], _) | (_, []) => Ok(self.default),
            (_, [first, ..]) => {
                let high = self.tree(high)?;
                let low = self.tree(low)?;
                self.graph.ask(NUMBER, Ask::AtLeast, first.from, high, low)
            }
        }
    }
}

/// Adds the calls from a number on, or joins them to the stretch before.
fn extend(
    stretches: &mut List<'_, Stretch>,
    from: u32,
    ask: Target,
    weight: u32,
) -> Result<(), Errno> {
    if let Some(last) = stretches.as_mut_slice().last_mut() {
        if last.from == from {
            last.ask = ask;
        }
        if last.ask == ask {
            last.weight += weight;
            return Ok(());
        }
    }
    stretches.push(Stretch { from, ask, weight })
}

/// Where the first half of the weight ends, somewhere between the stretches.
#[inline(never)]
fn middle(stretches: &[Stretch]) -> usize {
    // Each stretch counts, so that the tree is no deeper than it must be where nothing is likely.
    let weight = |stretch: &Stretch| stretch.weight + 1;
    let total: u32 = stretches.iter().map(weight).sum();
    let mut before = 0;
    for (at, stretch) in stretches.iter().enumerate().skip(1) {
        before += weight(&stretches[at - 1]);
        if 2 * before + weight(stretch) >= total || at + 1 == stretches.len() {
            return at;
        }
    }
    0
}
