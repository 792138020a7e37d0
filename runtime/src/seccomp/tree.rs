//! From a profile to a program: for each architecture a search tree over the numbers of its calls, whose leaves ask about
//! single numbers where that takes fewer questions.

use super::arch::{ARCHS, Arch, X32_BIT};
use super::emit;
use super::graph::{ARCH, Ask, Graph, Target};
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
    /// How much it is worth that the way to it is short: one for each number, since the kernel asks the filter about every one of
    /// them, but for x32's, when it is loaded (seccomp_cache_prepare, kernel/seccomp.c), and more for usual calls.
    weight: u32,
}

/// No more numbers than this are asked about one by one in a row.
const SINGLE: u32 = 3;
/// What a question costs, where a number's way through one more of them costs 1.
const QUESTION: u32 = 100;

/// How all stretches up to one are asked about at the least cost.
#[derive(Clone, Copy)]
struct Least {
    cost: u32,
    /// The first stretch of the last leaf.
    first: u16,
}

/// What making a program needs.
struct Maker<'p, 'a> {
    profile: &'p Profile<'a>,
    numbers: Numbers<'a>,
    arena: &'a Arena,
    graph: Graph<'a>,
    default: Target,
    /// By the id of a name, what is asked about that call everywhere, or [`VARIES`].
    asks: List<'a, Target>,
    /// Those of the call at hand.
    rules: List<'a, Rule<'a>>,
}

/// What is asked depends on the architecture.
const VARIES: Target = Target::MAX;

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
        asks: arena.list(syscalls::COUNT + 1)?,
        rules: arena.list(rules::MOST)?,
    };
    maker.names()?;
    let root = maker.architectures()?;
    emit::emit(maker.graph.nodes(), root, arena)
}

