//! What a verb that enters a container finds out about the host first.

use crate::error::{Error, Result};
use crate::text::{decimal, fill, has_word};
use init::procfs::Procfs;
use init::sys::signal::{self, Set};
use rustix::fs::{Access, AtFlags, OFlags, accessat};
use rustix::process::Pid;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// See the module.
#[derive(Debug)]
pub struct Host {
    /// Its /proc.
    pub procfs: Procfs,
    /// The signal mask that mote was started with, and its children get.
    pub mask: Set,
}

impl Host {
    /// Looks. What is found stays open to the end of mote: each verb asks once.
    pub fn look() -> Result<&'static Host> {
        let procfs = Procfs::open()
            .map_err(|errno| Error::call(packed!("/proc (is it mounted?)"), errno))?;
        let mask = signal::mask().map_err(|errno| Error::call("rt_sigprocmask", errno))?;
        Ok(Box::leak(Box::new(Host { procfs, mask })))
    }

    /// Whether there is a /proc/kcore to point to.
    pub fn has_kcore(&self) -> bool {
        accessat(self.procfs.fd(), c"kcore", Access::EXISTS, AtFlags::empty()).is_ok()
    }

    /// Whether the kernel has SELinux, and it isn't switched off: its file system is there only then.
    pub fn has_selinux(&self) -> bool {
        let mut buffer = [0; 4096];
        self.procfs
            .read(c"filesystems", &mut buffer)
            .is_ok_and(|list| has_word(list, b"selinuxfs"))
    }

    /// Whether setgroups(2) is denied in the caller's user namespace, or in that of a process.
    pub fn setgroups_denied(&self, pid: Option<Pid>) -> bool {
        let path = match pid {
            Some(pid) => of_process(pid, "setgroups"),
            None => c"self/setgroups".to_owned(),
        };
        let mut buffer = [0; 16];
        self.procfs
            .read(&path, &mut buffer)
            .is_ok_and(|word| word.starts_with(b"deny"))
    }

    /// A file of a process, such as its namespace.
    pub fn open_own(&self, path: &core::ffi::CStr) -> Result<rustix::fd::OwnedFd> {
        // Below `ns` there are magic links only, which the strict way to open refuses.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat(self.procfs.fd(), path, flags, rustix::fs::Mode::empty())
            .map_err(|errno| Error::of("/proc", path.to_bytes(), errno))
    }
}

/// `PID/FILE`, below /proc.
#[inline(never)]
pub fn of_process(pid: Pid, file: &str) -> CString {
    CString::new(fill("{}/{}", &[&decimal(pid.as_raw_pid() as u64), file])).unwrap_or_default()
}

/// One variable of mote's environment.
pub fn variable(name: &str) -> Option<OsString> {
    init::sys::start::variable(name).map(|value| OsStr::from_bytes(value).to_owned())
}
