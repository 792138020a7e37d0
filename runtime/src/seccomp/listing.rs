//! A program for a person to read, and what it answers to a call.

use super::arch::{ARCHS, Arch};
use super::emit::{AND, IF_AT_LEAST, IF_EQUAL, IF_GREATER, JUMP, LOAD, RETURN};
use super::graph::{ARCH, ARGUMENTS, NUMBER};
use super::syscalls::{self, Numbers};
use crate::plan::ACTIONS;
use crate::text::{decimal, hexadecimal};
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
    let (mut word, mut audit) = (ARCH, 0);
    for (at, step) in program.iter().enumerate() {
        let place = decimal(at as u64);
        text.push_str(&"      "[place.len().min(5)..]);
        text.push_str(&place);
        text.push_str("  ");
        let to = |skip: u32| decimal(at as u64 + 1 + u64::from(skip));
        match step.code {
            LOAD => {
                word = (step.value / 4) as u8;
                text.push_str("load ");
                text.push_str(&name_of(word, archs));
            }
            AND => text.push_str(&["keep ", &hexadecimal(step.value.into())].concat()),
            JUMP => text.push_str(&["go to ", &to(step.value)].concat()),
            RETURN => text.push_str(&["return ", &action(step.value)].concat()),
            code => {
                if word == ARCH {
                    audit = step.value;
                }
                let sign = match code {
                    IF_EQUAL => "== ",
                    IF_GREATER => "> ",
                    IF_AT_LEAST => ">= ",
                    _ => "& ",
                };
                let value = match (word, code) {
                    (NUMBER, _) => call(step.value, audit, archs, numbers),
                    (ARCH, _) => architecture(step.value, archs),
                    _ => hexadecimal(step.value.into()),
                };
                let (yes, no) = (to(step.yes.into()), to(step.no.into()));
                text.push_str(&["if ", sign, &value, " go to ", &yes, " else ", &no].concat());
            }
        }
        text.push('\n');
    }
    text
}

/// `SCMP_ACT_ERRNO 38`.
pub fn action(returned: u32) -> String {
    let data = returned & 0xffff;
    let name = ACTIONS
        .iter()
        .rev()
        .find(|row| row.1 & !0xffff == returned & !0xffff);
    let mut text = String::from(name.map_or("", |row| row.0));
    if data != 0 {
        text.push(' ');
        text.push_str(&decimal(data.into()));
    }
    text
}

/// A word of struct seccomp_data.
fn name_of(word: u8, archs: &[&Arch]) -> String {
    match word {
        NUMBER => "number".to_owned(),
        ARCH => "architecture".to_owned(),
        word => {
            let argument = word.wrapping_sub(ARGUMENTS) / 2;
            let high = archs
                .first()
                .is_some_and(|arch| arch.word(argument, true) == word);
            let half = if high { ", high half" } else { ", low half" };
            ["argument ", &decimal(argument.into()), half].concat()
        }
    }
}

fn architecture(audit: u32, archs: &[&Arch]) -> String {
    let names: Vec<&str> = archs
        .iter()
        .filter(|arch| arch.audit() == audit)
        .map(|arch| arch.name)
        .collect();
    names.join(" or ")
}

/// A number with the name of its call, if it has one.
fn call(number: u32, audit: u32, archs: &[&Arch], numbers: &Numbers<'_>) -> String {
    let mut text = decimal(number.into());
    for arch in archs.iter().filter(|arch| arch.audit() == audit) {
        let table = numbers.of(arch.table()).iter().enumerate();
        for (_, id) in table.filter(|(at, id)| arch.number(*at) == number && **id != 0) {
            text = [&text, " (", &syscalls::name(*id), ")"].concat();
        }
    }
    text
}

/// How many places there are in the tables of numbers for these architectures.
pub fn last_table() -> usize {
    ARCHS.iter().map(Arch::table).max().unwrap_or_default()
}
