//! `mounts`, `linux.maskedPaths`, `linux.readonlyPaths` and `linux.mountLabel`.

use super::options::{self, Effect, Making, SUPERBLOCK_FLAGS, SUPERBLOCK_READONLY, Sum};
use super::paths::{absolute, clean, from_base, given, required};
use super::process::label;
use super::refusal::{Refused, Result};
use super::{Job, each, namespaces};
use crate::text::{self, number};
use core::ffi::CStr;
use init::plan::{Filesystem, FsOption, Mount, MountIds, Source};
use init::sys::text::c_str;
use linux_raw_sys::general::{CLONE_NEWNS, CLONE_NEWUSER, MOUNT_ATTR_RDONLY};
use spec_min::{List, Text};

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
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<&'a [Mount<'a>]> {
    let label = label(job, "linux.mountLabel", job.spec.linux.mount_label);
    job.part(&mut None, label)?;
    let mounts = job.spec.mounts;
    if !mounts.is_empty() && !job.kinds.has(CLONE_NEWNS) {
        return Err(job.needs("mounts", CLONE_NEWNS));
    }
    each(job, "mounts", mounts, |at, mount| one(job, at, mount))
}

fn one<'a>(job: &Job<'_, 'a>, at: usize, mount: &spec_min::Mount<'a>) -> Result<Mount<'a>> {
    let target = target(job, at, mount)?;
    let mut sum = Sum::NONE;
    options::add(&mut sum, mount.options);
    let sum = &sum;
    let source = source(job, at, mount, sum)?;
    check_proc(job, target, &source)?;
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
        propagation: propagations(job, mount, sum)?,
        late_readonly,
        ids: ids(job, mount, sum)?,
    })
}

/// Whether owners are seen by another map (config.md, "Mounts"): the mount's own, else that of the container.
fn ids<'a>(
    job: &Job<'_, 'a>,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<Option<&'a MountIds<'a>>> {
    let own = [
        (".uidMappings", mount.uid_mappings),
        (".gidMappings", mount.gid_mappings),
    ];
    let given = own.map(|(_, maps)| !maps.is_empty());
    if given == [false; 2] && sum.id_map.is_none() {
        return Ok(None);
    }
    let path = if given[0] { ".uidMappings" } else { ".options" };
    let why = match given {
        _ if !matches!(sum.making, Making::Bind { .. }) => {
            packed!("only a bind mount has an id map")
        }
        _ if job.facts.rootless => packed!("it takes root to map the ids of a mount"),
        [true, false] | [false, true] => {
            packed!("uidMappings and gidMappings are needed, or neither")
        }
        [false, false] if !job.kinds.has(CLONE_NEWUSER) => {
            packed!(
                "without uidMappings and gidMappings the mount takes those of the container, which has no user namespace"
            )
        }
        _ => packed!(""),
    };
    if !why.is_empty() {
        return Err(job.refuse(path, why));
    }
    let linux = &job.spec.linux;
    let maps = match given[0] {
        true => own,
        // Theirs are judged where they stand.
        false => [
            ("linux.uidMappings", linux.uid_mappings),
            ("linux.gidMappings", linux.gid_mappings),
        ],
    };
    let [uid_map, gid_map] = maps.map(|(name, maps)| namespaces::id_lines(job, name, maps));
    let ids = job.arena.put(MountIds {
        uid_map: uid_map?,
        gid_map: gid_map?,
        recursive: sum.id_map == Some(true),
    })?;
    Ok(Some(ids))
}

/// One of a mount's texts. Which of them are asked for depends on its options.
#[inline(never)]
fn text<'a>(text: Option<Text<'a>>) -> Option<&'a CStr> {
    c_str(text?.terminated())
}

fn target<'a>(job: &Job<'_, 'a>, at: usize, mount: &spec_min::Mount<'a>) -> Result<&'a CStr> {
    const PATH: &str = ".destination";
    let target = required(
        job,
        text(mount.destination),
        PATH,
        packed!("where in the container it is mounted"),
    )?;
    if target.to_bytes()[0] != b'/' {
        let text = packed!("not absolute; taken as seen from /");
        job.warn(job.element(job.refuse_text(PATH, target, text), "mounts", at));
    }
    Ok(clean(job.arena, target)?)
}

fn source<'a>(
    job: &Job<'_, 'a>,
    at: usize,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<Source<'a>> {
    let making = sum.making;
    if sum.copy_up && (making != Making::New || text(mount.kind) != Some(c"tmpfs")) {
        return Err(job.refuse(".options", packed!("\"tmpcopyup\": only a tmpfs has it")));
    }
    if making == Making::New {
        return filesystem(job, at, mount, sum);
    }
    if sum.data != 0 {
        return Err(no_such_option(job, mount, making));
    }
    if sum.superblock != 0 {
        let text = packed!("what concerns the whole file system is left as it is");
        job.warn(job.element(job.refuse(".options", text), "mounts", at));
    }
    let Making::Bind { recursive } = making else {
        return Ok(Source::Remount);
    };
    let path = required(job, text(mount.source), ".source", packed!("what is bound"))?;
    Ok(Source::Bind {
        path: from_base(job.arena, job.facts.bundle, path)?,
        recursive,
    })
}

