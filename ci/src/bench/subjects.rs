//! What is measured: each kind of work by each runtime, and by the floor where it has an equal.

use super::figures::PAIRED;
use super::setup::{self, RUNNING, Runtime, Stage};
use super::{clock, silent};
use crate::sh::{self, Result};
use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A kind of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `run` of a program that ends at once.
    Run,
    /// The same with an engine's seccomp filter.
    Filtered,
    /// `create`, `start`, and `delete` when the program has ended.
    Lifecycle,
    /// `exec` of a program that ends at once, in a running container.
    Exec,
}

impl Kind {
    /// As in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Filtered => "run, filtered",
            Kind::Lifecycle => "create+start+delete",
            Kind::Exec => "exec",
        }
    }
}

/// Does the work once, with a container id that was never used; milliseconds.
type Work<'a> = dyn Fn(&str) -> Result<f64> + 'a;

/// One row of the tables.
pub struct Subject<'a> {
    /// The work.
    pub kind: Kind,
    /// The runtime's name, or `floor`.
    pub who: &'static str,
    /// Does it once.
    pub work: Box<Work<'a>>,
    /// The command whose memory and system calls stand for this subject.
    probe: Box<dyn Fn(&str) -> Command + 'a>,
    used: Cell<u32>,
}

impl Subject<'_> {
    /// Whether it is a run with or without a filter of which there are many.
    pub fn is_paired(&self) -> bool {
        matches!(self.kind, Kind::Run | Kind::Filtered) && PAIRED.contains(&self.who)
    }

    /// A new id.
    pub fn id(&self) -> String {
        self.used.set(self.used.get() + 1);
        format!("bench-{}-{}", self.kind.name().len(), self.used.get())
    }
}

/// Every subject; those of one kind stand together, so that they are measured within the same few milliseconds.
pub fn all(stage: &Stage) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    let cgroups = setup::floor_cgroups();
    let floor = move |id: &str| {
        let arguments = [
            stage.rootfs.as_os_str(),
            id.as_ref(),
            cgroups.as_ref(),
            "/bin/true".as_ref(),
        ];
        silent(stage.floor.as_os_str(), &arguments)
    };
    subjects.push(simple(Kind::Run, "floor", floor.clone()));
    subjects.push(simple(Kind::Filtered, "floor", move |id: &str| {
        let mut command = floor(id);
        command.env("FLOOR_FILTER", "1");
        command
    }));
    for runtime in &stage.runtimes {
        subjects.push(simple(Kind::Run, runtime.name, |id| {
            on_bundle(runtime, "run", &stage.quick, &[], id)
        }));
        subjects.push(simple(Kind::Filtered, runtime.name, |id| {
            on_bundle(runtime, "run", &stage.filtered, &[], id)
        }));
    }
    for runtime in &stage.runtimes {
        subjects.push(Subject {
            kind: Kind::Lifecycle,
            who: runtime.name,
            work: Box::new(|id| lifecycle(stage, runtime, id)),
            probe: Box::new(|id| on_bundle(runtime, "create", &stage.quick, &[], id)),
            used: Cell::new(0),
        });
    }
    for runtime in &stage.runtimes {
        let exec =
            |_: &str| runtime.command(&["exec".as_ref(), RUNNING.as_ref(), "/bin/true".as_ref()]);
        subjects.push(simple(Kind::Exec, runtime.name, exec));
    }
    subjects
}

/// A subject that is one command.
fn simple<'a>(
    kind: Kind,
    who: &'static str,
    command: impl Fn(&str) -> Command + Clone + 'a,
) -> Subject<'a> {
    let again = command.clone();
    Subject {
        kind,
        who,
        work: Box::new(move |id| clock::time(&mut command(id))),
        probe: Box::new(again),
        used: Cell::new(0),
    }
}

/// `VERB --bundle BUNDLE options... ID`
fn on_bundle(
    runtime: &Runtime,
    verb: &str,
    bundle: &Path,
    options: &[&OsStr],
    id: &str,
) -> Command {
    let mut arguments = vec![verb.as_ref(), "--bundle".as_ref(), bundle.as_os_str()];
    arguments.extend(options);
    arguments.push(id.as_ref());
    runtime.command(&arguments)
}

