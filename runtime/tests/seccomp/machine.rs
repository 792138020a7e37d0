//! A machine for classic BPF, written from the kernel's documentation (Documentation/networking/filter.rst and
//! Documentation/userspace-api/seccomp_filter.rst), and what the kernel checks before it takes a program
//! (bpf_check_classic in net/core/filter.c, seccomp_check_filter in kernel/seccomp.c).

use init::plan::Instruction;

/// struct seccomp_data, but for the instruction pointer, which nobody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub number: u32,
    pub arch: u32,
    pub arguments: [u64; 6],
}

impl Call {
    /// The word at an offset, as the machine's memory has it.
    fn word(&self, offset: u32, big: bool) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            16.. => {
                let at = (offset as usize - 16) / 4;
                let high = at.is_multiple_of(2) == big;
                (self.arguments[at / 2] >> if high { 32 } else { 0 }) as u32
            }
            _ => panic!("the instruction pointer is loaded"),
        }
    }
}

/// Panics unless the kernel would take the program.
pub fn check(program: &[Instruction]) {
    assert!(
        (1..=4096).contains(&program.len()),
        "{} instructions",
        program.len()
    );
    for (at, step) in program.iter().enumerate() {
        let within = |skip: u32| {
            assert!(
                at + 1 + (skip as usize) < program.len(),
                "{at}: {step:?} leaves the program"
            )
        };
        match step.code {
            0x20 => assert!(step.value < 64 && step.value % 4 == 0, "{at}: {step:?}"),
            0x54 | 0x06 => {}
            0x05 => within(step.value),
            0x15 | 0x25 | 0x35 | 0x45 => {
                within(step.yes.into());
                within(step.no.into());
            }
            _ => panic!("{at}: {step:?} is not known"),
        }
    }
    assert_eq!(
        program.last().unwrap().code,
        0x06,
        "the last instruction is no return"
    );
}

/// What the filter returns, and how many instructions that took.
pub fn run(program: &[Instruction], call: &Call, big: bool) -> (u32, usize) {
    let (mut at, mut steps, mut accumulator) = (0, 0, 0u32);
    loop {
        let step = program[at];
        at += 1;
        steps += 1;
        let holds = match step.code {
            0x20 => {
                accumulator = call.word(step.value, big);
                continue;
            }
            0x54 => {
                accumulator &= step.value;
                continue;
            }
            0x05 => {
                at += step.value as usize;
                continue;
            }
            0x06 => return (step.value, steps),
            0x15 => accumulator == step.value,
            0x25 => accumulator > step.value,
            0x35 => accumulator >= step.value,
            0x45 => accumulator & step.value != 0,
            code => panic!("{code:#x} is not known"),
        };
        at += usize::from(if holds { step.yes } else { step.no });
    }
}