#[cold]
fn no_such_option(job: &Job<'_, '_>, mount: &spec_min::Mount<'_>, making: Making) -> Refused {
    let mut options = mount.options.iter().map(Text::bytes);
    let odd = options.find(|option| options::effect(option).is_none());
    let why = match making {
        Making::Remount => packed!("a remount has no such option"),
        _ => packed!("a bind mount has no such option"),
    };
    job.about(job.refuse(".options", why), odd.unwrap_or_default())
}

fn filesystem<'a>(
    job: &Job<'_, 'a>,
    at: usize,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<Source<'a>> {
    let what = packed!("a file system, unless the options hold \"bind\" or \"rbind\"");
    let kind = required(job, text(mount.kind), ".type", what)?;
    let is = |word| text::is(kind.to_bytes(), word);
    if is("bind") {
        let why = packed!("it is the option \"bind\" or \"rbind\" that makes a bind mount");
        return Err(job.refuse_text(".type", kind, why));
    }
    if is("cgroup") || is("cgroup2") {
        if sum.data != 0 {
            let text = "options of the cgroup file system are the host's";
            job.warn(job.element(job.refuse(".options", text), "mounts", at));
        }
        return Ok(Source::Cgroup);
    }
    let readonly = sum.own.set & MOUNT_ATTR_RDONLY != 0 && !is("tmpfs");
    let superblock = sum.superblock | if readonly { SUPERBLOCK_READONLY } else { 0 };
    let filesystem = job.arena.put(Filesystem {
        kind,
        source: given(text(mount.source)).unwrap_or(kind),
        flags: flags(job, superblock)?,
        options: data(job, mount, kind, sum.data)?,
        copy_up: sum.copy_up,
        no_symlinks: is("proc") || is("sysfs"),
    })?;
    Ok(Source::Filesystem(filesystem))
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
        .map(Text::bytes)
        .filter(|option| options::effect(option).is_none())
    {
        for piece in options::pieces(option) {
            check_id(job, piece)?;
            let mut parts = piece.splitn(2, |&byte| byte == b'=');
            let key = job.arena.text(&[parts.next().unwrap_or_default()])?;
            let value = match parts.next() {
                Some(value) => Some(job.arena.text(&[value])?),
                None => None,
            };
            list.push(FsOption { key, value })?;
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
fn check_id(job: &Job<'_, '_>, option: &[u8]) -> Result<()> {
    let (maps, why, id) = match option {
        [b'u', b'i', b'd', b'=', id @ ..] => (
            job.spec.linux.uid_mappings,
            packed!("linux.uidMappings don't have it"),
            id,
        ),
        [b'g', b'i', b'd', b'=', id @ ..] => (
            job.spec.linux.gid_mappings,
            packed!("linux.gidMappings don't have it"),
            id,
        ),
        _ => return Ok(()),
    };
    match number(id).map(u32::try_from) {
        Some(Ok(id)) if !namespaces::maps(maps, id) => {
            Err(job.about(job.refuse(".options", why), option))
        }
        _ => Ok(()),
    }
}

/// What covers a part of /proc can make the container's programs, and the runtime, believe anything
/// (CVE-2019-16884). That a bind onto /proc itself is of a procfs is verified when it is made.
fn check_proc(job: &Job<'_, '_>, target: &CStr, source: &Source<'_>) -> Result<()> {
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
    let why = packed!("only a procfs goes on /proc, and only files that lxcfs makes below it");
    Err(job.refuse_text(".destination", target, why))
}

fn propagations<'a>(
    job: &Job<'_, 'a>,
    mount: &spec_min::Mount<'a>,
    sum: &Sum,
) -> Result<&'a [u32]> {
    let mut list = job.arena.list(sum.propagations)?;
    match sum.propagations {
        0 => {}
        // Most have one, and it need not be looked for again.
        1 => list.push(sum.propagation)?,
        _ => {
            for option in mount.options.iter() {
                if let Some(Effect::Propagate(flags)) = options::effect(option.bytes()) {
                    list.push(flags)?;
                }
            }
        }
    }
    Ok(list.finish())
}

/// `maskedPaths` or `readonlyPaths`.
#[inline(never)]
pub fn paths<'a>(
    job: &Job<'_, 'a>,
    property: &str,
    paths: List<'a, &'a CStr>,
) -> Result<&'a [&'a CStr]> {
    if !paths.is_empty() && !job.kinds.has(CLONE_NEWNS) {
        return Err(job.needs(property, CLONE_NEWNS));
    }
    each(job, property, paths, |_, path| absolute(job, path, ""))
}
