//! `seccomp dump` and `seccomp explain`: the filter that a config makes, on any architecture.

use crate::bundle::{arena, parse};
use crate::cli::{Global, Options, print};
use crate::error::{Error, Result};
use crate::files;
use crate::plan::{self, Facts, Filter};
use crate::seccomp::arch::{Arch, called};
use crate::seccomp::listing;
use crate::seccomp::rules::{Answer, Multiplexers};
use crate::seccomp::syscalls::{self, Numbers};
use crate::text::{decimal, hexadecimal, number};
use init::sys::arena::Arena;
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
pub fn run(_global: &Global, options: &Options) -> Result<u8> {
    let arch = architecture(options)?;
    let dir = Path::new(options.text("bundle").unwrap_or(".".as_ref()));
    let path = options
        .text("config")
        .map_or_else(|| dir.join("config.json"), |path| path.into());
    let config =
        files::read(&path).map_err(|errno| Error::of("", path.as_os_str().as_bytes(), errno))?;
    let arena = arena(config.len())?;
    let spec = parse(&config, &arena)?;
    let facts = Facts {
        document: "config.json",
        id: c"",
        bundle: c"",
        rootless: false,
        euid: 0,
        egid: 0,
        in_user_namespace: false,
        setgroups_denied: false,
        joins_own_network: false,
        kcore: false,
        no_pivot: false,
        no_new_keyring: false,
        keep_fds: 0,
        debug: false,
        extra_env: &[],
    };
    let machine = machine_of(arch);
    let filter = plan::filter(&spec, machine, &facts, &arena, &mut |_, _| {});
    let filter = filter.map_err(|refusal| Error::new(refusal.to_string()))?;
    let Some(filter) = filter else {
        print("no linux.seccomp: every system call is made\n")?;
        return Ok(0);
    };
    let memory = |errno| Error::call("memory", errno);
    let asked = Asked {
        filter,
        arch,
        arena: &arena,
        numbers: Numbers::unpack(&arena, listing::last_table()).map_err(memory)?,
    };
    match word(options, 0).as_str() {
        "dump" => print(&dump(&asked))?,
        "explain" => print(&explain(&asked, options)?)?,
        other => {
            return Err(Error::join(&[
                "seccomp: '",
                other,
                "': 'dump' or 'explain' is needed",
            ]));
        }
    }
    Ok(0)
}

/// The architecture that is named, or this machine's.
fn architecture(options: &Options) -> Result<&'static Arch> {
    let name = options
        .text("arch")
        .map_or(targets::NAME.to_owned(), |name| {
            name.to_string_lossy().into_owned()
        });
    called(&name).ok_or_else(|| {
        Error::join(&[
            "--arch ",
            &name,
            ": no such architecture; x86_64 or SCMP_ARCH_X86_64, for instance",
        ])
    })
}

/// Where calls of an architecture are made as a rule: what x86 and x32 are is decided by x86_64's kernels.
fn machine_of(arch: &'static Arch) -> &'static Arch {
    let native = called(targets::NAME).unwrap_or(arch);
    match arch.name {
        "X86" | "X32" if !core::ptr::eq(native, arch) => called("X86_64").unwrap_or(arch),
        _ => arch,
    }
}

fn word(options: &Options, at: usize) -> String {
    let word = options.positional(at).unwrap_or_default();
    word.to_string_lossy().into_owned()
}

fn dump(asked: &Asked<'_>) -> String {
    let loaded = &asked.filter.loaded;
    let mut text = [
        "flags ",
        &hexadecimal(loaded.flags.into()),
        ", ",
        &decimal(loaded.program.len() as u64),
        " instructions\n",
    ]
    .concat();
    text.push_str(&listing::lines(
        loaded.program,
        asked.filter.profile.archs,
        &asked.numbers,
    ));
    text
}

fn explain(asked: &Asked<'_>, options: &Options) -> Result<String> {
    let call = word(options, 1);
    if call.is_empty() {
        return Err(Error::new("seccomp explain: which system call?"));
    }
    let number = number_of(asked, &call)?;
    let mut arguments = [0; 6];
    for (at, slot) in arguments.iter_mut().enumerate() {
        let Some(given) = options.positional(at + 2) else {
            break;
        };
        *slot = value(given.as_bytes()).ok_or_else(|| {
            let given = crate::text::quoted(given);
            Error::join(&[
                "seccomp explain: ",
                &given,
                ": a number is needed, as 10 or 0xa",
            ])
        })?;
    }
    let mut words = [0; 16];
    (words[0], words[1]) = (number, asked.arch.audit());
    for (at, argument) in (0..).zip(arguments) {
        words[usize::from(asked.arch.word(at, false))] = argument as u32;
        words[usize::from(asked.arch.word(at, true))] = (argument >> 32) as u32;
    }
    let answer = listing::answer(asked.filter.loaded.program, &words).unwrap_or_default();
    let place = [&decimal(number.into()), " on ", asked.arch.name].concat();
    let reason = reason(asked, &call, &arguments, answer)?;
    Ok([
        &*call,
        " (",
        &place,
        "): ",
        &listing::action(answer),
        ", ",
        &reason,
        "\n",
    ]
    .concat())
}

/// A call's number on the architecture.
fn number_of(asked: &Asked<'_>, call: &str) -> Result<u32> {
    if let Some(number) = value(call.as_bytes()) {
        return Ok(number as u32);
    }
    let id = syscalls::id(call.as_bytes());
    let mut table = asked.numbers.of(asked.arch.table()).iter();
    match table.position(|other| Some(*other) == id) {
        Some(at) => Ok(asked.arch.number(at)),
        None => Err(Error::join(&[
            call,
            ": ",
            asked.arch.name,
            " has no such system call",
        ])),
    }
}

/// What made the answer.
fn reason(asked: &Asked<'_>, call: &str, arguments: &[u64; 6], answer: u32) -> Result<String> {
    let profile = &asked.filter.profile;
    let table = asked.numbers.of(asked.arch.table());
    let number = number_of(asked, call)?;
    let id = table
        .iter()
        .enumerate()
        .find(|(at, _)| asked.arch.number(*at) == number);
    let id = id.map_or(0, |(_, id)| *id);
    let wide = asked.arch.wide();
    let decided = match profile.answer(asked.arch, &Multiplexers::new(), id, asked.arena) {
        Ok(Answer::Always(action, entry)) => (action, entry),
        Ok(Answer::Rules(rules)) => {
            let holds = rules.iter().find(|rule| {
                let mut conditions = rule.conditions.iter();
                conditions.all(|condition| {
                    condition.holds(arguments[usize::from(condition.argument)], wide)
                })
            });
            holds.map_or((profile.default, None), |rule| {
                (
                    rule.action,
                    profile.entries.get(rule.entry).map(|entry| entry.at),
                )
            })
        }
        Err(errno) => return Err(Error::call("memory", errno)),
    };
    Ok(match decided {
        (action, Some(at)) if action == answer => {
            ["by linux.seccomp.syscalls[", &decimal(at as u64), "]"].concat()
        }
        (action, None) if action == answer => "by linux.seccomp.defaultAction".to_owned(),
        _ if !profile
            .archs
            .iter()
            .any(|arch| core::ptr::eq(*arch, asked.arch)) =>
        {
            "for want of the architecture in linux.seccomp.architectures".to_owned()
        }
        _ => "for it is newer than every system call that the profile names".to_owned(),
    })
}

/// A number in decimal or, after `0x`, in hexadecimal.
fn value(digits: &[u8]) -> Option<u64> {
    match digits.strip_prefix(b"0x") {
        Some(digits) => u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok(),
        None => number(digits),
    }
}
