//! Runs the table: each case in a process of its own (this program again, with the
//! case's name), two at a time, with a time limit.
use super::{Case, Module, Stop, leak};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, atomic::AtomicUsize, atomic::Ordering};
use std::time::{Duration, Instant};

/// A case that takes longer, in seconds, has hung.
const LIMIT: u64 = 60;
/// The same for the serial group, which does things by the thousand.
const SERIAL_LIMIT: u64 = 240;
/// Exit code of a case's process that means "skipped".
const SKIPPED: i32 = 77;

/// Where everything of one run of the suite lies.
pub struct Suite {
    /// Removed at the end.
    pub dir: PathBuf,
    /// The copy of the binary that is tested, so that no test can harm the original.
    pub mote: PathBuf,
}

struct Job {
    name: String,
    serial: bool,
    run: fn(&Case) -> super::Res,
}

/// The whole program.
pub fn main(modules: &[Module]) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let jobs: Vec<Job> = modules
        .iter()
        .flat_map(|m| {
            m.cases.iter().map(|(n, run)| Job {
                name: format!("{}::{n}", m.name),
                serial: m.serial,
                run: *run,
            })
        })
        .collect();
    if let [flag, dir, name] = args.as_slice()
        && flag == "--case"
    {
        return one(&jobs, Path::new(dir), name);
    }
    if args.iter().any(|a| a == "--list") {
        jobs.iter().for_each(|j| println!("{}", j.name));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    let chosen: Vec<Job> = jobs
        .into_iter()
        .filter(|j| wanted.is_empty() || wanted.iter().any(|w| j.name.contains(w.as_str())))
        .collect();
    if let Some(why) = super::host::unfit() {
        chosen
            .iter()
            .for_each(|j| println!("skipped {}: {why}", j.name));
        println!("0 passed, 0 failed, {} skipped", chosen.len());
        return ExitCode::SUCCESS;
    }
    match super::host::prepare() {
        Ok(suite) => all(&suite, &chosen),
        Err(e) => {
            println!("e2e: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the chosen cases, says how each ended, and removes the suite's directory.
fn all(suite: &Suite, jobs: &[Job]) -> ExitCode {
    let before = fs::read(&suite.mote).unwrap_or_default();
    let start = Instant::now();
    let counts: Mutex<[usize; 3]> = Mutex::new([0; 3]);
    for serial in [false, true] {
        let group: Vec<&Job> = jobs.iter().filter(|j| j.serial == serial).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..if serial { 1 } else { 2 } {
                scope.spawn(|| {
                    while let Some(job) = group.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begun = Instant::now();
                        let (kind, why) = in_process(suite, job);
                        let mut counts = counts.lock().unwrap_or_else(|e| e.into_inner());
                        counts[kind] += 1;
                        let ms = begun.elapsed().as_millis();
                        match kind {
                            0 => println!("ok {} ({ms} ms)", job.name),
                            1 => println!("FAILED {}: {why}", job.name),
                            _ => println!("skipped {}: {why}", job.name),
                        }
                    }
                });
            }
        });
    }
    let [passed, mut failed, skipped] = counts.into_inner().unwrap_or_else(|e| e.into_inner());
    if fs::read(&suite.mote).unwrap_or_default() != before {
        println!("FAILED binary_unchanged: a case changed the binary under test");
        failed += 1;
    }
    if failed == 0 {
        fs::remove_dir_all(&suite.dir).ok();
    } else {
        println!("what failed cases left is in {}", suite.dir.display());
    }
    println!("took {} s", start.elapsed().as_secs());
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Starts this program for one case and waits; kills its process group after the limit.
fn in_process(suite: &Suite, job: &Job) -> (usize, String) {
    let log = suite
        .dir
        .join(format!("{}.log", job.name.replace("::", "-")));
    let started = File::create(&log).and_then(|file| {
        case_program()?
            .args(["--case".as_ref(), suite.dir.as_os_str(), job.name.as_ref()])
            .env("MOTE_BIN", &suite.mote)
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .process_group(0)
            .spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(e) => return (1, e.to_string()),
    };
    let limit = super::patience(if job.serial { SERIAL_LIMIT } else { LIMIT });
    let end = Instant::now() + limit;
    let code = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code(),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(3)),
            _ => {
                leak::kill_tree(child.id());
                child.wait().ok();
                leak::sweep(&suite.dir, &job.name, &suite.mote);
                return (
                    1,
                    format!("hung for {} s; {}", limit.as_secs(), last_words(&log)),
                );
            }
        }
    };
    match code {
        Some(0) => (0, String::new()),
        Some(SKIPPED) => (2, last_words(&log)),
        _ => (1, last_words(&log)),
    }
}

/// This program. Under nohup(1) SIGHUP is ignored, behind a script's `&` SIGINT and SIGQUIT are, and would be in containers
/// too: what is started keeps that.
fn case_program() -> std::io::Result<Command> {
    const HANGUP_INTERRUPT_QUIT: u64 = 0b111;
    let own = std::env::current_exe()?;
    let status = fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_none_or(|mask| mask & HANGUP_INTERRUPT_QUIT == 0) {
        return Ok(Command::new(own));
    }
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT").arg(own);
    Ok(command)
}

/// The last line that a case's process wrote.
fn last_words(log: &Path) -> String {
    let text = fs::read(log)
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .unwrap_or_default();
    text.trim_end().lines().last().unwrap_or("").to_string()
}

/// The case's own process.
fn one(jobs: &[Job], dir: &Path, name: &str) -> ExitCode {
    let Some(job) = jobs.iter().find(|j| j.name == name) else {
        eprintln!("no such case");
        return ExitCode::FAILURE;
    };
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).ok();
    let result = Case::new(dir, name).and_then(|case| {
        let result = (job.run)(&case).and_then(|()| leak::check(&case));
        leak::clean(&case, result.is_err());
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Skip(why)) => {
            eprintln!("{}", why.replace('\n', " | "));
            ExitCode::from(SKIPPED as u8)
        }
        Err(Stop::Failed(why)) => {
            eprintln!("{}", why.trim_end().replace('\n', " | "));
            ExitCode::FAILURE
        }
    }
}
