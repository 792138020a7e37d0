//! Which devices a container may open or make: `linux.resources.devices`, then what every container has.

use super::group::{Group, Member};
use super::{file, path, program, v1_devices};
use crate::error::{Error, Result};
use crate::text::fill;
use init::packed::Packed;
use init::plan::{ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE, DeviceRule};
use init::sys::bpf::{self, Instruction};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// All three kinds of access.
pub(super) const ANY_ACCESS: u8 = ACCESS_READ | ACCESS_WRITE | ACCESS_MKNOD;

/// What every container may do, whatever its config says: runc appends these to the config's rules, and
/// users depend on it. A device node may be made but not opened; the rest is what /dev is filled
/// with, pseudo terminals, and tun.
pub(super) const EVERYONE: [DeviceRule; 11] = [
    allow(b'c', None, None, ACCESS_MKNOD),
    allow(b'b', None, None, ACCESS_MKNOD),
    allow(b'c', Some(1), Some(3), ANY_ACCESS),    // null
    allow(b'c', Some(1), Some(8), ANY_ACCESS),    // random
    allow(b'c', Some(1), Some(7), ANY_ACCESS),    // full
    allow(b'c', Some(5), Some(0), ANY_ACCESS),    // tty
    allow(b'c', Some(1), Some(5), ANY_ACCESS),    // zero
    allow(b'c', Some(1), Some(9), ANY_ACCESS),    // urandom
    allow(b'c', Some(136), None, ANY_ACCESS),     // pts/*
    allow(b'c', Some(5), Some(2), ANY_ACCESS),    // ptmx
    allow(b'c', Some(10), Some(200), ANY_ACCESS), // net/tun
];

const fn allow(kind: u8, major: Option<u32>, minor: Option<u32>, access: u8) -> DeviceRule {
    DeviceRule {
        allow: true,
        kind,
        major,
        minor,
        access,
    }
}

/// What became of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforced {
    /// The kernel enforces them.
    Yes,
    /// It can't here, and the container may run all the same: the reason, for a warning.
    No(Packed),
}

impl Group {
    /// Puts the rules and `EVERYONE`'s in force, in place of all earlier ones. Nothing is allowed
    /// that no rule allows. Not to be called inside a user namespace: there the kernel lets nobody use
    /// or make device nodes of the host anyway, nor change these rules.
    pub fn restrict_devices(&self, rules: &[DeviceRule]) -> Result<Enforced> {
        let done = match self.members.iter().find(|member| member.has("devices")) {
            // What systemd has in force already is not taken away again: the process is there.
            Some(member) => member.restrict_v1(rules, self.unit.is_none()),
            None => match self.v2() {
                Some(member) => member.restrict_v2(rules),
                None => return self.unrestricted(rules),
            },
        };
        match done {
            Err(_) if self.lenient => Ok(Enforced::No(packed!(
                "device rules need privileges that a rootless runtime lacks"
            ))),
            done => done.map(|()| Enforced::Yes),
        }
    }

    /// The same for a container that may be running: it sees either the old rules or the new ones. On failure the old
    /// ones are in force.
    pub fn change_devices(&self, rules: &[DeviceRule]) -> Result<Enforced> {
        let Some(member) = self.members.iter().find(|member| member.has("devices")) else {
            self.tell_devices(rules)?;
            return self.restrict_devices(rules);
        };
        let old = member.read("devices.list")?;
        // v1 has no way to change them at once, so nobody may look meanwhile. From here on nothing returns before the thaw.
        let running = !self.is_frozen()?;
        if running {
            self.freeze()?;
        }
        let told = self.tell_devices(rules);
        let done = told.and_then(|()| self.restrict_devices(rules));
        let done = done.inspect_err(|_| {
            // A list of what is denied can't be read; whoever has one may have anything that is asked for.
            if !old.starts_with("a") {
                let _ = member.write("devices.deny", "a");
                for line in path::pieces(old.trim_ascii_end(), b'\n') {
                    let _ = member.write("devices.allow", line);
                }
            }
        });
        if running {
            self.thaw()?;
        }
        done
    }

