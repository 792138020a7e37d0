//! Questions about a call, each with where to go for yes and for no: what the program will ask.
//!
//! A node is made after those that it leads to, so its number is higher than theirs, and a walk through the list from
//! the end meets every node after all that lead to it.

use super::arch::Arch;
use super::rules::{Condition, Op};
use init::sys::arena::{Arena, List};
use rustix::io::Errno;

// Words of struct seccomp_data (linux/seccomp.h).
/// The number of the call.
pub const NUMBER: u8 = 0;
/// The audit number of the architecture.
pub const ARCH: u8 = 1;
/// The first half of the first argument.
pub const ARGUMENTS: u8 = 4;

/// More than the kernel takes instructions: some nodes turn out to be asked by nobody.
const MOST: usize = 1 << 14;

/// To find equal nodes by.
const BUCKETS: usize = 512;

/// What a node does with its word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Nothing: it returns `value`.
    Return,
    /// Whether it is `value`,
    Equal,
    /// greater,
    Greater,
    /// at least that,
    AtLeast,
    /// or has any bit of it,
    AnyBit,
    /// or whether those of its bits that `mask` has are `value`.
    Masked,
}

/// A question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Node {
    pub word: u8,
    pub ask: Ask,
    pub value: u32,
    /// See [`Ask::Masked`].
    pub mask: u32,
    pub yes: Target,
    pub no: Target,
}

/// A node by its number.
pub type Target = u16;

/// No node.
const NONE: Target = Target::MAX;

/// The nodes, none twice.
pub struct Graph<'a> {
    nodes: List<'a, Node>,
    /// For each node one made before it that falls into the same bucket.
    before: List<'a, Target>,
    /// The last node of each bucket.
    buckets: [Target; BUCKETS],
    /// The last action, and the node that returns it: what comes next is mostly the same.
    last: Option<(u32, Target)>,
}

