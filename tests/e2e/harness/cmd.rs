//! Runs a program with a time limit. Its output goes to files, not pipes, so that a
//! container which lives on and keeps them open can't block the reader.
use super::{Case, R, fail, leak, patience, skip};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Timespec;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A command before it runs.
pub struct Cmd {
    command: Command,
    out: PathBuf,
    err: PathBuf,
    words: Vec<String>,
    limit: Duration,
    own_output: bool,
}

/// A command that runs.
pub struct Running {
    /// The process.
    pub child: Child,
    out: PathBuf,
    err: PathBuf,
    words: String,
    limit: Duration,
}

/// How a command ended.
#[derive(Debug)]
pub struct Out {
    /// Exit code; 1000 + signal if a signal killed the command itself.
    pub code: i32,
    /// Standard output so far.
    pub out: String,
    /// Standard error so far.
    pub err: String,
    /// The file of `out`, to read again later.
    pub out_file: PathBuf,
    /// The file of `err`.
    pub err_file: PathBuf,
    /// The command line, for messages.
    pub words: String,
}

impl Cmd {
    /// `program` with a clean environment, in the case's directory, stdin /dev/null.
    pub fn new(case: &Case, program: &Path) -> Cmd {
        let n = case.fresh();
        let mut command = Command::new(program);
        command.env_clear().env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        command.current_dir(&case.dir).stdin(Stdio::null());
        Cmd {
            command,
            out: case.path(&format!("{n}.out")),
            err: case.path(&format!("{n}.err")),
            words: vec![program.display().to_string()],
            limit: patience(30),
            own_output: true,
        }
    }

    /// One more argument.
    pub fn arg<S: AsRef<OsStr>>(mut self, arg: S) -> Cmd {
        self.words.push(arg.as_ref().to_string_lossy().into_owned());
        self.command.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(self, args: &[S]) -> Cmd {
        args.iter().fold(self, |c, a| c.arg(a))
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Cmd {
        self.command.env(key, value);
        self
    }

    /// Another working directory.
    pub fn cwd(mut self, dir: &Path) -> Cmd {
        self.command.current_dir(dir);
        self
    }

    /// Standard input from bytes in a file beside the output.
    pub fn stdin_bytes(mut self, bytes: &[u8]) -> R<Cmd> {
        let path = self.out.with_extension("in");
        fs::write(&path, bytes)?;
        self.command.stdin(File::open(path)?);
        Ok(self)
    }

    /// Standard input from a descriptor or pipe.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Cmd {
        self.command.stdin(stdin);
        self
    }

    /// All three standard streams on a terminal.
    pub fn on_tty(mut self, tty: &OwnedFd) -> R<Cmd> {
        self.command
            .stdin(tty.try_clone()?)
            .stdout(tty.try_clone()?)
            .stderr(tty.try_clone()?);
        self.own_output = false;
        Ok(self)
    }

    /// Standard output to a descriptor of the caller's.
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Cmd {
        self.command.stdout(to);
        self.own_output = false;
        self
    }

    /// As an ordinary user without supplementary groups.
    pub fn user(mut self, id: u32) -> Cmd {
        self.command.uid(id).gid(id);
        self
    }

    /// Another time limit.
    pub fn limit(mut self, seconds: u64) -> Cmd {
        self.limit = patience(seconds);
        self
    }

    /// Starts it.
    pub fn spawn(mut self) -> R<Running> {
        fs::write(&self.out, "")?;
        let err = File::create(&self.err)?;
        if self.own_output {
            self.command
                .stdout(File::options().append(true).open(&self.out)?);
            self.command.stderr(err);
        }
        let words = self.words.join(" ");
        let child = match self.command.spawn() {
            Ok(child) => child,
            // A tool of the host, looked for in PATH.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !self.words[0].contains('/') => {
                return skip(format!("no {} on this host", self.words[0]));
            }
            Err(e) => return fail(format!("{words}: {e}")),
        };
        leak::own(child.id(), true);
        Ok(Running {
            child,
            out: self.out,
            err: self.err,
            words,
            limit: self.limit,
        })
    }

    /// Starts it and waits for its end.
    pub fn go(self) -> R<Out> {
        self.spawn()?.wait()
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> R<()> {
        let pid = Pid::from_raw(self.pid()).ok_or("no pid")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// What it has written to standard output up to now.
    pub fn so_far(&self) -> String {
        read(&self.out)
    }

    /// What it has written to standard error up to now.
    pub fn said(&self) -> String {
        read(&self.err)
    }

    /// Waits for its end; a command that takes longer than its limit fails the case.
    pub fn wait(mut self) -> R<Out> {
        let fd = pidfd_open(
            Pid::from_raw(self.pid()).ok_or("no pid")?,
            PidfdFlags::empty(),
        )?;
        let slice = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        let end = Instant::now() + self.limit;
        while poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&slice)).unwrap_or(0) == 0 {
            leak::reap_orphans();
            if Instant::now() > end {
                leak::kill_tree(self.child.id());
                self.child.wait()?;
                return fail(format!(
                    "hung: {}: {}{}",
                    self.words,
                    read(&self.out),
                    read(&self.err)
                ));
            }
        }
        let status = self.child.wait()?;
        leak::own(self.child.id(), false);
        Ok(Out {
            code: status
                .code()
                .unwrap_or_else(|| 1000 + status.signal().unwrap_or(0)),
            out: read(&self.out),
            err: read(&self.err),
            out_file: self.out,
            err_file: self.err,
            words: self.words,
        })
    }
}

/// A file as text, whatever bytes it has.
pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

impl Out {
    /// Exit code 0, or the case fails.
    pub fn ok(self) -> R<Out> {
        self.exits(0)
    }

    /// This exit code, or the case fails.
    pub fn exits(self, code: i32) -> R<Out> {
        if self.code == code {
            return Ok(self);
        }
        let (err, out) = (self.err.trim_end(), self.out.trim_end());
        fail(format!(
            "{}: exit code {}, not {code}: {err} {}",
            self.words,
            self.code,
            last(out)
        ))
    }

    /// This exit code and one clear line on stderr with each of `words` in it. Warnings,
    /// of a deprecated property for example, may stand beside it.
    pub fn refused(self, code: i32, words: &[&str]) -> R<Out> {
        let out = self.exits(code)?;
        let lines: Vec<&str> = out
            .err
            .lines()
            .filter(|l| !l.trim().is_empty() && !l.contains(" level=warning "))
            .collect();
        if lines.len() != 1 {
            return fail(format!(
                "{}: {} lines on stderr, not one: {}",
                out.words,
                lines.len(),
                out.err
            ));
        }
        match words.iter().find(|w| !out.err.contains(**w)) {
            Some(word) => fail(format!("{}: {word:?} is not in: {}", out.words, lines[0])),
            None => Ok(out),
        }
    }

    /// Standard output again, with what a container has added since.
    pub fn later(&self) -> String {
        read(&self.out_file)
    }
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap_or("")
}
