//! `linux.intelRdt`: the directories of a resctrl file system (kernel: filesystems/resctrl.rst).
//!
//! A class of service is a directory right below the mount, whose file `schemata` says what share of caches and memory
//! bandwidth the processes in its file `tasks` have. A monitoring group is a directory in the class's `mon_groups`. Both
//! are made before the container's program runs and removed with the container, the class only if it was made for it and
//! nobody else is in it. All of it works on the descriptor of the mount.

pub mod stats;

use crate::cgroup::mount_of;
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::text::{c, decimal, fill, pieces, unpacked};
use init::packed::Packed;
use init::plan;
use init::procfs::Procfs;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::Pid;

/// A container's place in resctrl.
#[derive(Debug)]
pub struct Rdt {
    /// The mount.
    root: OwnedFd,
    /// The class's directory; empty for the one that everybody is in at first.
    class: String,
    /// Whether that is made for the container.
    made: bool,
    /// The monitoring group's directory; empty if there is none.
    monitor: String,
}

impl Rdt {
    /// Finds the mount, and what is there of what the plan asks for; makes nothing. `id` is the container's.
    pub fn look(procfs: &Procfs, plan: &plan::Rdt<'_>, id: &str) -> Result<Rdt> {
        Rdt::look_in(mount(procfs)?, plan, id)
    }

    fn look_in(root: OwnedFd, plan: &plan::Rdt<'_>, id: &str) -> Result<Rdt> {
        let class = lossy(plan.class.to_bytes());
        let there = class.is_empty() || statat(&root, plan.class, AtFlags::empty()).is_ok();
        let refuse = |why: Packed| {
            Err(Error::fill(
                packed!("linux.intelRdt.closID {}: {}"),
                &[&class, &unpacked(why)],
            ))
        };
        match (plan.named, there) {
            (true, false) if plan.lines.is_empty() => {
                return refuse(packed!(
                    "there is no such class, and no schema to make it with"
                ));
            }
            (false, true) => {
                return refuse(packed!(
                    "this class, named after the container, is there already"
                ));
            }
            (true, true) if !agree(&read(root.as_fd(), &class, "schemata")?, plan.lines) => {
                return refuse(packed!("this class is there already, with another schema"));
            }
            _ => {}
        }
        Ok(Rdt::new(root, class, !there, plan.monitor.then_some(id)))
    }

    fn new(root: OwnedFd, class: String, made: bool, monitor: Option<&str>) -> Rdt {
        let monitor = monitor.map(|id| join(&class, &fill("mon_groups/{}", &[id])));
        Rdt {
            root,
            class,
            made,
            monitor: monitor.unwrap_or_default(),
        }
    }

    /// The text for the state file: two signs and the class.
    pub fn save(&self) -> String {
        let made = if self.made { "+" } else { "=" };
        let monitor = if self.monitor.is_empty() { "-" } else { "m" };
        [made, monitor, &self.class].concat()
    }

    /// The same again for container `id`; none if it is in no class.
    pub fn load(procfs: &Procfs, text: &str, id: &str) -> Result<Option<Rdt>> {
        let Some((signs, class)) = text.split_at_checked(2) else {
            return Ok(None);
        };
        let monitor = signs.ends_with("m").then_some(id);
        mount(procfs).map(|root| {
            Some(Rdt::new(
                root,
                class.into(),
                signs.starts_with("+"),
                monitor,
            ))
        })
    }