    fn unrestricted(&self, rules: &[DeviceRule]) -> Result<Enforced> {
        if self.lenient {
            Ok(Enforced::No(packed!(
                "device rules need a cgroup of the container's own"
            )))
        } else if self.is_empty() {
            Ok(Enforced::No(packed!(
                "this host has no cgroups, so linux.resources.devices is not enforced"
            )))
        } else if allow_all(rules) {
            Ok(Enforced::Yes)
        } else {
            Err(Error::new(packed!(
                "linux.resources.devices: neither the v1 devices controller nor cgroup v2 is mounted; mount one, \
                 or let the last rule allow all devices"
            )))
        }
    }
}

impl Member {
    fn restrict_v1(&self, rules: &[DeviceRule], anew: bool) -> Result<()> {
        let policy = v1_devices::lower(rules)?;
        let (start, then) = if policy.allow {
            ("devices.allow", "devices.deny")
        } else {
            ("devices.deny", "devices.allow")
        };
        if anew || policy.allow {
            self.write(start, "a")?;
        }
        if policy.exceptions.is_empty() {
            return Ok(());
        }
        let exceptions = self.open(then, OFlags::WRONLY)?;
        for exception in &policy.exceptions {
            let line = exception.line();
            match file::put(&exceptions, &line) {
                Ok(()) => {}
                // A nested runtime can't give what it hasn't got; what the config asked for must be had.
                Err(Errno::PERM) if exception.everyones => {}
                Err(errno) => {
                    return Err(self.error(&fill("write {} to", &[&*line]), then, errno));
                }
            }
        }
        Ok(())
    }

    fn restrict_v2(&self, rules: &[DeviceRule]) -> Result<()> {
        let dir = self.open("", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let all = allow_all(rules);
        let filter = program::assemble(rules.iter().chain(&EVERYONE));
        match replace(&dir, (!all).then_some(&filter)) {
            // Without CONFIG_CGROUP_BPF or the right to use it there is no filter to take away.
            Err(errno) if !all => {
                let error = self.error("attach the device filter to", "", errno);
                Err(Error::fill(
                    packed!(
                        "{}; the kernel needs CONFIG_CGROUP_BPF, the runtime CAP_BPF or CAP_SYS_ADMIN, \
                     or let the last rule allow all devices"
                    ),
                    &[error.text()],
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Puts `filter` in the place of whatever filters the directory has, without a moment in between
/// in which none is in force.
fn replace(dir: &OwnedFd, filter: Option<&Vec<Instruction>>) -> core::result::Result<(), Errno> {
    let mut ids = [0; bpf::MOST_FILTERS];
    let count = bpf::device_filters(dir, &mut ids)?;
    let mut old = Vec::new();
    for &id in ids.iter().take(count) {
        old.push(bpf::open_filter(id)?);
    }
    if let Some(filter) = filter {
        let filter = bpf::load_device_filter(filter)?;
        match old.as_slice() {
            // Kernels before 5.6 can't swap; there both are in force for a moment.
            [one] if bpf::swap_device_filter(dir, &filter, one).is_ok() => return Ok(()),
            _ => bpf::attach_device_filter(dir, &filter)?,
        }
    }
    for filter in &old {
        bpf::detach_device_filter(dir, filter)?;
    }
    Ok(())
}

/// Whether every access to every device is allowed: the last rule about all devices allows them, and
/// none after it denies anything.
fn allow_all(rules: &[DeviceRule]) -> bool {
    let deciding = rules.iter().rev().find(|rule| !rule.allow || is_all(rule));
    deciding.is_some_and(|rule| rule.allow)
}

/// Whether a rule is about every access to every device.
pub(super) fn is_all(rule: &DeviceRule) -> bool {
    rule.kind == b'a'
        && rule.major.is_none()
        && rule.minor.is_none()
        && rule.access & ANY_ACCESS == ANY_ACCESS
}
