//! The worst that a program can answer to a call, whatever the call's arguments are.

use super::emit::{AND, IF_AT_LEAST, IF_EQUAL, IF_GREATER, JUMP, LOAD, MOST, RETURN};
use super::graph::{ARCH, NUMBER};
use init::plan::Instruction;

/// How bad an answer is for whoever needs the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worst {
    /// It is made, and perhaps logged.
    Made,
    /// It isn't; there is an error number instead.
    Answered,
    /// A signal, the end, or the word of somebody else.
    Deadly,
}

// SECCOMP_RET_* (linux/seccomp.h)
const ALLOW: u32 = 0x7fff_0000;
const LOG: u32 = 0x7ffc_0000;
const ERRNO: u32 = 0x0005_0000;

/// The worst answer to the call with this number.
pub fn worst(program: &[Instruction], number: u32, audit: u32) -> Worst {
    let mut way = Way {
        program,
        number,
        audit,
        seen: [0; MOST.div_ceil(64)],
    };
    way.from(0, None)
}

struct Way<'p> {
    program: &'p [Instruction],
    number: u32,
    audit: u32,
    /// The instructions that were reached with an unknown value, a bit each.
    seen: [u64; MOST.div_ceil(64)],
}

impl Way<'_> {
    /// The worst from an instruction on; what was loaded last, if it is known. Jumps lead forward only.
    fn from(&mut self, mut at: usize, mut held: Option<u32>) -> Worst {
        let mut found = Worst::Made;
        loop {
            let Some(step) = self.program.get(at).copied() else {
                return Worst::Deadly;
            };
            if held.is_none() {
                let (word, bit) = (at / 64, 1 << (at % 64));
                if self.seen[word] & bit != 0 {
                    return found;
                }
                self.seen[word] |= bit;
            }
            at += 1;
            let holds = match (step.code, held) {
                (LOAD, _) => {
                    held = match step.value / 4 {
                        word if word == u32::from(NUMBER) => Some(self.number),
                        word if word == u32::from(ARCH) => Some(self.audit),
                        _ => None,
                    };
                    continue;
                }
                (AND, _) => {
                    held = held.map(|held| held & step.value);
                    continue;
                }
                (JUMP, _) => {
                    at += step.value as usize;
                    continue;
                }
                (RETURN, _) => return found.max(judge(step.value)),
                (_, None) => {
                    found = found.max(self.from(at + usize::from(step.yes), None));
                    false
                }
                (IF_EQUAL, Some(held)) => held == step.value,
                (IF_GREATER, Some(held)) => held > step.value,
                (IF_AT_LEAST, Some(held)) => held >= step.value,
                (_, Some(held)) => held & step.value != 0,
            };
            at += usize::from(if holds { step.yes } else { step.no });
        }
    }
}

/// How bad it is.
pub fn judge(answer: u32) -> Worst {
    match answer & 0xffff_0000 {
        ALLOW | LOG => Worst::Made,
        ERRNO => Worst::Answered,
        _ => Worst::Deadly,
    }
}
