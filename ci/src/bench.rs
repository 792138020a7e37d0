//! `cargo ci bench [parse | --rounds N]`: reading config.json beside serde_json; mote beside crun, runc and the kernel's
//! floor, all in one run and in turn.

mod clock;
mod figures;
mod parse;
mod setup;
mod subjects;

use crate::sh::{self, Result};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// How many containers live beside the measured ones in the second half.
const LIVE: usize = 300;
/// How many times as many rounds there are of runs with and without a filter: it makes a difference of a twentieth, less than runs
/// differ by.
const PAIRS: usize = 10;
const USAGE: &str = "usage: cargo ci bench [parse] [--rounds N] [--mote FILE]";

/// What the command line asks for.
pub struct Options {
    /// Measurements of each subject without, and as many with, the live containers.
    rounds: usize,
    /// Another binary in the place of `target/dist/mote-<arch>`, to compare two builds.
    mote: Option<PathBuf>,
    /// Whether we are already in the private view of the mounts.
    inside: bool,
}

/// The task: prepares, then runs itself again where no v2 hierarchy stands beside v1 ones, which crun refuses.
pub fn run(arguments: &[String]) -> Result {
    if arguments == ["parse"] {
        return parse::run();
    }
    let mut options = options(arguments)?;
    if options.inside {
        return measure(&options);
    }
    // What it misses is told when all is measured.
    let parsed = parse::run();
    let mote = setup::prepare(options.mote.take())?;
    let program = std::env::current_exe().map_err(|e| format!("/proc/self/exe: {e}"))?;
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            &setup::private_view(),
            "sh",
        ])
        .arg(program);
    command
        .args([
            "bench",
            "--inside",
            "--rounds",
            &options.rounds.to_string(),
            "--mote",
        ])
        .arg(mote);
    match command.status() {
        Ok(status) if status.success() => parsed,
        // It has said why.
        Ok(_) => std::process::exit(1),
        Err(error) => Err(format!("cannot run unshare (util-linux): {error}")),
    }
}

fn options(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        rounds: 60,
        mote: None,
        inside: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--rounds" => {
                let number = rest
                    .next()
                    .and_then(|text| text.parse().ok())
                    .filter(|&rounds| rounds >= 2);
                options.rounds =
                    number.ok_or_else(|| format!("--rounds takes a number from 2 on; {USAGE}"))?;
            }
            "--mote" => {
                let path = rest
                    .next()
                    .ok_or_else(|| format!("--mote takes a file; {USAGE}"))?;
                options.mote = Some(std::path::absolute(path).map_err(|e| format!("{path}: {e}"))?);
            }
            "--inside" => options.inside = true,
            other => return Err(format!("'{other}' is not an option; {USAGE}")),
        }
    }
    Ok(options)
}

/// The measurements themselves. Without, with, without the live containers: a machine that slows down or speeds up
/// meanwhile doesn't favour either.
fn measure(options: &Options) -> Result {
    let mote = options.mote.clone().ok_or(USAGE)?;
    let stage = setup::Stage::new(&mote)?;
    let subjects = subjects::all(&stage);
    let (all, paired): (Vec<_>, Vec<_>) = (
        subjects.iter().collect(),
        subjects
            .iter()
            .filter(|subject| subject.is_paired())
            .collect(),
    );
    let mut times = figures::Times::of(&subjects);
    let half = options.rounds / 2;
    sh::say(format!("{half} rounds with no other containers"));
    clock::rounds(&all, half, |subject, ms| times.alone(subject, ms))?;
    sh::say(format!("starting {LIVE} containers"));
    let crowd = setup::Crowd::start(&stage, LIVE)?;
    sh::say(format!("{} rounds beside them", options.rounds));
    clock::rounds(&all, options.rounds, |subject, ms| {
        times.crowded(subject, ms)
    })?;
    sh::say("removing them");
    drop(crowd);
    sh::say(format!(
        "{} rounds with no other containers",
        options.rounds - half
    ));
    clock::rounds(&all, options.rounds - half, |subject, ms| {
        times.alone(subject, ms)
    })?;
    let rounds = PAIRS * options.rounds;
    sh::say(format!("{rounds} rounds with and without a filter"));
    clock::rounds(&paired, rounds, |subject, ms| times.paired(subject, ms))?;
    sh::say("peak memory and system calls");
    let extras = subjects::extras(&stage, &subjects)?;
    figures::report(&times, &extras)
}

/// A command without input and output.
fn silent(program: &OsStr, arguments: &[&OsStr]) -> Command {
    use std::process::Stdio;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
