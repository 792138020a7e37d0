//! One case: its directory, its state root, its ids, and the verbs in short form.
use super::{Bundle, Cmd, Out, R, Report, Value, fail, patience};
use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// See the module.
pub struct Case {
    /// The case's own directory; removed afterwards.
    pub dir: PathBuf,
    /// `--root` of every command.
    pub root: PathBuf,
    /// Shared with the other cases: busybox, the probe, the binary.
    pub base: PathBuf,
    /// The binary under test.
    pub mote: PathBuf,
    /// Part of every id and cgroup name that the case makes, and of no other.
    pub token: String,
    /// mountinfo's lines before the case.
    pub mounts: Vec<String>,
    serial: Cell<u32>,
}

impl Case {
    /// Makes the directories of the case `name` in the suite's directory.
    pub fn new(suite: &Path, name: &str) -> R<Case> {
        let token = format!("e2e{}", std::process::id());
        let dir = suite.join(name.replace("::", "-"));
        fs::create_dir(&dir)?;
        let mote = std::env::var_os("MOTE_BIN")
            .ok_or("MOTE_BIN is not set")?
            .into();
        Ok(Case {
            root: dir.join("state"),
            base: suite.join("base"),
            dir,
            mote,
            token,
            mounts: super::leak::mounts(),
            serial: Cell::new(0),
        })
    }

    /// A number that no earlier call gave.
    pub fn fresh(&self) -> u32 {
        self.serial.set(self.serial.get() + 1);
        self.serial.get()
    }

    /// A container id that no other case uses.
    pub fn id(&self) -> String {
        format!("{}-{}", self.token, self.fresh())
    }

    /// A path in the case's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A bundle from `spec`'s template, terminal off, that runs `args`.
    pub fn bundle(&self, args: &[&str]) -> R<Bundle> {
        Bundle::new(self, args)
    }

    /// The binary with `--root` and `args`.
    pub fn mote<S: AsRef<OsStr>>(&self, args: &[S]) -> Cmd {
        Cmd::new(self, &self.mote)
            .arg("--root")
            .arg(&self.root)
            .args(args)
    }

    /// Any other program.
    pub fn tool<S: AsRef<OsStr>>(&self, program: &str, args: &[S]) -> Cmd {
        Cmd::new(self, Path::new(program)).args(args)
    }

    /// `VERB -b BUNDLE EXTRA... ID`, not yet started.
    pub fn verb(&self, verb: &str, b: &Bundle, extra: &[&str]) -> R<Cmd> {
        b.write()?;
        Ok(self.mote(&[verb, "-b"]).arg(&b.dir).args(extra).arg(&b.id))
    }

    /// `run` in the foreground, whatever its exit code.
    pub fn run(&self, b: &Bundle) -> R<Out> {
        self.verb("run", b, &[])?.go()
    }

    /// `run -d`; must succeed.
    pub fn detach(&self, b: &Bundle) -> R<Out> {
        self.verb("run", b, &["-d"])?.go()?.ok()
    }

    /// `create`; must succeed.
    pub fn create(&self, b: &Bundle) -> R<Out> {
        self.verb("create", b, &[])?.go()?.ok()
    }

    /// `start`; must succeed.
    pub fn start(&self, b: &Bundle) -> R<Out> {
        self.mote(&["start", &b.id]).go()?.ok()
    }

    /// `delete`; must succeed.
    pub fn delete(&self, b: &Bundle) -> R<Out> {
        self.mote(&["delete", &b.id]).go()?.ok()
    }

    /// `delete --force`; must succeed.
    pub fn force(&self, b: &Bundle) -> R<Out> {
        self.mote(&["delete", "--force", &b.id]).go()?.ok()
    }

    /// `kill ID SIGNAL`; must succeed.
    pub fn kill(&self, b: &Bundle, signal: &str) -> R<Out> {
        self.mote(&["kill", &b.id, signal]).go()?.ok()
    }

    /// `exec ID ARGS...`, whatever its exit code.
    pub fn exec(&self, b: &Bundle, args: &[&str]) -> R<Out> {
        self.mote(&["exec", &b.id]).args(args).go()
    }

    /// What `state` prints.
    pub fn state(&self, b: &Bundle) -> R<Value> {
        let out = self.mote(&["state", &b.id]).go()?.ok()?;
        Ok(serde_json::from_str(&out.out)?)
    }

    /// `state`'s status.
    pub fn status(&self, b: &Bundle) -> R<String> {
        Ok(self.state(b)?["status"].as_str().unwrap_or("").to_string())
    }

    /// `state`'s pid.
    pub fn pid(&self, b: &Bundle) -> R<i32> {
        match self.state(b)?["pid"].as_i64() {
            Some(pid) if pid > 0 => Ok(pid as i32),
            other => fail(format!("state has pid {other:?}")),
        }
    }

    /// Waits until `state` gives `want`.
    pub fn wait_status(&self, b: &Bundle, want: &str) -> R<()> {
        self.until(&format!("status {want}"), || Ok(self.status(b)? == want))
    }

    /// Waits up to ten seconds until `done` is true.
    pub fn until(&self, what: &str, mut done: impl FnMut() -> R<bool>) -> R<()> {
        let limit = patience(10);
        let end = Instant::now() + limit;
        while !done()? {
            if Instant::now() > end {
                return fail(format!("waited {} s in vain for {what}", limit.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    }

    /// Runs `probe report` in the bundle and reads what it says.
    pub fn report(&self, b: &mut Bundle) -> R<Report> {
        b.args(&["/bin/probe", "report"]);
        Report::parse(&self.run(b)?.ok()?)
    }

    /// Runs `script` by the container's sh and gives its output.
    pub fn sh(&self, b: &mut Bundle, script: &str) -> R<String> {
        b.args(&["/bin/sh", "-c", script]);
        Ok(self.run(b)?.ok()?.out)
    }

    /// True when the binary under test is not mote but Debian's runc or crun.
    pub fn is_other(&self, name: &str) -> bool {
        self.mote.file_name().is_some_and(|n| n == name)
    }

    /// `n`, divided by MOTE_E2E_DIVIDE where someone is in a hurry.
    pub fn scale(&self, n: u32) -> u32 {
        let by = std::env::var("MOTE_E2E_DIVIDE")
            .ok()
            .and_then(|d| d.parse().ok())
            .unwrap_or(1);
        (n / by).max(1)
    }
}