impl<'a> Maker<'_, 'a> {
    /// What is asked about the calls of each name. Of most the first entry says all there is to say.
    fn names(&mut self) -> Result<(), Errno> {
        let profile = self.profile;
        let mut entries = self.arena.list(profile.entries.len())?;
        for entry in profile.entries {
            entries.push(match entry.alternatives {
                [[]] => self.graph.result(entry.action)?,
                _ => VARIES,
            })?;
        }
        for (id, named) in profile.named.iter().enumerate() {
            let ask = match profile.mentions.get(named.first as usize) {
                _ if rules::is_multiplexer(id as u16) => VARIES,
                None => self.default,
                Some(mention) => entries.as_slice()[mention.entry as usize],
            };
            self.asks.push(ask)?;
        }
        Ok(())
    }

    /// One after the other, the first one asked first.
    fn architectures(&mut self) -> Result<Target, Errno> {
        let kill = self.graph.result(KILL)?;
        let mut next = kill;
        let archs = self.profile.archs;
        let capacity = self.capacity();
        let mut stretches = self.arena.list(capacity)?;
        let mut leaves = self.arena.list(capacity)?;
        let mut least = self.arena.list(capacity)?;
        for (at, arch) in archs.iter().enumerate().rev() {
            let same = |other: &&Arch| other.audit() == arch.audit();
            if archs[..at].iter().any(&same) {
                continue;
            }
            stretches.clear();
            let first = if arch.is_x32() { kill } else { self.default };
            extend(&mut stretches, 0, first)?;
            // x86_64 and x32 have one audit number between them; x32's numbers are the higher ones.
            let mut both = ARCHS
                .iter()
                .filter(|row| archs[at..].iter().any(|arch| core::ptr::eq(*arch, *row)));
            while let Some(arch) = both.by_ref().find(|row| same(row)) {
                let more = if core::ptr::eq(arch, archs[0]) {
                    MORE
                } else {
                    0
                };
                self.stretches(arch, more, &mut stretches)?;
            }
            let x32 = archs.iter().any(|arch| arch.is_x32());
            if same(&&ARCHS[0]) && !x32 {
                extend(&mut stretches, X32_BIT, kill)?;
                extend(&mut stretches, SKIPPED, self.default)?;
            }
            self.leaves(stretches.as_slice(), &mut least, &mut leaves)?;
            let total = leaves.as_slice().iter().map(|leaf| leaf.weight).sum();
            let tree = self.tree(leaves.as_slice(), total)?;
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

    /// What is asked about each number of an architecture; `more` is what usual calls weigh more.
    fn stretches(
        &mut self,
        arch: &Arch,
        more: u32,
        stretches: &mut List<'a, Stretch>,
    ) -> Result<(), Errno> {
        let mut table = self.numbers.of(arch.table());
        let mut rest = self.default;
        extend(stretches, arch.number(0) & X32_BIT, self.default)?;
        let newest = table.iter().rposition(|id| self.counts(arch, *id));
        // libseccomp's and runc's way to say none is 0.
        if let Some(newest) = newest.filter(|at| self.profile.enosys && arch.number(*at) != 0) {
            table = &table[..newest + 1];
            rest = self.graph.result(ENOSYS)?;
        }
        let (mut last, mut weight) = (self.default, 0);
        for (at, id) in table.iter().copied().enumerate() {
            let mut ask = self.asks.as_slice()[usize::from(id)];
            if ask == VARIES {
                ask = self.call(arch, id)?;
            }
            if at == 0 && arch.hides_unknown() && rest != self.default {
                ask = rest;
            }
            if ask != last {
                weigh(stretches, core::mem::take(&mut weight));
                extend(stretches, arch.number(at), ask)?;
                last = ask;
            }
            weight += u32::from(!arch.is_x32());
            if more != 0 && USUAL[usize::from(id / 64)] >> (id % 64) & 1 != 0 {
                weight += more;
            }
        }
        weigh(stretches, weight);
        let end = table
            .len()
            .checked_sub(1)
            .map_or(arch.number(0), |last| arch.number(last) + 1);
        extend(stretches, end, rest)
    }

    /// Whether a call makes the profile know of all that came before it. Those that a multiplexer can be asked for
    /// have no number for libseccomp.
    fn counts(&self, arch: &Arch, id: u16) -> bool {
        id != 0 && self.profile.names(id) && !(arch.multiplexes() && rules::is_multiplexed(id))
    }

    /// What is asked about one call.
    #[inline(never)]
    fn call(&mut self, arch: &Arch, id: u16) -> Result<Target, Errno> {
        let (profile, arena) = (self.profile, self.arena);
        let answer = profile.answer(arch, id, &mut self.rules, arena)?;
        if let Answer::Always(action, _) = answer {
            return self.graph.result(action);
        }
        let mut next = self.default;
        for rule in self.rules.as_slice().iter().rev() {
            let mut yes = self.graph.result(rule.action)?;
            for condition in rule.conditions.iter().rev() {
                yes = self.graph.condition(arch, condition, yes, next)?;
            }
            next = yes;
        }
        Ok(next)
    }

    /// Joins stretches to the leaves of the tree, for as few questions as there can be: a leaf costs one, that of the tree which
    /// tells it from the next, and may have single numbers in it, which cost one each, instead of two boundaries.
    /// Such a leaf begins and ends with what most of it is; anything else could as well be another leaf.
    fn leaves(
        &mut self,
        stretches: &[Stretch],
        least: &mut List<'a, Least>,
        leaves: &mut List<'a, Stretch>,
    ) -> Result<(), Errno> {
        least.clear();
        for (last, most) in stretches.iter().enumerate() {
            let cost = |before: usize| {
                before
                    .checked_sub(1)
                    .map_or(0, |before| least.as_slice()[before].cost)
            };
            let mut best = Least {
                cost: cost(last) + QUESTION,
                first: last as u16,
            };
            let (mut single, mut weight) = (0, most.weight);
            for (at, pair) in stretches[..=last].windows(2).enumerate().rev() {
                let [stretch, next] = pair else { break };
                weight += stretch.weight;
                if stretch.ask != most.ask {
                    single = (next.from - stretch.from).saturating_add(single);
                    if single > SINGLE {
                        break;
                    }
                    continue;
                }
                let cost = cost(at) + QUESTION + single * (QUESTION + weight);
                if cost < best.cost {
                    best = Least {
                        cost,
                        first: at as u16,
                    };
                }
            }
            least.push(best)?;
        }
        leaves.clear();
        let mut end = stretches.len();
        while let Some(Least { first, .. }) = least.as_slice()[..end].last() {
            let joined = &stretches[usize::from(*first)..end];
            let [inner @ .., last] = joined else { break };
            let (mut ask, mut weight) = (last.ask, last.weight);
            let mut after = last.from;
            for stretch in inner.iter().rev() {
                weight += stretch.weight;
                while after > stretch.from && stretch.ask != last.ask {
                    after -= 1;
                    ask = self.graph.number(Ask::Equal, after, stretch.ask, ask)?;
                }
                after = stretch.from;
            }
            leaves.push(Stretch {
                from: after,
                ask,
                weight,
            })?;
            end = usize::from(*first);
        }
        leaves.as_mut_slice().reverse();
        Ok(())
    }

    /// A question that halves their weight, and the same again on both sides.
    fn tree(&mut self, leaves: &[Stretch], weight: u32) -> Result<Target, Errno> {
        if let [one] = leaves {
            return Ok(one.ask);
        }
        // Up to the one in which the half lies, or without that if it lies behind its own half.
        let (mut at, mut before) = (0, 0);
        for leaf in leaves.get(1..).unwrap_or_default() {
            before += leaves[at].weight;
            at += 1;
            if 2 * before + leaf.weight >= weight {
                break;
            }
        }
        let (low, high) = leaves.split_at(at);
        let [first, ..] = high else {
            return Ok(self.default);
        };
        let high = self.tree(high, weight - before)?;
        let low = self.tree(low, before)?;
        self.graph.number(Ask::AtLeast, first.from, high, low)
    }
}

/// Adds the calls from a number on, or joins them to the stretch before.
fn extend(stretches: &mut List<'_, Stretch>, from: u32, ask: Target) -> Result<(), Errno> {
    if let Some(last) = stretches.as_mut_slice().last_mut() {
        if last.from == from {
            last.ask = ask;
        }
        if last.ask == ask {
            return Ok(());
        }
    }
    stretches.push(Stretch {
        from,
        ask,
        // As a number, so that none is without.
        weight: 1,
    })
}

/// Adds to the weight of the last stretch.
fn weigh(stretches: &mut List<'_, Stretch>, weight: u32) {
    if let Some(last) = stretches.as_mut_slice().last_mut() {
        last.weight += weight;
    }
}