impl<'a> Graph<'a> {
    /// One without nodes.
    pub fn new(arena: &'a Arena) -> Result<Graph<'a>, Errno> {
        Ok(Graph {
            nodes: arena.list(MOST)?,
            before: arena.list(MOST)?,
            buckets: [NONE; BUCKETS],
            last: None,
        })
    }

    /// All of them.
    pub fn nodes(&self) -> &[Node] {
        self.nodes.as_slice()
    }

    /// Ends with an action.
    pub fn result(&mut self, action: u32) -> Result<Target, Errno> {
        if let Some((last, target)) = self.last
            && last == action
        {
            return Ok(target);
        }
        let target = self.add(Node {
            word: 0,
            ask: Ask::Return,
            value: action,
            mask: 0,
            yes: 0,
            no: 0,
        })?;
        self.last = Some((action, target));
        Ok(target)
    }

    /// Asks; what the answer settles is not asked again.
    pub fn ask(
        &mut self,
        word: u8,
        ask: Ask,
        value: u32,
        yes: Target,
        no: Target,
    ) -> Result<Target, Errno> {
        self.settle(Node {
            word,
            ask,
            value,
            mask: u32::MAX,
            yes,
            no,
        })
    }

    /// Asks about the number. The caller asks nothing twice.
    pub fn number(
        &mut self,
        ask: Ask,
        value: u32,
        yes: Target,
        no: Target,
    ) -> Result<Target, Errno> {
        self.add(Node {
            word: NUMBER,
            ask,
            value,
            mask: u32::MAX,
            yes,
            no,
        })
    }

    /// Asks a condition of a rule: of 64 bits in halves, the high one first.
    pub fn condition(
        &mut self,
        arch: &Arch,
        condition: &Condition,
        yes: Target,
        no: Target,
    ) -> Result<Target, Errno> {
        let value = condition.value & condition.mask;
        let half = |high: bool| {
            let shift = if high { 32 } else { 0 };
            let word = arch.word(condition.argument, high);
            (
                word,
                (value >> shift) as u32,
                (condition.mask >> shift) as u32,
            )
        };
        let (low, high) = (half(false), half(true));
        // Less is the opposite of at least.
        let (yes, no) = match condition.op {
            Op::Ne | Op::Lt | Op::Le => (no, yes),
            _ => (yes, no),
        };
        let order = match condition.op {
            Op::Gt | Op::Le => Some(Ask::Greater),
            Op::Ge | Op::Lt => Some(Ask::AtLeast),
            Op::Eq | Op::Ne | Op::Masked => None,
        };
        if !arch.wide() {
            return match order {
                Some(order) => self.ask(low.0, order, low.1, yes, no),
                None => self.masked(low, yes, no),
            };
        }
        // The low half is asked about only when the high one is equal, which settles what comes after as well.
        let equal = Node {
            word: high.0,
            ask: if high.2 == u32::MAX {
                Ask::Equal
            } else {
                Ask::Masked
            },
            value: high.1,
            mask: high.2,
            yes,
            no,
        };
        let (then, otherwise) = (
            self.follow(yes, &equal, true),
            self.follow(no, &equal, true),
        );
        let Some(order) = order else {
            let low = self.masked(low, then, otherwise)?;
            return self.masked(high, low, no);
        };
        let low = self.ask(low.0, order, low.1, then, otherwise)?;
        let equal = self.ask(high.0, Ask::Equal, high.1, low, no)?;
        self.ask(high.0, Ask::Greater, high.1, yes, equal)
    }

    /// Whether some bits of a word have a value.
    fn masked(
        &mut self,
        (word, value, mask): (u8, u32, u32),
        yes: Target,
        no: Target,
    ) -> Result<Target, Errno> {
        match (value, mask) {
            (_, 0) => Ok(yes),
            (_, u32::MAX) => self.ask(word, Ask::Equal, value, yes, no),
            (0, _) => self.ask(word, Ask::AnyBit, mask, no, yes),
            _ if value == mask && mask.is_power_of_two() => {
                self.ask(word, Ask::AnyBit, mask, yes, no)
            }
            _ => self.settle(Node {
                word,
                ask: Ask::Masked,
                value,
                mask,
                yes,
                no,
            }),
        }
    }

    fn settle(&mut self, mut node: Node) -> Result<Target, Errno> {
        node.yes = self.follow(node.yes, &node, true);
        node.no = self.follow(node.no, &node, false);
        let always = match (node.ask, node.value) {
            (Ask::AtLeast, 0) => Some(node.yes),
            (Ask::Greater, u32::MAX) => Some(node.no),
            _ => (node.yes == node.no).then_some(node.yes),
        };
        match always {
            Some(target) => Ok(target),
            None => self.add(node),
        }
    }

    /// Where a target leads when a question has that answer.
    fn follow(&self, mut target: Target, asked: &Node, answer: bool) -> Target {
        while let Some(settled) =
            settled(asked, answer, &self.nodes.as_slice()[usize::from(target)])
        {
            target = settled;
        }
        target
    }

    fn add(&mut self, node: Node) -> Result<Target, Errno> {
        let mixed = node.value
            ^ u32::from(node.word) << 4
            ^ u32::from(node.yes) << 2
            ^ u32::from(node.no) << 9;
        // Knuth's multiplier; the high bits are the mixed ones.
        let bucket =
            &mut self.buckets[mixed.wrapping_mul(0x9e37_79b1) as usize >> 16 & (BUCKETS - 1)];
        let mut at = *bucket;
        while let Some(other) = self.nodes.as_slice().get(usize::from(at)) {
            if *other == node {
                return Ok(at);
            }
            at = self.before.as_slice()[usize::from(at)];
        }
        self.before.push(*bucket).map_err(|_| Errno::TOOBIG)?;
        self.nodes.push(node)?;
        *bucket = (self.nodes.as_slice().len() - 1) as Target;
        Ok(*bucket)
    }
}

/// Where a node leads, if the answer to another question settles that.
fn settled(asked: &Node, answer: bool, node: &Node) -> Option<Target> {
    if node.ask == Ask::Return || node.word != asked.word {
        return None;
    }
    let same = (asked.ask, asked.value, asked.mask) == (node.ask, node.value, node.mask);
    let known = if same {
        Some(answer)
    } else {
        implied(asked, answer, node)
    };
    known.map(|yes| if yes { node.yes } else { node.no })
}

/// What a node would be answered, as far as the word is known to lie between two numbers.
fn implied(asked: &Node, answer: bool, node: &Node) -> Option<bool> {
    let value = asked.value;
    let (least, most) = match (asked.ask, answer) {
        (Ask::Equal, true) => (value, value),
        (Ask::Greater, true) => (value.checked_add(1)?, u32::MAX),
        (Ask::Greater, false) => (0, value),
        (Ask::AtLeast, true) => (value, u32::MAX),
        (Ask::AtLeast, false) => (0, value.checked_sub(1)?),
        _ => return None,
    };
    let (yes, no) = match node.ask {
        Ask::Equal => (
            least == node.value && most == node.value,
            node.value < least || node.value > most,
        ),
        Ask::Greater => (least > node.value, most <= node.value),
        Ask::AtLeast => (least >= node.value, most < node.value),
        Ask::AnyBit => (
            least == most && least & node.value != 0,
            least == most && least & node.value == 0,
        ),
        _ => (false, false),
    };
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}
