//! A program for a person to read, and what it answers to a call.

use super::arch::Arch;
use super::emit::{AND, IF_AT_LEAST, IF_EQUAL, IF_GREATER, JUMP, LOAD, RETURN};
use super::graph::{ARCH, ARGUMENTS, NUMBER};
use super::syscalls::{self, Numbers};
use crate::plan::ACTIONS;
use crate::text::{hexadecimal, push};
use init::plan::Instruction;

/// struct seccomp_data as words.
pub type Words = [u32; 16];

/// What the program returns for a call.
pub fn answer(program: &[Instruction], words: &Words) -> Option<u32> {
    let (mut at, mut held) = (0, 0);
    loop {
        let step = program.get(at)?;
        at += 1;
        let holds = match step.code {
            LOAD => {
                held = *words.get(step.value as usize / 4)?;
                continue;
            }
            AND => {
                held &= step.value;
                continue;
            }
            JUMP => {
                at += step.value as usize;
                continue;
            }
            RETURN => return Some(step.value),
            IF_EQUAL => held == step.value,
            IF_GREATER => held > step.value,
            IF_AT_LEAST => held >= step.value,
            _ => held & step.value != 0,
        };
        at += usize::from(if holds { step.yes } else { step.no });
    }
}

/// The lines of a program whose architectures are these.
pub fn lines(program: &[Instruction], archs: &[&'static Arch], numbers: &Numbers<'_>) -> String {
    let mut text = String::new();
    // What is loaded where, and for which architecture: jumps lead forward, so whoever leads somewhere has been met before.
    let mut ways = vec![(ARCH, 0); program.len()];
    for (at, step) in program.iter().enumerate() {
        let (word, audit) = ways[at];
        // The one that is asked for, where that is what is asked.
        let asked = if word == ARCH { step.value } else { audit };
        let mut leads = |skip: u32, way| {
            if let Some(next) = ways.get_mut(at + 1 + skip as usize) {
                *next = way;
            }
        };
        match step.code {
            LOAD => leads(0, ((step.value / 4) as u8, audit)),
            JUMP => leads(step.value, (word, audit)),
            RETURN => {}
            AND => leads(0, (word, audit)),
            _ => {
                leads(step.no.into(), (word, audit));
                leads(step.yes.into(), (word, asked));
            }
        }
        text.push('\n');
        push(&mut text, at as u64, 4);
        let to = |text: &mut String, say: &str, skip: u32| {
            text.push_str(say);
            push(text, at as u64 + 1 + u64::from(skip), 1);
        };
        let say = match step.code {
            LOAD => "  load ",
            AND => "  keep ",
            JUMP => "  go",
            RETURN => "  return ",
            IF_EQUAL => "  if == ",
            IF_GREATER => "  if > ",
            IF_AT_LEAST => "  if >= ",
            _ => "  if & ",
        };
        text.push_str(say);
        match step.code {
            LOAD => load(&mut text, (step.value / 4) as u8, archs),
            RETURN => action(&mut text, step.value),
            JUMP => to(&mut text, " to ", step.value),
            _ => {
                value(&mut text, word, asked, step.value, archs, numbers);
                if step.code != AND {
                    to(&mut text, " go to ", step.yes.into());
                    to(&mut text, " else ", step.no.into());
                }
            }
        }
    }
    text.push('\n');
    text
}

/// Adds `SCMP_ACT_ERRNO 38`.
pub fn action(text: &mut String, returned: u32) {
    text.push_str(ACTIONS.word(returned & !0xffff));
    if returned & 0xffff != 0 {
        text.push(' ');
        push(text, (returned & 0xffff).into(), 1);
    }
}

/// Adds the name of a word of struct seccomp_data.
#[inline(never)]
fn load(text: &mut String, word: u8, archs: &[&Arch]) {
    match word {
        NUMBER => text.push_str("number"),
        ARCH => text.push_str("architecture"),
        word => {
            let argument = word.wrapping_sub(ARGUMENTS) / 2;
            let high = archs
                .first()
                .is_some_and(|arch| arch.word(argument, true) == word);
            text.push_str(if high {
                "high half of argument "
            } else {
                "low half of argument "
            });
            push(text, argument.into(), 1);
        }
    }
}

/// Adds what a word is compared with, by its name if it has one.
#[inline(never)]
fn value(
    text: &mut String,
    word: u8,
    audit: u32,
    value: u32,
    archs: &[&Arch],
    numbers: &Numbers<'_>,
) {
    match word {
        ARCH => {}
        NUMBER => push(text, value.into(), 1),
        _ => hexadecimal(text, value),
    }
    let mut or = "";
    for arch in archs
        .iter()
        .filter(|arch| arch.audit() == audit && word <= ARCH)
    {
        if word == ARCH {
            text.push_str(or);
            text.push_str(arch.name);
            or = " or ";
        } else if let Some(id) = arch.call(numbers, value) {
            text.push_str(" (");
            text.push_str(&syscalls::name(id));
            text.push(')');
        }
    }
}
