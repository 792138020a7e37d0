//! What is measured with: the packages, the small C programs, the bundles, and the crowd of live containers.

use super::{clock, silent};
use crate::sh::{self, Result, Scratch};
use crate::toolchain::{self, Sysroot};
use crate::{apt, dist};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The C programs in `ci/floor`.
const PROGRAMS: &[&str] = &["floor", "peak", "true"];
const CGROUPS: &str = "/sys/fs/cgroup";

/// Everything that downloads or builds; the path of the mote to measure.
pub fn prepare(mote: Option<PathBuf>) -> Result<PathBuf> {
    if !apt::root() {
        return Err("the benchmark makes real containers: run it as root".into());
    }
    apt::need(&["crun", "runc", "strace", "gcc", "util-linux"])?;
    let arch = toolchain::native()?;
    let sysroot = toolchain::sysroot(arch)?;
    for program in PROGRAMS {
        compile(program, &sysroot)?;
    }
    match mote {
        Some(mote) => Ok(mote),
        None => dist::binary(arch),
    }
}

/// A static program against musl, so that the C library's own start costs next to nothing.
fn compile(name: &str, sysroot: &Sysroot) -> Result {
    let file = |name: &str| sysroot.lib.join(name);
    let mut cc = Command::new("gcc");
    cc.args([
        "-O2",
        "-static",
        "-no-pie",
        "-Wall",
        "-nostdinc",
        "-nostartfiles",
        "-nodefaultlibs",
        "-isystem",
    ]);
    cc.arg(&sysroot.include)
        .arg("-o")
        .arg(program(name)?)
        .arg(file("crt1.o"))
        .arg(file("crti.o"));
    cc.arg(sh::top().join(format!("ci/floor/{name}.c")))
        .arg(file("libc.a"))
        .arg("-lgcc")
        .arg(file("crtn.o"));
    sh::run(&mut cc)
}

fn program(name: &str) -> Result<PathBuf> {
    Ok(sh::target("bench")?.join(name))
}

/// A shell script that makes the private view and goes on with its arguments: without a v2 hierarchy beside v1 ones,
/// which crun refuses, and with /run on a tmpfs, as hosts have it: all runtimes keep their state there.
pub fn private_view() -> String {
    let mut script = String::from("mount -t tmpfs tmpfs /run || exit 1; ");
    for (place, _) in mounts_of("cgroup2")
        .iter()
        .filter(|(place, _)| place != CGROUPS)
    {
        script.push_str(&format!("umount '{place}' || exit 1; "));
    }
    script + "exec \"$@\""
}

/// Mount points of a file system type, each with the file system's options.
fn mounts_of(kind: &str) -> Vec<(String, String)> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let rows = table
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    rows.filter(|row| row.get(2) == Some(&kind))
        .map(|row| (row[1].to_owned(), row[3].to_owned()))
        .collect()
}

/// The CGROUPS argument of the floor program.
pub fn floor_cgroups() -> String {
    match mounts_of("cgroup2").first() {
        Some((place, _)) => format!("2={place}"),
        None => {
            let places: Vec<String> = mounts_of("cgroup")
                .into_iter()
                .map(|(place, _)| place)
                .collect();
            places.join(":")
        }
    }
}

/// A runtime: its name in the tables, its program, and the containers' directory of its own.
pub struct Runtime {
    /// As in the tables.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
    /// Its `--root`.
    pub root: PathBuf,
}

impl Runtime {
    /// `program --root DIR arguments...`
    pub fn command(&self, arguments: &[&OsStr]) -> Command {
        let mut all = vec![OsStr::new("--root"), self.root.as_os_str()];
        all.extend(arguments);
        silent(self.program.as_os_str(), &all)
    }

    /// `delete --force ID`; what it says is of no interest.
    fn remove(&self, id: &str) {
        let _ = self
            .command(&["delete".as_ref(), "--force".as_ref(), id.as_ref()])
            .status();
    }
}

/// The directory of one benchmark run, the runtimes, and a running container of each for `exec`.
pub struct Stage {
    /// In the tables' order.
    pub runtimes: Vec<Runtime>,
    /// The bundle whose program ends at once.
    pub quick: PathBuf,
    /// The same with an engine's seccomp filter.
    pub filtered: PathBuf,
    /// The bundle whose program waits.
    pub waiting: PathBuf,
    /// The root filesystem of both: one static program.
    pub rootfs: PathBuf,
    /// The compiled floor program.
    pub floor: PathBuf,
    /// The compiled peak program.
    pub peak: PathBuf,
    /// For pid files and traces.
    pub scratch: Scratch,
}

