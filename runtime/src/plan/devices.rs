//! `linux.devices`, the devices and links that every container has, and `linux.resources.devices`.

use super::Job;
use super::paths::{absolute, clean, given, required};
use super::refusal::{Quoted, Result, refuse};
use core::ffi::CStr;
use init::plan::{
    ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE, Device, DeviceRule, Link, Mount, Source,
};
use linux_raw_sys::general::{CLONE_NEWUSER, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT};

/// The devices that every container has (config-linux.md, "Default Devices"): all may read and write them.
const DEFAULTS: [(&CStr, u32, u32); 6] = [
    (c"/dev/null", 1, 3),
    (c"/dev/zero", 1, 5),
    (c"/dev/full", 1, 7),
    (c"/dev/random", 1, 8),
    (c"/dev/urandom", 1, 9),
    (c"/dev/tty", 5, 0),
];

/// The links that every container has (runtime-linux.md, "Dev symbolic links"; config-linux.md for ptmx).
const LINKS: [Link<'static>; 5] = [
    Link {
        target: c"/proc/self/fd",
        path: c"/dev/fd",
    },
    Link {
        target: c"/proc/self/fd/0",
        path: c"/dev/stdin",
    },
    Link {
        target: c"/proc/self/fd/1",
        path: c"/dev/stdout",
    },
    Link {
        target: c"/proc/self/fd/2",
        path: c"/dev/stderr",
    },
    Link {
        target: c"pts/ptmx",
        path: PTMX,
    },
];
const CORE: Link<'static> = Link {
    target: c"/proc/kcore",
    path: c"/dev/core",
};
const PTMX: &CStr = c"/dev/ptmx";

/// Widest numbers that the kernel's dev_t holds (MINORBITS, linux/kdev_t.h).
const MAJOR_MAX: i64 = (1 << 12) - 1;
const MINOR_MAX: i64 = (1 << 20) - 1;

/// What the plan makes in /dev.
#[derive(Clone, Copy, Debug)]
pub struct Dev<'a> {
    /// The default devices that the config doesn't have, then the config's.
    pub devices: &'a [Device<'a>],
    /// Whether they are bound from the host.
    pub bind: bool,
    /// The links.
    pub links: &'a [Link<'a>],
}

/// The plan's part. A /dev that is bound from elsewhere is not ours to fill.
pub fn lower<'a>(job: &Job<'_, 'a>, mounts: &[Mount<'a>]) -> Result<Dev<'a>> {
    let configured = job.spec.linux.devices;
    let mut devices = job.arena.list(DEFAULTS.len() + configured.len())?;
    let mut own = job.arena.list(configured.len())?;
    for (at, device) in configured.iter().enumerate() {
        own.push(one(job, at, &device)?)?;
    }
    let own = own.finish();
    let bind = job.facts.in_user_namespace || job.kinds.has(CLONE_NEWUSER);
    if mounts
        .iter()
        .any(|mount| mount.target == c"/dev" && matches!(mount.source, Source::Bind { .. }))
    {
        return Ok(Dev {
            devices: &[],
            bind,
            links: &[],
        });
    }
    for &(path, major, minor) in DEFAULTS
        .iter()
        .filter(|(path, ..)| own.iter().all(|device| device.path != *path))
    {
        devices.push(Device {
            path,
            mode: S_IFCHR | 0o666,
            major,
            minor,
            uid: 0,
            gid: 0,
        })?;
    }
    // /dev/ptmx is the container's own devpts', never the host's.
    for device in own.iter().filter(|device| device.path != PTMX) {
        devices.push(*device)?;
    }
    Ok(Dev {
        devices: devices.finish(),
        bind,
        links: links(job)?,
    })
}

fn links<'a>(job: &Job<'_, 'a>) -> Result<&'a [Link<'a>]> {
    if !job.facts.kcore {
        return Ok(&LINKS);
    }
    let mut list = job.arena.list(LINKS.len() + 1)?;
    for link in LINKS {
        list.push(link)?;
    }
    list.push(CORE)?;
    Ok(list.finish())
}

