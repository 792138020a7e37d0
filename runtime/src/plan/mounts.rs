//! `mounts`, `linux.maskedPaths`, `linux.readonlyPaths` and `linux.mountLabel`.

use super::options::{self, Effect, Making, SUPERBLOCK_FLAGS, SUPERBLOCK_READONLY, Sum};
use super::paths::{absolute, clean, from_base, given, required};
use super::refusal::{Quoted, Result, refuse};
use super::root::NEEDS_MOUNTS;
use super::{Job, namespaces};
use core::ffi::CStr;
use init::plan::{Filesystem, FsOption, Mount, Source};
use linux_raw_sys::general::{CLONE_NEWNS, MOUNT_ATTR_RDONLY};
use spec_min::List;

/// The files below /proc that may be covered: those that lxcfs makes.
const PROC_FILES: [&[u8]; 10] = [
    b"cpuinfo",
    b"diskstats",
    b"meminfo",
    b"stat",
    b"swaps",
    b"uptime",
    b"loadavg",
    b"slabinfo",
    b"sys/kernel/ns_last_pid",
    b"sys/crypto/fips_enabled",
];

/// The file systems that take no SELinux label as an option.
const UNLABELLED: [&[u8]; 3] = [b"proc", b"sysfs", b"mqueue"];

/// The plan's part.
pub fn lower<'a>(job: &mut Job<'_, 'a>) -> Result<&'a [Mount<'a>]> {
    let mounts = job.spec.mounts;
    if !mounts.is_empty() && !job.kinds.has(CLONE_NEWNS) {
        return Err(refuse(
            format_args!("mounts"),
            format_args!("{NEEDS_MOUNTS}"),
        ));
    }
    let mut list = job.arena.list(mounts.len())?;
    for (at, mount) in mounts.iter().enumerate() {
        list.push(one(job, at, &mount)?)?;
    }
    Ok(list.finish())
}

fn one<'a>(job: &mut Job<'_, 'a>, at: usize, mount: &spec_min::Mount<'a>) -> Result<Mount<'a>> {
    if !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
        let side = if mount.uid_mappings.is_empty() {
            "gidMappings"
        } else {
            "uidMappings"
        };
        return Err(refuse(
            format_args!("mounts[{at}].{side}"),
            format_args!("id-mapped mounts are not supported yet"),
        ));
    }
    let target = target(job, at, mount)?;
    let sum = options::sum(at, mount.options)?;
    let source = source(job, at, mount, &sum)?;
    check_proc(at, target, &source)?;
    let late_readonly =
        sum.own.set & MOUNT_ATTR_RDONLY != 0 && (is_tmpfs(&source) || target == c"/dev");
    Ok(Mount {
        target,
        source,
        set: u64::from(if late_readonly {
            sum.own.set & !MOUNT_ATTR_RDONLY
        } else {
            sum.own.set
        }),
        clear: u64::from(sum.own.clear),
        set_recursive: u64::from(sum.tree.set),
        clear_recursive: u64::from(sum.tree.clear),
        propagation: propagations(job, mount, &sum)?,
        late_readonly,
    })
}

fn target<'a>(job: &mut Job<'_, 'a>, at: usize, mount: &spec_min::Mount<'a>) -> Result<&'a CStr> {
    let path = format_args!("mounts[{at}].destination");
    let target = required(
        mount.destination,
        path,
        "where in the container it is mounted",
    )?;
    if target.to_bytes()[0] != b'/' {
        job.warn(
            path,
            format_args!("{}: not absolute; taken as seen from /", Quoted(target)),
        );
    }
    Ok(clean(job.arena, target)?)
}

fn source<'a>(
    job: &mut Job<'_, 'a>,
    at: usize,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<Source<'a>> {
    let making = sum.making;
    if making != Making::New && sum.data != 0 {
        return Err(no_such_option(at, mount, making));
    }
    if sum.copy_up && (making != Making::New || mount.kind != Some(c"tmpfs")) {
        return Err(refuse(
            format_args!("mounts[{at}].options"),
            format_args!("\"tmpcopyup\": only a tmpfs has it"),
        ));
    }
    if making != Making::New && sum.superblock != 0 {
        job.warn(
            format_args!("mounts[{at}].options"),
            format_args!("what concerns the whole file system is left as it is"),
        );
    }
    match making {
        Making::Remount => Ok(Source::Remount),
        Making::Bind { recursive } => {
            let path = required(
                mount.source,
                format_args!("mounts[{at}].source"),
                "what is bound",
            )?;
            Ok(Source::Bind {
                path: from_base(job.arena, job.facts.bundle, path)?,
                recursive,
            })
        }
        Making::New => filesystem(job, at, mount, sum),
    }
}

fn no_such_option(at: usize, mount: &spec_min::Mount<'_>, making: Making) -> super::Refusal {
    let what = if making == Making::Remount {
        "a remount"
    } else {
        "a bind mount"
    };
    let odd = mount
        .options
        .iter()
        .find(|option| options::effect(option).is_none())
        .unwrap_or(c"");
    refuse(
        format_args!("mounts[{at}].options"),
        format_args!("{}: {what} has no such option", Quoted(odd)),
    )
}