/// The sum of the three commands' times; the wait for the program's end between them is nobody's.
fn lifecycle(stage: &Stage, runtime: &Runtime, id: &str) -> Result<f64> {
    let pid_file = stage.scratch.0.join("pid");
    let mut create = on_bundle(
        runtime,
        "create",
        &stage.quick,
        &["--pid-file".as_ref(), pid_file.as_os_str()],
        id,
    );
    let mut ms = clock::time(&mut create)?;
    let pid = sh::read(&pid_file)?;
    ms += clock::time(&mut runtime.command(&["start".as_ref(), id.as_ref()]))?;
    wait_for_end(pid.trim())?;
    ms += clock::time(&mut runtime.command(&["delete".as_ref(), id.as_ref()]))?;
    Ok(ms)
}

/// Waits until the process is gone or a zombie.
fn wait_for_end(pid: &str) -> Result {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        if state.is_empty() || state.starts_with('Z') {
            return Ok(());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Err(format!(
        "process {pid}, a container's true(1), did not end in 10 s"
    ))
}

/// What is counted once and not timed.
pub struct Extra {
    /// The work; for the lifecycle, its `create`, and the container's process to its end.
    pub kind: Kind,
    /// The runtime's name, or `floor`.
    pub who: &'static str,
    /// Peak resident memory in KiB, the largest of a few tries.
    pub peak: u64,
    /// System calls of the program and all its children, the container's included.
    pub calls: u64,
}

/// Memory and system calls of every subject.
pub fn extras(stage: &Stage, subjects: &[Subject]) -> Result<Vec<Extra>> {
    let mut extras = Vec::new();
    for subject in subjects {
        let mut peak = 0;
        for _ in 0..5 {
            peak = peak.max(peak_of(stage, &(subject.probe)(&subject.id()))?);
        }
        let calls = count_calls(stage, subject)?;
        extras.push(Extra {
            kind: subject.kind,
            who: subject.who,
            peak,
            calls,
        });
    }
    Ok(extras)
}

/// What the peak program says of the command, KiB.
fn peak_of(stage: &Stage, command: &Command) -> Result<u64> {
    let mut through = Command::new(&stage.peak);
    through
        .arg(command.get_program())
        .args(command.get_args())
        .stderr(Stdio::null());
    let said = sh::output(&mut through)?;
    said.trim()
        .parse()
        .map_err(|_| format!("{} said {said}", sh::line(&through)))
}

/// strace's total, its summary's last line: `100.00 seconds usecs/call calls [errors] total`.
fn count_calls(stage: &Stage, subject: &Subject) -> Result<u64> {
    let file = stage.scratch.0.join("strace");
    let id = subject.id();
    let command = (subject.probe)(&id);
    let mut strace = silent("strace".as_ref(), &["-f", "-c", "-o"].map(OsStr::new));
    strace
        .arg(&file)
        .arg(command.get_program())
        .args(command.get_args());
    let mut child = strace
        .spawn()
        .map_err(|e| format!("cannot run strace: {e}"))?;
    if subject.kind == Kind::Lifecycle {
        // strace stays with the container's process until that ends.
        let started = stage
            .runtimes
            .iter()
            .find(|r| r.name == subject.who)
            .map(|runtime| start_when_created(runtime, &id));
        if let Some(Err(error)) = started {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
    }
    child.wait().map_err(|e| format!("strace: {e}"))?;
    let summary = sh::read(&file)?;
    let total = summary.lines().rev().find(|line| line.ends_with(" total"));
    let calls = total
        .and_then(|line| line.split_whitespace().nth(3))
        .and_then(|word| word.parse().ok());
    calls.ok_or_else(|| format!("strace's summary has no total:\n{summary}"))
}

/// Starts a container as soon as its `create`, which runs meanwhile, is done.
fn start_when_created(runtime: &Runtime, id: &str) -> Result {
    let begin = Instant::now();
    loop {
        let result = clock::time(&mut runtime.command(&["start".as_ref(), id.as_ref()]));
        if result.is_ok() || begin.elapsed() > Duration::from_secs(10) {
            return result.map(drop);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
