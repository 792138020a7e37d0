//! `deny ERRNO CALL[,CALL...] -- PROGRAM [ARGS...]`: runs a program, and all that it starts, with system calls
//! that answer ERRNO, as a kernel without them (38, ENOSYS) or a sandbox's filter (1, EPERM) would. It runs on
//! the host, around the binary under test.
#![forbid(unsafe_code)]

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::collections::BTreeMap;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use syscalls::Sysno;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Err(why) = run(&args);
    eprintln!("deny: {why}");
    ExitCode::from(99)
}

/// Returns only if it can't.
fn run(args: &[String]) -> Result<std::convert::Infallible, Box<dyn Error>> {
    let [errno, calls, dashes, program, args @ ..] = args else {
        return Err("usage: deny ERRNO CALL[,CALL...] -- PROGRAM [ARGS...]".into());
    };
    if dashes != "--" {
        return Err(format!("{dashes} where -- should be").into());
    }
    let mut rules = BTreeMap::new();
    for name in calls.split(',') {
        let call: Sysno = name.parse().map_err(|()| format!("no such call: {name}"))?;
        // No conditions: whatever its arguments.
        rules.insert(i64::from(call.id()), Vec::new());
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let answer = SeccompAction::Errno(errno.parse()?);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?;
    let code: BpfProgram = filter.try_into()?;
    apply_filter(&code)?;
    Err(Command::new(program).args(args).exec().into())
}
