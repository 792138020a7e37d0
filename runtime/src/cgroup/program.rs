//! Device rules as a BPF_PROG_TYPE_CGROUP_DEVICE program, which v2 has in place of a controller.
//!
//! The program gathers, rule by rule in their order, the kinds of access that the asked device has, and
//! answers 1 (yes) when the asked access is among them: the meaning of the list, without the holes
//! that v1 can't express.

use super::devices::ANY_ACCESS;
use init::plan::DeviceRule;
use init::sys::bpf::Instruction;

// Opcodes: class, width or operation, and source of the operand (linux/bpf_common.h, linux/bpf.h).
const LOAD_WORD: u8 = 0x61; // BPF_LDX | BPF_W | BPF_MEM
const AND: u8 = 0x57; // BPF_ALU64 | BPF_AND | BPF_K
const AND_REGISTER: u8 = 0x5f; // BPF_ALU64 | BPF_AND | BPF_X
const OR: u8 = 0x47; // BPF_ALU64 | BPF_OR | BPF_K
const XOR: u8 = 0xa7; // BPF_ALU64 | BPF_XOR | BPF_K
const SHIFT_RIGHT: u8 = 0x77; // BPF_ALU64 | BPF_RSH | BPF_K
const SET: u8 = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
const SET_REGISTER: u8 = 0xbf; // BPF_ALU64 | BPF_MOV | BPF_X
const JUMP_UNLESS_EQUAL: u8 = 0x55; // BPF_JMP | BPF_JNE | BPF_K
const EXIT: u8 = 0x95; // BPF_JMP | BPF_EXIT

// Registers. The kernel passes struct bpf_cgroup_dev_ctx in 1 and takes the answer from 0.
const ALLOWED: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

// struct bpf_cgroup_dev_ctx { u32 access_type, major, minor }; access_type is access << 16 | kind.
const ACCESS_TYPE_AT: i16 = 0;
const MAJOR_AT: i16 = 4;
const MINOR_AT: i16 = 8;

/// BPF_DEVCG_DEV_* (linux/bpf.h).
const KINDS: [(u8, i32); 2] = [(b'b', 1), (b'c', 2)];

/// Device numbers have 12 and 20 bits (linux/kdev_t.h); no device has a larger one.
const MOST: [u32; 2] = [(1 << 12) - 1, (1 << 20) - 1];

