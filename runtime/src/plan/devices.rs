//! `linux.devices`, the devices and links that every container has, and `linux.resources.devices`.

use super::paths::{absolute, clean, given, required};
use super::refusal::Result;
use super::{Job, each};
use core::ffi::CStr;
use init::packed::Packed;
use init::plan::{
    ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE, Device, DeviceRule, Link, Mount, Source,
};
use linux_raw_sys::general::{CLONE_NEWUSER, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT};
use spec_min::Resources;

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
#[derive(Clone, Copy, Debug, Default)]
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
    let own = each(job, "linux.devices", configured, |_, device| {
        one(job, device)
    })?;
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
    for link in &LINKS {
        list.push(*link)?;
    }
    list.push(CORE)?;
    Ok(list.finish())
}

fn one<'a>(job: &Job<'_, 'a>, device: &spec_min::Device<'a>) -> Result<Device<'a>> {
    let file = required(
        job,
        device.path,
        ".path",
        packed!("where in the container it is made"),
    )?;
    let file = absolute(job, file, ".path")?;
    let kind = required(job, device.kind, ".type", packed!("c, u, b or p"))?;
    let kind = match kind.to_bytes() {
        b"c" | b"u" => S_IFCHR,
        b"b" => S_IFBLK,
        b"p" => S_IFIFO,
        _ => return Err(job.refuse_text(".type", kind, packed!("expected c, u, b or p"))),
    };
    let [major, minor] = match kind {
        S_IFIFO => [0, 0],
        _ => [
            number(
                job,
                ".major",
                device.major,
                MAJOR_MAX,
                packed!("expected a number from 0 to 4095"),
            )?,
            number(
                job,
                ".minor",
                device.minor,
                MINOR_MAX,
                packed!("expected a number from 0 to 1048575"),
            )?,
        ],
    };
    Ok(Device {
        path: clean(job.arena, file)?,
        mode: kind | permissions(job, kind, device.file_mode)?,
        major,
        minor,
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
    })
}

fn number(
    job: &Job<'_, '_>,
    path: &str,
    value: Option<i64>,
    max: i64,
    wanted: Packed,
) -> Result<u32> {
    match value {
        None => Err(job.refuse(path, packed!("required, but for the type p"))),
        Some(value) if (0..=max).contains(&value) => Ok(value as u32),
        Some(value) => Err(job.refuse_number(path, value, wanted)),
    }
}

/// Engines put what stat(2) says there, the file's type included.
fn permissions(job: &Job<'_, '_>, kind: u32, mode: Option<u32>) -> Result<u32> {
    match mode {
        None => Ok(0o666),
        Some(mode) if mode <= 0o7777 => Ok(mode),
        Some(mode) if mode & S_IFMT == kind && mode <= 0o177_777 => Ok(mode & 0o7777),
        Some(mode) => Err(job.refuse_number(
            ".fileMode",
            mode.into(),
            packed!("expected permissions of at most 511 (octal 777)"),
        )),
    }
}

/// `linux.resources.devices`, at a path.
pub fn rules<'a>(
    job: &Job<'_, 'a>,
    resources: &Resources<'a>,
    path: &str,
) -> Result<&'a [DeviceRule]> {
    each(job, path, resources.devices, |_, rule| {
        self::rule(job, rule)
    })
}

fn rule(job: &Job<'_, '_>, rule: &spec_min::DeviceRule<'_>) -> Result<DeviceRule> {
    let kind = match given(rule.kind).map_or(b"a".as_slice(), CStr::to_bytes) {
        &[kind @ (b'a' | b'b' | b'c')] => kind,
        _ => {
            let kind = rule.kind.unwrap_or_default();
            return Err(job.refuse_text(".type", kind, packed!("expected a, b or c")));
        }
    };
    let word = required(job, rule.access, ".access", packed!("some of r, w and m"))?;
    let mut access = 0;
    for letter in word.to_bytes() {
        access |= match letter {
            b'r' => ACCESS_READ,
            b'w' => ACCESS_WRITE,
            b'm' => ACCESS_MKNOD,
            _ => {
                return Err(job.refuse_text(
                    ".access",
                    word,
                    packed!("expected some of r, w and m"),
                ));
            }
        };
    }
    Ok(DeviceRule {
        allow: rule.allow,
        kind,
        major: number_or_all(job, ".major", rule.major)?,
        minor: number_or_all(job, ".minor", rule.minor)?,
        access,
    })
}

fn number_or_all(job: &Job<'_, '_>, path: &str, value: Option<i64>) -> Result<Option<u32>> {
    match value {
        None | Some(-1) => Ok(None),
        Some(value @ 0..=0xffff_ffff) => Ok(Some(value as u32)),
        Some(value) => Err(job.refuse_number(
            path,
            value,
            packed!("expected a device number, or -1 for all"),
        )),
    }
}