fn filesystem<'a>(
    job: &mut Job<'_, 'a>,
    at: usize,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<Source<'a>> {
    let path = format_args!("mounts[{at}].type");
    let kind = required(
        mount.kind,
        path,
        "a file system, unless the options hold \"bind\" or \"rbind\"",
    )?;
    match kind.to_bytes() {
        b"bind" => {
            return Err(refuse(
                path,
                format_args!(
                    "\"bind\": it is the option \"bind\" or \"rbind\" that makes a bind mount"
                ),
            ));
        }
        b"cgroup" | b"cgroup2" => {
            if sum.data != 0 {
                job.warn(
                    format_args!("mounts[{at}].options"),
                    format_args!("options of the cgroup file system are the host's"),
                );
            }
            return Ok(Source::Cgroup);
        }
        _ => {}
    }
    let readonly = sum.own.set & MOUNT_ATTR_RDONLY != 0 && kind != c"tmpfs";
    let superblock = sum.superblock | if readonly { SUPERBLOCK_READONLY } else { 0 };
    Ok(Source::Filesystem(Filesystem {
        kind,
        source: given(mount.source).unwrap_or(kind),
        flags: flags(job, superblock)?,
        options: data(job, at, mount, kind, sum.data)?,
        copy_up: sum.copy_up,
        no_symlinks: matches!(kind.to_bytes(), b"proc" | b"sysfs"),
    }))
}

fn is_tmpfs(source: &Source<'_>) -> bool {
    matches!(source, Source::Filesystem(filesystem) if filesystem.kind == c"tmpfs")
}

fn flags<'a>(job: &Job<'_, 'a>, superblock: u8) -> Result<&'a [&'a CStr]> {
    let mut list = job.arena.list(superblock.count_ones() as usize)?;
    for (_, name) in SUPERBLOCK_FLAGS
        .iter()
        .filter(|(bit, _)| superblock & bit != 0)
    {
        list.push(*name)?;
    }
    Ok(list.finish())
}

fn data<'a>(
    job: &Job<'_, 'a>,
    at: usize,
    mount: &spec_min::Mount<'a>,
    kind: &CStr,
    count: usize,
) -> Result<&'a [FsOption<'a>]> {
    let label =
        given(job.spec.linux.mount_label).filter(|_| !UNLABELLED.contains(&kind.to_bytes()));
    let mut list = job.arena.list(count + usize::from(label.is_some()))?;
    for option in mount
        .options
        .iter()
        .filter(|option| options::effect(option).is_none())
    {
        for piece in options::pieces(option) {
            let (key, value) = match piece.iter().position(|&byte| byte == b'=') {
                Some(cut) => (&piece[..cut], Some(&piece[cut + 1..])),
                None => (piece, None),
            };
            check_id(job, at, key, value)?;
            let value = value.map(|value| job.arena.text(&[value])).transpose()?;
            list.push(FsOption {
                key: job.arena.text(&[key])?,
                value,
            })?;
        }
    }
    if let Some(label) = label {
        list.push(FsOption {
            key: c"context",
            value: Some(label),
        })?;
    }
    Ok(list.finish())
}

/// `uid=` and `gid=` are ids inside the container: the kernel says no more than EINVAL to one without a mapping.
fn check_id(job: &Job<'_, '_>, at: usize, key: &[u8], value: Option<&[u8]>) -> Result<()> {
    let (maps, property) = match key {
        b"uid" => (job.spec.linux.uid_mappings, "uidMappings"),
        b"gid" => (job.spec.linux.gid_mappings, "gidMappings"),
        _ => return Ok(()),
    };
    let id = value.and_then(|value| core::str::from_utf8(value).ok()?.parse::<u32>().ok());
    match id {
        Some(id) if !namespaces::maps(job, maps, id) => Err(refuse(
            format_args!("mounts[{at}].options"),
            format_args!(
                "\"{0}id={id}\": linux.{property} has no {0}id {id}",
                char::from(key[0])
            ),
        )),
        _ => Ok(()),
    }
}

/// What covers a part of /proc can make the container's programs, and the runtime, believe anything
/// (CVE-2019-16884). That a bind onto /proc itself is of a procfs is verified when it is made.
fn check_proc(at: usize, target: &CStr, source: &Source<'_>) -> Result<()> {
    let allowed = match (source, target.to_bytes().strip_prefix(b"/proc")) {
        (Source::Remount, _) => true,
        (Source::Filesystem(filesystem), Some(b"")) => filesystem.kind == c"proc",
        (Source::Bind { .. }, Some(b"")) => true,
        (Source::Cgroup, Some(b"")) => false,
        (_, Some([b'/', file @ ..])) => PROC_FILES.contains(&file),
        _ => true,
    };
    if allowed {
        return Ok(());
    }
    Err(refuse(
        format_args!("mounts[{at}].destination"),
        format_args!(
            "{}: only a procfs goes on /proc, and only files that lxcfs makes below it",
            Quoted(target)
        ),
    ))
}

fn propagations<'a>(
    job: &Job<'_, 'a>,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<&'a [u32]> {
    let mut list = job.arena.list(sum.propagations)?;
    if sum.propagations != 0 {
        for option in mount.options.iter() {
            if let Some(Effect::Propagate(flags)) = options::effect(option) {
                list.push(flags)?;
            }
        }
    }
    Ok(list.finish())
}

/// `maskedPaths` or `readonlyPaths`.
pub fn paths<'a>(
    job: &Job<'_, 'a>,
    property: &str,
    paths: List<'a, &'a CStr>,
) -> Result<&'a [&'a CStr]> {
    if !paths.is_empty() && !job.kinds.has(CLONE_NEWNS) {
        return Err(refuse(
            format_args!("linux.{property}"),
            format_args!("{NEEDS_MOUNTS}"),
        ));
    }
    let mut list = job.arena.list(paths.len())?;
    for (at, path) in paths.iter().enumerate() {
        list.push(absolute(path, format_args!("linux.{property}[{at}]"))?)?;
    }
    Ok(list.finish())
}