/// The program for `rules`, of which later ones override earlier ones.
pub fn assemble<'a>(rules: impl Iterator<Item = &'a DeviceRule>) -> Vec<Instruction> {
    let mut program = vec![
        step(LOAD_WORD, KIND, CONTEXT, ACCESS_TYPE_AT, 0),
        step(SET_REGISTER, ACCESS, KIND, 0, 0),
        step(AND, KIND, 0, 0, 0xffff),
        step(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        step(LOAD_WORD, MAJOR, CONTEXT, MAJOR_AT, 0),
        step(LOAD_WORD, MINOR, CONTEXT, MINOR_AT, 0),
        step(SET, ALLOWED, 0, 0, 0),
    ];
    for rule in rules {
        if let Some(tests) = tests(rule) {
            let mut skip = tests.iter().flatten().count() as i16;
            for &(register, value) in tests.iter().flatten() {
                program.push(step(JUMP_UNLESS_EQUAL, register, 0, skip, value));
                skip -= 1;
            }
            let access = i32::from(rule.access & ANY_ACCESS);
            program.push(match rule.allow {
                true => step(OR, ALLOWED, 0, 0, access),
                false => step(AND, ALLOWED, 0, 0, !access),
            });
        }
    }
    program.extend([
        // What is asked and not allowed.
        step(XOR, ALLOWED, 0, 0, i32::from(ANY_ACCESS)),
        step(AND_REGISTER, ACCESS, ALLOWED, 0, 0),
        step(SET, ALLOWED, 0, 0, 0),
        step(JUMP_UNLESS_EQUAL, ACCESS, 0, 1, 0),
        step(SET, ALLOWED, 0, 0, 1),
        step(EXIT, 0, 0, 0, 0),
    ]);
    program
}

/// What must hold for the rule to be about a device: register and value; None when it never does.
fn tests(rule: &DeviceRule) -> Option<[Option<(u8, i32)>; 3]> {
    let kind = match rule.kind {
        b'a' => None,
        kind => Some((KIND, KINDS.iter().find(|(letter, _)| *letter == kind)?.1)),
    };
    let number = |register, number: Option<u32>, most| match number {
        Some(number) if number > most => None,
        Some(number) => Some(Some((register, number as i32))),
        None => Some(None),
    };
    Some([
        kind,
        number(MAJOR, rule.major, MOST[0])?,
        number(MINOR, rule.minor, MOST[1])?,
    ])
}

fn step(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction::new(code, to, from, offset, immediate)
}

#[cfg(test)]
mod tests {
    use super::super::devices::EVERYONE;
    use super::*;

    /// A machine for the ten opcodes above.
    fn run(program: &[Instruction], context: [u32; 3]) -> u64 {
        let mut register = [0u64; 6];
        let mut at = 0;
        loop {
            let i = program[at];
            at += 1;
            let (to, from) = (usize::from(i.to()), usize::from(i.from()));
            let k = i64::from(i.immediate) as u64;
            match i.code {
                LOAD_WORD => register[to] = u64::from(context[i.offset as usize / 4]),
                AND => register[to] &= k,
                AND_REGISTER => register[to] &= register[from],
                OR => register[to] |= k,
                XOR => register[to] ^= k,
                SHIFT_RIGHT => register[to] >>= k,
                SET => register[to] = k,
                SET_REGISTER => register[to] = register[from],
                JUMP_UNLESS_EQUAL if register[to] != k => at += i.offset as usize,
                JUMP_UNLESS_EQUAL => {}
                EXIT => return register[0],
                other => panic!("opcode {other:#x}"),
            }
        }
    }

    /// The rules' meaning, the slow way.
    fn naive(rules: &[DeviceRule], kind: u8, major: u32, minor: u32, access: u8) -> bool {
        (0..3)
            .map(|bit| 1 << bit)
            .filter(|bit| access & bit != 0)
            .all(|bit| {
                let about = |rule: &&DeviceRule| {
                    (rule.kind == b'a' || rule.kind == kind)
                        && rule.major.is_none_or(|number| number == major)
                        && rule.minor.is_none_or(|number| number == minor)
                        && rule.access & bit != 0
                };
                rules
                    .iter()
                    .rev()
                    .find(about)
                    .is_some_and(|rule| rule.allow)
            })
    }

    fn ask(program: &[Instruction], kind: u8, major: u32, minor: u32, access: u8) -> bool {
        let number = KINDS.iter().find(|(letter, _)| *letter == kind).unwrap().1 as u32;
        run(program, [u32::from(access) << 16 | number, major, minor]) == 1
    }

    #[test]
    fn random_rules_mean_what_they_say() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for _ in 0..500 {
            let rules: Vec<DeviceRule> = (0..random(12))
                .map(|_| DeviceRule {
                    allow: random(2) == 0,
                    kind: b"abc"[random(3) as usize],
                    major: (random(2) == 0)
                        .then(|| [0, 1, 4095, 4096, u32::MAX][random(5) as usize]),
                    minor: (random(2) == 0).then(|| [0, 3, 1048575, 1048576][random(4) as usize]),
                    access: random(8) as u8,
                })
                .collect();
            let program = assemble(rules.iter());
            for _ in 0..60 {
                let (kind, access) = (b"bc"[random(2) as usize], random(8) as u8);
                let (major, minor) = (
                    [0, 1, 2, 4095][random(4) as usize],
                    [0, 3, 5, 1048575][random(4) as usize],
                );
                assert_eq!(
                    ask(&program, kind, major, minor, access),
                    naive(&rules, kind, major, minor, access),
                    "{rules:?} {} {major}:{minor} {access}",
                    char::from(kind)
                );
            }
        }
    }

    #[test]
    fn everyones_rules() {
        let program = assemble(EVERYONE.iter());
        const ROWS: [(u8, u32, u32, u8, bool); 7] = [
            (b'c', 1, 3, 7, true),
            (b'c', 136, 9, 6, true),
            (b'c', 10, 200, 6, true),
            (b'b', 8, 0, 1, true),
            (b'b', 8, 0, 2, false),
            (b'c', 1, 1, 3, false),
            (b'c', 5, 1, 2, false),
        ];
        for (kind, major, minor, access, want) in ROWS {
            assert_eq!(
                ask(&program, kind, major, minor, access),
                want,
                "{major}:{minor}"
            );
        }
    }
}
