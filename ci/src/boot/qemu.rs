//! QEMU from Debian's packages, run beside whatever the machine has.

use super::machine::{EMULATORS, Machine};
use crate::elf::Elf;
use crate::sh::{self, Result};
use crate::{apt, toolchain};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A guest that is to be started.
pub struct Guest<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// Its kernel.
    pub kernel: &'a Path,
    /// Its initramfs.
    pub initramfs: &'a Path,
    /// More of the kernel's command line.
    pub parameters: &'a str,
    /// MiB of memory.
    pub memory: u32,
    /// It is ended after this time.
    pub limit: Duration,
}

/// What came out of a guest.
pub struct Ended {
    /// What it wrote to its port `status` at the end, without white space; empty if it never came so far.
    pub status: String,
    /// Its console.
    pub console: String,
    /// From the start of QEMU to its end; the guest has switched itself off unless `late`.
    pub time: Duration,
    /// It was still running after its time.
    pub late: bool,
}

/// Boots it and waits until it is off, at most its limit. Each line of `out` goes to `line` as soon as it is there. What
/// QEMU itself says belongs to the error when it doesn't run.
pub fn boot(guest: &Guest<'_>, line: &mut dyn FnMut(&str)) -> Result<Ended> {
    let scratch = sh::Scratch::new(&format!("boot-{}", guest.machine.name))?;
    let file = |name: &str| scratch.0.join(name);
    let mut command = program(guest.machine.qemu)?;
    command.args(guest.machine.board);
    command.args([
        "-accel",
        "tcg",
        "-m",
        &guest.memory.to_string(),
        "-smp",
        "2",
    ]);
    command.args([
        "-nic",
        "none",
        "-display",
        "none",
        "-monitor",
        "none",
        "-no-reboot",
    ]);
    command
        .arg("-serial")
        .arg(format!("file:{}", file("console").display()));
    command.args(["-device", "virtio-serial", "-device", "virtio-rng"]);
    // A disk to set limits for, with nothing on it.
    command.args(["-drive", "driver=null-co,size=16M,if=virtio"]);
    for port in ["out", "status"] {
        sh::write(&file(port), "")?;
        command
            .arg("-chardev")
            .arg(format!("file,id={port},path={}", file(port).display()));
        command
            .arg("-device")
            .arg(format!("virtserialport,chardev={port},name={port}"));
    }
    command.arg("-kernel").arg(guest.kernel);
    command.arg("-initrd").arg(guest.initramfs);
    command.arg("-append").arg(format!(
        "console={} panic=-1 {}",
        guest.machine.console, guest.parameters
    ));
    let log = File::create(file("log")).map_err(|e| e.to_string())?;
    let errors = log.try_clone().map_err(|e| e.to_string())?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors);

    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|e| format!("{}: {e}", sh::line(&command)))?;
    let mut tail = Tail::new(&file("out"))?;
    let (mut late, mut status) = (false, None);
    while status.is_none() {
        status = child.try_wait().map_err(|e| e.to_string())?;
        if status.is_none() && !late && start.elapsed() > guest.limit {
            late = true;
            child.kill().map_err(|e| e.to_string())?;
        }
        tail.lines(status.is_some(), line)?;
        std::thread::sleep(Duration::from_millis(20));
    }
    let time = start.elapsed();
    if !late && !status.is_some_and(|status| status.success()) {
        return Err(format!("{}: {}", guest.machine.qemu, text(&file("log"))));
    }
    Ok(Ended {
        status: text(&file("status")).trim().to_owned(),
        console: text(&file("console")),
        time,
        late,
    })
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The lines that are added to a file.
struct Tail {
    file: File,
    at: u64,
    half: Vec<u8>,
}

impl Tail {
    fn new(path: &Path) -> Result<Tail> {
        let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Tail {
            file,
            at: 0,
            half: Vec::new(),
        })
    }

    /// Those that came since the last call; at the `end` also one without a line feed.
    fn lines(&mut self, end: bool, line: &mut dyn FnMut(&str)) -> Result {
        let mut read = || -> std::io::Result<usize> {
            self.file.seek(SeekFrom::Start(self.at))?;
            self.file.read_to_end(&mut self.half)
        };
        self.at += read().map_err(|e| e.to_string())? as u64;
        while let Some(length) = self.half.iter().position(|&byte| byte == b'\n') {
            let whole: Vec<u8> = self.half.drain(..=length).collect();
            line(String::from_utf8_lossy(&whole).trim_end());
        }
        if end && !self.half.is_empty() {
            line(&String::from_utf8_lossy(&self.half));
        }
        Ok(())
    }
}

/// A program of QEMU with the libraries that it came with: started by their own loader, it needs none of this machine's.
fn program(name: &str) -> Result<Command> {
    let root = apt::closure(toolchain::native()?.debian, "qemu", EMULATORS)?;
    let program = root.join("usr/bin").join(name);
    let loader = Elf::read(&program)?
        .interpreter()
        .ok_or_else(|| format!("{}: not a dynamic program", program.display()))?;
    let libraries = library_dir(&root)?;
    let mut command = Command::new(below(&root, &loader));
    command.arg("--library-path").arg(&libraries).arg(&program);
    command.env("QEMU_MODULE_DIR", libraries.join("qemu"));
    for dir in ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"] {
        command.arg("-L").arg(root.join(dir));
    }
    Ok(command)
}

/// The file that `/lib*/...` means in a root whose links between `/lib` and `/usr/lib` nobody made.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join("usr").join(path.trim_start_matches('/'))
}

/// Debian's directory with libraries has the machine's name.
fn library_dir(root: &Path) -> Result<PathBuf> {
    let places = sh::list(&root.join("usr/lib"))?;
    let found = places
        .into_iter()
        .find(|place| place.join("libc.so.6").exists());
    found.ok_or_else(|| format!("no libc.so.6 below {}/usr/lib", root.display()))
}