fn one<'a>(job: &Job<'_, 'a>, at: usize, device: &spec_min::Device<'a>) -> Result<Device<'a>> {
    let path = format_args!("linux.devices[{at}].path");
    let file = absolute(
        required(device.path, path, "where in the container it is made")?,
        path,
    )?;
    let path = format_args!("linux.devices[{at}].type");
    let kind = required(device.kind, path, "c, u, b or p")?;
    let kind = match kind.to_bytes() {
        b"c" | b"u" => S_IFCHR,
        b"b" => S_IFBLK,
        b"p" => S_IFIFO,
        _ => {
            return Err(refuse(
                path,
                format_args!("{}: expected c, u, b or p", Quoted(kind)),
            ));
        }
    };
    let number = |name: &str, value: Option<i64>, max: i64| -> Result<u32> {
        let path = format_args!("linux.devices[{at}].{name}");
        match value {
            _ if kind == S_IFIFO => Ok(0),
            None => Err(refuse(path, format_args!("required, but for the type p"))),
            Some(value) if (0..=max).contains(&value) => Ok(value as u32),
            Some(value) => Err(refuse(
                path,
                format_args!("{value}: expected a number from 0 to {max}"),
            )),
        }
    };
    let (major, minor) = (
        number("major", device.major, MAJOR_MAX)?,
        number("minor", device.minor, MINOR_MAX)?,
    );
    Ok(Device {
        path: clean(job.arena, file)?,
        mode: kind | permissions(at, kind, device.file_mode)?,
        major,
        minor,
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
    })
}

/// Engines put what stat(2) says there, the file's type included.
fn permissions(at: usize, kind: u32, mode: Option<u32>) -> Result<u32> {
    match mode {
        None => Ok(0o666),
        Some(mode) if mode <= 0o7777 => Ok(mode),
        Some(mode) if mode & S_IFMT == kind && mode <= 0o177_777 => Ok(mode & 0o7777),
        Some(mode) => Err(refuse(
            format_args!("linux.devices[{at}].fileMode"),
            format_args!("{mode}: expected permissions of at most 511 (octal 777)"),
        )),
    }
}

/// `linux.resources.devices`.
pub fn rules<'a>(job: &Job<'_, 'a>) -> Result<&'a [DeviceRule]> {
    let Some(resources) = job.spec.linux.resources.get() else {
        return Ok(&[]);
    };
    let mut list = job.arena.list(resources.devices.len())?;
    for (at, rule) in resources.devices.iter().enumerate() {
        list.push(self::rule(at, &rule)?)?;
    }
    Ok(list.finish())
}

fn rule(at: usize, rule: &spec_min::DeviceRule<'_>) -> Result<DeviceRule> {
    let kind = match given(rule.kind).map(CStr::to_bytes) {
        None | Some(b"a") => b'a',
        Some(b"c") => b'c',
        Some(b"b") => b'b',
        Some(_) => {
            let kind = Quoted(rule.kind.unwrap_or(c""));
            return Err(refuse(
                format_args!("linux.resources.devices[{at}].type"),
                format_args!("{kind}: expected a, b or c"),
            ));
        }
    };
    let number = |name: &str, value: Option<i64>| match value {
        None | Some(-1) => Ok(None),
        Some(value) => u32::try_from(value).map(Some).map_err(|_| {
            refuse(
                format_args!("linux.resources.devices[{at}].{name}"),
                format_args!("{value}: expected a device number, or -1 for all"),
            )
        }),
    };
    let path = format_args!("linux.resources.devices[{at}].access");
    let word = required(rule.access, path, "some of r, w and m")?;
    let mut access = 0;
    for letter in word.to_bytes() {
        access |= match letter {
            b'r' => ACCESS_READ,
            b'w' => ACCESS_WRITE,
            b'm' => ACCESS_MKNOD,
            _ => {
                return Err(refuse(
                    path,
                    format_args!("{}: expected some of r, w and m", Quoted(word)),
                ));
            }
        };
    }
    Ok(DeviceRule {
        allow: rule.allow,
        kind,
        major: number("major", rule.major)?,
        minor: number("minor", rule.minor)?,
        access,
    })
}
