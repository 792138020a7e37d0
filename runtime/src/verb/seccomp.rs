//! `seccomp dump` and `seccomp explain`: the filter that a config makes, on any architecture.

use crate::bundle::{arena, no_memory, parse};
use crate::cli::{Code, Global, Options, print};
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::plan::{self, Facts, Filter};
use crate::seccomp::arch::{ARCHS, Arch, called};
use crate::seccomp::listing;
use crate::seccomp::rules::{self, Answer};
use crate::seccomp::syscalls::{self, Numbers};
use crate::text::{hexadecimal, number, push, unpacked};
use init::sys::arena::Arena;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is asked about.
struct Asked<'a> {
    filter: Filter<'a>,
    arch: &'static Arch,
    arena: &'a Arena,
    numbers: Numbers<'a>,
}

/// See the row in [`crate::cli::rows`].
pub fn run(_global: &Global, options: &Options) -> Result<Code> {
    let arch = architecture(options)?;
    let explains = match word(options, 0) {
        b"dump" => false,
        b"explain" => true,
        _ => {
            return Err(Error::new(packed!(
                "seccomp: 'dump' or 'explain' is needed"
            )));
        }
    };
    let path = match options.text("config") {
        Some(file) => file.as_bytes().to_vec(),
        None => [
            options.text("bundle").map_or(&b"."[..], OsStrExt::as_bytes),
            b"/config.json",
        ]
        .concat(),
    };
    let config = files::read(Path::new(OsStr::from_bytes(&path)));
    let config = config.map_err(|errno| Error::of("", &path, errno))?;
    let arena = arena(config.len())?;
    let spec = parse(&config, &arena)?;
    let filter = plan::filter(
        spec,
        machine_of(arch),
        &Facts::OF_DOCUMENT,
        &arena,
        &mut |_, _| {},
    );
    let filter = filter.map_err(|refusal| refusal.found_in(&config).error())?;
    let Some(filter) = filter else {
        print("no linux.seccomp: every system call is made\n")?;
        return Ok(0);
    };
    let asked = Asked {
        filter,
        arch,
        arena: &arena,
        numbers: Numbers::unpack(&arena, ARCHS[ARCHS.len() - 1].table()).map_err(no_memory)?,
    };
    print(&if explains {
        explain(&asked, options)?
    } else {
        dump(&asked)
    })?;
    Ok(0)
}

/// The architecture that is named, or this machine's.
fn architecture(options: &Options) -> Result<&'static Arch> {
    let name = options
        .text("arch")
        .map_or(targets::NAME.as_bytes(), OsStrExt::as_bytes);
    let arch = called(name);
    arch.ok_or_else(|| {
        Error::fill_bytes(
            packed!("--arch {}: no such architecture; x86_64 or SCMP_ARCH_X86_64 is one"),
            &[name],
        )
    })
}

/// Where calls of an architecture are made as a rule: those of x86 and x32 on x86_64.
fn machine_of(arch: &'static Arch) -> &'static Arch {
    let compatible = matches!(arch.name, "X86" | "X32")
        && !called(targets::NAME.as_bytes()).is_some_and(|native| core::ptr::eq(native, arch));
    if compatible { &ARCHS[0] } else { arch }
}

fn word(options: &Options, at: usize) -> &[u8] {
    options.positional(at).unwrap_or_default().as_bytes()
}

fn dump(asked: &Asked<'_>) -> String {
    let loaded = &asked.filter.loaded;
    let mut text = String::from("flags ");
    hexadecimal(&mut text, loaded.flags);
    text.push_str(&listing::lines(
        asked.filter.program,
        asked.filter.profile.archs,
        &asked.numbers,
    ));
    text
}

fn explain(asked: &Asked<'_>, options: &Options) -> Result<String> {
    let arch = asked.arch;
    let call = word(options, 1);
    let number = number_of(asked, call)?;
    let mut arguments = [0; 6];
    let mut words = [0; 16];
    (words[0], words[1]) = (number, arch.audit());
    for (at, slot) in (0..).zip(&mut arguments) {
        let given = word(options, usize::from(at) + 2);
        if !given.is_empty() {
            let wrong = || {
                Error::fill_bytes(
                    packed!("seccomp explain: {}: a number is needed, as 10 or 0xa"),
                    &[given],
                )
            };
            *slot = value(given).ok_or_else(wrong)?;
        }
        words[usize::from(arch.word(at, false))] = *slot as u32;
        words[usize::from(arch.word(at, true))] = (*slot >> 32) as u32;
    }
    let answer = listing::answer(asked.filter.program, &words).unwrap_or_default();
    let mut text = lossy(call);
    text.push_str(" (");
    push(&mut text, number.into(), 1);
    text.push_str(" on ");
    text.push_str(arch.name);
    text.push_str("): ");
    listing::action(&mut text, answer);
    reason(asked, number, &arguments, answer, &mut text)?;
    text.push('\n');
    Ok(text)
}

/// A call's number on the architecture.
fn number_of(asked: &Asked<'_>, call: &[u8]) -> Result<u32> {
    if let Some(number) = value(call) {
        return Ok(number as u32);
    }
    let id = syscalls::id(call);
    let mut table = asked.numbers.of(asked.arch.table()).iter();
    match table.position(|other| Some(*other) == id) {
        Some(at) => Ok(asked.arch.number(at)),
        None => Err(Error::fill_bytes(
            packed!("seccomp explain: {} has no system call '{}'"),
            &[asked.arch.name.as_bytes(), call],
        )),
    }
}

/// Adds what made the answer.
fn reason(
    asked: &Asked<'_>,
    number: u32,
    arguments: &[u64; 6],
    answer: u32,
    text: &mut String,
) -> Result<()> {
    let (profile, arch) = (&asked.filter.profile, asked.arch);
    let id = arch.call(&asked.numbers, number).unwrap_or_default();
    let mut rules = asked.arena.list(rules::MOST).map_err(no_memory)?;
    let decided = profile.answer(arch, id, &mut rules, asked.arena);
    let mut rules = rules.as_slice().iter();
    let (action, entry) = match decided.map_err(no_memory)? {
        Answer::Always(action, entry) => (action, entry),
        Answer::Rules => match rules.find(|rule| rule.holds(arguments, arch.wide())) {
            Some(rule) => (rule.action, Some(rule.entry)),
            None => (profile.default, None),
        },
    };
    if !profile
        .archs
        .iter()
        .any(|other| core::ptr::eq(*other, arch))
    {
        text.push_str(&unpacked(packed!(
            ", as the architecture is not in linux.seccomp.architectures"
        )));
    } else if action != answer {
        text.push_str(&unpacked(packed!(
            ", as it is newer than every system call that the profile names"
        )));
    } else if let Some(entry) = entry.and_then(|at| profile.entries.get(at)) {
        text.push_str(", by linux.seccomp.syscalls[");
        push(text, entry.at as u64, 1);
        text.push(']');
    } else {
        text.push_str(&unpacked(packed!(", by linux.seccomp.defaultAction")));
    }
    Ok(())
}

/// A number in decimal or, after `0x`, in hexadecimal.
fn value(digits: &[u8]) -> Option<u64> {
    let Some(digits) = digits.strip_prefix(b"0x") else {
        return number(digits);
    };
    let mut value = 0u64;
    for digit in digits {
        let digit = char::from(*digit).to_digit(16)?;
        value = value.checked_mul(16)? + u64::from(digit);
    }
    Some(value).filter(|_| !digits.is_empty())
}