    /// Makes what isn't there, and moves a process into it.
    pub fn make(&self, lines: &[&[u8]], pid: Pid) -> Result<()> {
        if self.made {
            self.make_dir(&self.class)?;
            if !lines.is_empty() {
                let mut text = Vec::new();
                for line in lines {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
                self.set(&text)?;
            }
        }
        if !self.monitor.is_empty() {
            self.make_dir(&self.monitor)?;
        }
        self.enter(pid)
    }

    /// Moves a process, whose children will be there too.
    pub fn enter(&self, pid: Pid) -> Result<()> {
        let pid = decimal(pid.as_raw_pid() as u64);
        self.write(&self.class, "tasks", pid.as_bytes())?;
        if self.monitor.is_empty() {
            return Ok(());
        }
        self.write(&self.monitor, "tasks", pid.as_bytes())
    }

    /// Writes lines of `schemata`.
    pub fn set(&self, lines: &[u8]) -> Result<()> {
        self.write(&self.class, "schemata", lines)
    }

    /// Removes what was made.
    pub fn remove(&self) -> Result<()> {
        if !self.monitor.is_empty() {
            self.remove_dir(&self.monitor)?;
        }
        // Whoever shares the class goes on with it.
        let empty = |tasks: String| tasks.trim_ascii().is_empty();
        if self.made && read(self.root.as_fd(), &self.class, "tasks").is_ok_and(empty) {
            self.remove_dir(&self.class)?;
        }
        Ok(())
    }

    fn make_dir(&self, path: &str) -> Result<()> {
        mkdirat(
            &self.root,
            &*c(&[path.as_bytes()]),
            Mode::from_raw_mode(0o755),
        )
        .map_err(|errno| self.failed("making ", path, errno))
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        match unlinkat(&self.root, &*c(&[path.as_bytes()]), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed("removing ", path, errno)),
        }
    }

    fn write(&self, dir: &str, file: &str, text: &[u8]) -> Result<()> {
        let path = join(dir, file);
        files::write_at(self.root.as_fd(), &path, text)
            .map_err(|errno| self.failed("writing to ", &path, errno))
    }

    /// With what resctrl itself has to say.
    #[cold]
    fn failed(&self, step: &str, path: &str, errno: Errno) -> Error {
        let why = read(self.root.as_fd(), "info", "last_cmd_status").unwrap_or_default();
        let error = Error::of("linux.intelRdt", [step, path].concat().as_bytes(), errno);
        match why.trim_ascii() {
            "" | "ok" => error,
            why => Error::fill(packed!("{}: {}"), &[error.text(), why]),
        }
    }
}

/// The mount of resctrl.
fn mount(procfs: &Procfs) -> Result<OwnedFd> {
    const NONE: Packed = packed!(
        "linux.intelRdt: no resctrl file system is mounted; `mount -t resctrl resctrl /sys/fs/resctrl`, on a CPU that has it"
    );
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let point = mount_of(procfs.fd(), "resctrl")?.ok_or_else(|| Error::new(NONE))?;
    let failed = |errno| Error::of("linux.intelRdt", point.as_bytes(), errno);
    files::open_at(CWD, &point, flags, 0).map_err(failed)
}

fn read(root: BorrowedFd<'_>, dir: &str, file: &str) -> Result<String> {
    let path = join(dir, file);
    files::read_at(root, &path)
        .map(|text| lossy(&text))
        .map_err(|errno| Error::of("linux.intelRdt", path.as_bytes(), errno))
}

fn join(dir: &str, name: &str) -> String {
    let slash = if dir.is_empty() { "" } else { "/" };
    [dir, slash, name].concat()
}

/// Whether a class's `schemata` has all that these lines ask for, such as `L3:0=ff;1=0f`.
fn agree(schemata: &str, lines: &[&[u8]]) -> bool {
    let schemata = plain(schemata.as_bytes());
    lines.iter().all(|line| {
        let line = plain(line);
        let (resource, shares) = line.split_at(
            line.bytes()
                .position(|byte| byte == b':')
                .map_or(0, |at| at + 1),
        );
        let there = pieces(&schemata, b'\n').find_map(|there| there.strip_prefix(resource));
        let there = pieces(there.unwrap_or_default(), b';');
        !resource.is_empty() && pieces(shares, b';').all(|share| there.clone().has(share))
    })
}

/// Without the blanks and leading zeros that the kernel writes.
fn plain(lines: &[u8]) -> String {
    let mut text = String::new();
    for byte in lines {
        match byte {
            b' ' => {}
            b'0' if text.ends_with("=") => {}
            byte => text.push(char::from(*byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests;
