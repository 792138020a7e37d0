//! A graph written down as classic BPF, as seccomp(2) takes it (kernel Documentation/networking/filter.rst).
//!
//! A jump leads forward, by 255 instructions at most if it depends on a test. So the program is made from its end: what a
//! node leads to is there already, and if it is too far away, a copy of a return or a long jump is put between.

use super::graph::{ARGUMENTS, Ask, Node, Target};
use init::plan::Instruction;
use init::sys::arena::{Arena, List};
use rustix::io::Errno;

/// The kernel takes no more instructions (BPF_MAXINSNS, linux/bpf_common.h).
pub const MOST: usize = 4096;

// Opcodes: class, width or operation, and source of the operand (linux/bpf_common.h).
/// Loads the word of struct seccomp_data at an offset.
pub const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
/// Keeps only some bits.
pub const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
/// Goes on elsewhere.
pub const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
/// Goes on elsewhere, if what was loaded equals,
pub const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
/// is greater than,
pub const IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
/// is at least,
pub const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
/// or has bits of a value.
pub const IF_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
/// Ends with an action.
pub const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// No word is loaded for sure.
const ANY: u8 = u8::MAX;
/// Nothing leads here so far.
const NOTHING: u8 = ARGUMENTS + 12;

/// A node's state on the way.
#[derive(Clone, Copy)]
struct Place {
    /// The word that is loaded on every way here, [`ANY`], or [`NOTHING`] as long as no way is known.
    loaded: u8,
    /// How many instructions there are from it to the program's end, once it is written.
    end: u16,
}

/// The program that begins with the question `root`; `TOOBIG` if it would be too long for the kernel.
pub fn emit<'a>(
    nodes: &[Node],
    root: Target,
    arena: &'a Arena,
) -> Result<&'a [Instruction], Errno> {
    let mut places = arena.list(nodes.len())?;
    for _ in nodes {
        places.push(Place {
            loaded: NOTHING,
            end: 0,
        })?;
    }
    let places = places.finish_mut();
    mark(nodes, root, places);
    let mut writer = Writer {
        program: arena.list(MOST)?,
        nodes,
        places,
    };
    for at in 0..=usize::from(root) {
        if writer.places[at].loaded != NOTHING {
            writer.write(at).map_err(|_| Errno::TOOBIG)?;
        }
    }
    let program = writer.program.finish_mut();
    program.reverse();
    Ok(program)
}

/// Finds out which nodes are reached, and with which word loaded.
fn mark(nodes: &[Node], root: Target, places: &mut [Place]) {
    places[usize::from(root)].loaded = ANY;
    for at in (0..=usize::from(root)).rev() {
        let node = &nodes[at];
        if places[at].loaded == NOTHING || node.ask == Ask::Return {
            continue;
        }
        let leaves = if node.ask == Ask::Masked {
            ANY
        } else {
            node.word
        };
        for next in [node.yes, node.no] {
            let loaded = &mut places[usize::from(next)].loaded;
            *loaded = match *loaded {
                NOTHING => leaves,
                other if other == leaves => leaves,
                _ => ANY,
            };
        }
    }
}

/// The program from its end.
struct Writer<'n, 'a> {
    program: List<'a, Instruction>,
    nodes: &'n [Node],
    places: &'n mut [Place],
}

impl Writer<'_, '_> {
    fn write(&mut self, at: usize) -> Result<(), Errno> {
        let node = self.nodes[at];
        let code = match node.ask {
            Ask::Return => {
                self.push(RETURN, 0, 0, node.value)?;
                self.places[at].end = self.length();
                return Ok(());
            }
            Ask::Equal | Ask::Masked => IF_EQUAL,
            Ask::Greater => IF_GREATER,
            Ask::AtLeast => IF_AT_LEAST,
            Ask::AnyBit => IF_ANY_BIT,
        };
        // One of them may move away from the other.
        let mut before = self.length();
        loop {
            self.near(node.yes)?;
            self.near(node.no)?;
            if self.length() == before {
                break;
            }
            before = self.length();
        }
        let (yes, no) = (self.distance(node.yes), self.distance(node.no));
        self.push(code, yes as u8, no as u8, node.value)?;
        if node.ask == Ask::Masked {
            self.push(AND, 0, 0, node.mask)?;
        }
        if self.places[at].loaded != node.word {
            self.push(LOAD, 0, 0, 4 * u32::from(node.word))?;
        }
        self.places[at].end = self.length();
        Ok(())
    }

    /// Brings a target to where the next instruction can jump to it.
    fn near(&mut self, target: Target) -> Result<(), Errno> {
        let distance = self.distance(target);
        if distance <= u8::MAX.into() {
            return Ok(());
        }
        let node = self.nodes[usize::from(target)];
        match node.ask {
            Ask::Return => self.push(RETURN, 0, 0, node.value)?,
            _ => self.push(JUMP, 0, 0, distance.into())?,
        }
        self.places[usize::from(target)].end = self.length();
        Ok(())
    }

    /// How many instructions lie between the next one and a target.
    fn distance(&self, target: Target) -> u16 {
        self.length() - self.places[usize::from(target)].end
    }

    fn length(&self) -> u16 {
        self.program.as_slice().len() as u16
    }

    fn push(&mut self, code: u16, yes: u8, no: u8, value: u32) -> Result<(), Errno> {
        self.program.push(Instruction {
            code,
            yes,
            no,
            value,
        })
    }
}