/// The id of each runtime's running container.
pub const RUNNING: &str = "bench-running";

impl Stage {
    /// Makes the bundles and starts a container of each runtime.
    pub fn new(mote: &Path) -> Result<Stage> {
        let scratch = Scratch::new("bench")?;
        let dir = scratch.0.clone();
        let rootfs = dir.join("rootfs");
        for name in ["bin", "proc", "sys", "dev"] {
            sh::make_dir(&rootfs.join(name))?;
        }
        sh::copy(&program("true")?, &rootfs.join("bin/true"))?;
        let rows: [(&'static str, &Path); 3] = [
            ("mote", mote),
            ("crun", "/usr/bin/crun".as_ref()),
            ("runc", "/usr/sbin/runc".as_ref()),
        ];
        let mut runtimes = Vec::new();
        for (name, program) in rows {
            runtimes.push(Runtime {
                name,
                program: program.to_path_buf(),
                root: PathBuf::from(format!("/run/bench-{name}")),
            });
        }
        let template = template(&dir, &rootfs)?;
        let quick = bundle(&dir, "quick", &template, "\"/bin/true\"")?;
        let profile = sh::read(&sh::top().join("runtime/tests/seccomp/engine.json"))?;
        let linux = format!("\"linux\": {{\n\"seccomp\": {profile},");
        let filtered = template.replacen("\"linux\": {", &linux, 1);
        let filtered = bundle(&dir, "filtered", &filtered, "\"/bin/true\"")?;
        let waiting = bundle(&dir, "waiting", &template, "\"/bin/true\", \"wait\"")?;
        let stage = Stage {
            runtimes,
            quick,
            filtered,
            waiting,
            rootfs,
            floor: program("floor")?,
            peak: program("peak")?,
            scratch,
        };
        for runtime in &stage.runtimes {
            clock::time(&mut runtime.command(&detached(&stage.waiting, RUNNING)))?;
        }
        Ok(stage)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for runtime in &self.runtimes {
            let left = fs::read_dir(&runtime.root).into_iter().flatten().flatten();
            for entry in left {
                runtime.remove(&entry.file_name().to_string_lossy());
            }
        }
    }
}

/// runc's own template, with the two changes that every runtime can take: no terminal, and a version that Debian's
/// crun accepts.
fn template(dir: &Path, rootfs: &Path) -> Result<String> {
    let place = dir.join("template");
    sh::make_dir(&place)?;
    sh::run(Command::new("runc").arg("spec").current_dir(&place))?;
    let text = sh::read(&place.join("config.json"))?;
    let version = text
        .split("\"ociVersion\": \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    let text = text.replacen(
        &format!("\"ociVersion\": \"{version}\""),
        "\"ociVersion\": \"1.0.2\"",
        1,
    );
    let text = text.replacen("\"terminal\": true", "\"terminal\": false", 1);
    Ok(text.replacen(
        "\"path\": \"rootfs\"",
        &format!("\"path\": \"{}\"", rootfs.display()),
        1,
    ))
}

fn bundle(dir: &Path, name: &str, template: &str, arguments: &str) -> Result<PathBuf> {
    let place = dir.join(name);
    sh::make_dir(&place)?;
    let config = template.replacen("\"sh\"", arguments, 1);
    if !config.contains(arguments) || !config.contains("\"terminal\": false") {
        return Err("runc's template has changed its form: see ci/src/bench/setup.rs".into());
    }
    sh::write(&place.join("config.json"), config)?;
    Ok(place)
}

/// `run --detach --bundle BUNDLE ID`
fn detached<'a>(bundle: &'a Path, id: &'a str) -> [&'a OsStr; 5] {
    [
        "run".as_ref(),
        "--detach".as_ref(),
        "--bundle".as_ref(),
        bundle.as_os_str(),
        id.as_ref(),
    ]
}

/// Containers of mote that only live; dropping removes them.
pub struct Crowd<'a> {
    runtime: &'a Runtime,
    ids: Vec<String>,
}

impl<'a> Crowd<'a> {
    /// Starts `count` of them.
    pub fn start(stage: &'a Stage, count: usize) -> Result<Crowd<'a>> {
        let runtime = stage.runtimes.first().ok_or("no runtime")?;
        let mut crowd = Crowd {
            runtime,
            ids: Vec::new(),
        };
        for number in 0..count {
            let id = format!("bench-crowd-{number}");
            clock::time(&mut runtime.command(&detached(&stage.waiting, &id)))?;
            crowd.ids.push(id);
        }
        Ok(crowd)
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        for id in &self.ids {
            self.runtime.remove(id);
        }
    }
}
