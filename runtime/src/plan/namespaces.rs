//! `linux.namespaces`, `uidMappings`, `gidMappings` and `timeOffsets`.

use super::Job;
use super::paths::{absolute, given};
use super::refusal::Result;
use super::words::{Words, words};
use core::ffi::CStr;
use init::plan::{IdMap, Join, Namespaces, TimeOffset};
use linux_raw_sys::general::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME,
    CLONE_NEWUSER, CLONE_NEWUTS,
};
use spec_min::{IdMapping, List};

/// The spec's word and the kernel's flag of every kind of namespace.
pub const KINDS: Words = words! {
    "pid" = CLONE_NEWPID,
    "network" = CLONE_NEWNET,
    "mount" = CLONE_NEWNS,
    "ipc" = CLONE_NEWIPC,
    "uts" = CLONE_NEWUTS,
    "user" = CLONE_NEWUSER,
    "cgroup" = CLONE_NEWCGROUP,
    "time" = CLONE_NEWTIME,
};

/// The kinds that can't be made by clone3(2) together with the process: see [`Namespaces::late`].
const LATE: u32 = CLONE_NEWCGROUP | CLONE_NEWTIME;

/// Lines that an id map has room for (UID_GID_MAP_MAX_EXTENTS, linux/user_namespace.h).
const MAP_LINES_MAX: usize = 340;

/// Which kinds of namespace the container gets of its own, and which it enters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds {
    new: u32,
    joined: u32,
    /// An entry was refused, and may have been meant for any kind.
    in_doubt: bool,
}

impl Kinds {
    /// Whether the container has another one than the runtime.
    pub fn has(self, flag: u32) -> bool {
        (self.new | self.joined) & flag != 0
    }

    /// Whether it is a fresh one.
    pub fn makes(self, flag: u32) -> bool {
        self.new & flag != 0
    }

    /// No kinds yet, and perhaps never all of them.
    pub fn in_doubt(in_doubt: bool) -> Kinds {
        Kinds {
            in_doubt,
            ..Kinds::default()
        }
    }

    /// Whether it can't be said that the container lacks one.
    pub fn are_in_doubt(self) -> bool {
        self.in_doubt
    }

    /// Sorts the list's entries into new and joined; each kind once.
    pub fn of(job: &Job<'_, '_>) -> Result<Kinds> {
        let mut kinds = job.kinds;
        for (at, namespace) in job.spec.linux.namespaces.iter().enumerate() {
            if let Err(refused) = kinds.add(job, &namespace) {
                job.gather(job.element(refused, "linux.namespaces", at))?;
                kinds.in_doubt = true;
            }
        }
        Ok(kinds)
    }

    fn add(&mut self, job: &Job<'_, '_>, namespace: &spec_min::Namespace<'_>) -> Result<()> {
        let flag = KINDS.number(job, namespace.kind, ".type")?;
        if self.has(flag) {
            let kind = namespace.kind.unwrap_or_default();
            return Err(job.refuse_text(".type", kind, packed!("listed a second time")));
        }
        match given(namespace.path) {
            Some(file) => {
                absolute(job, file, ".path")?;
                self.joined |= flag;
            }
            None => self.new |= flag,
        }
        Ok(())
    }
}

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<Namespaces<'a>> {
    let linux = &job.spec.linux;
    if job.facts.euid != 0 && !job.kinds.has(CLONE_NEWUSER) && !job.kinds.in_doubt {
        job.gather(job.refuse(
            "linux.namespaces",
            packed!("an ordinary user needs {\"type\": \"user\"} in it; `spec --rootless` writes such a config"),
        ))?;
    }
    let mut lowered = Namespaces {
        new: job.kinds.new & !LATE,
        late: job.kinds.new & LATE,
        ..Namespaces::default()
    };
    let map = |place, name, map| job.part(place, id_map(job, name, map));
    map(
        &mut lowered.uid_map,
        "linux.uidMappings",
        linux.uid_mappings,
    )?;
    map(
        &mut lowered.gid_map,
        "linux.gidMappings",
        linux.gid_mappings,
    )?;
    lowered.join = joins(job)?;
    job.part(&mut lowered.offsets, offsets(job))?;
    Ok(lowered)
}

/// The user namespace comes first, because it gives the right to enter the others; the mount namespace last.
fn joins<'a>(job: &Job<'_, 'a>) -> Result<&'a [Join<'a>]> {
    const TURNS: [u32; 3] = [CLONE_NEWUSER, !(CLONE_NEWUSER | CLONE_NEWNS), CLONE_NEWNS];
    // More than are joined: an entry that was refused, when all refusals are gathered, is among them.
    let mut list = job.arena.list(job.spec.linux.namespaces.len())?;
    for turn in TURNS {
        for namespace in job.spec.linux.namespaces.iter() {
            if let (Some(kind), Some(path)) = (namespace.kind, given(namespace.path))
                && let Some(flag) = KINDS.find(kind)
                && flag & turn != 0
            {
                list.push(Join { flag, path })?;
            }
        }
    }
    Ok(list.finish())
}

#[inline(never)]
fn id_map<'a>(job: &Job<'_, 'a>, name: &str, mappings: List<'a, IdMapping>) -> Result<&'a [IdMap]> {
    let own = job.kinds.makes(CLONE_NEWUSER);
    let why = match mappings.len() {
        0 if own => packed!("required: a new user namespace without a map has no users"),
        0 => return Ok(&[]),
        _ if !job.kinds.has(CLONE_NEWUSER) => return Err(job.needs(name, CLONE_NEWUSER)),
        _ => packed!(""),
    };
    if !why.is_empty() {
        return Err(job.refuse(name, why));
    }
    id_lines(job, name, mappings)
}

/// The lines of an id map.
#[inline(never)]
pub fn id_lines<'a>(
    job: &Job<'_, 'a>,
    name: &str,
    mappings: List<'a, IdMapping>,
) -> Result<&'a [IdMap]> {
    if mappings.len() > MAP_LINES_MAX {
        return Err(job.refuse(name, packed!("the kernel takes 340 lines")));
    }
    let mut list = job.arena.list(mappings.len())?;
    for (at, mapping) in mappings.iter().enumerate() {
        let line = IdMap {
            inside: mapping.container_id,
            outside: mapping.host_id,
            count: mapping.size,
        };
        if let Err(refused) = check_line(job, line, list.as_slice()) {
            job.gather(job.element(refused, name, at))?;
            continue;
        }
        list.push(line)?;
    }
    Ok(list.finish())
}

fn check_line(job: &Job<'_, '_>, line: IdMap, before: &[IdMap]) -> Result<()> {
    let why = match line.inside.max(line.outside).checked_add(line.count) {
        _ if line.count == 0 => packed!("must be at least 1"),
        None => packed!("reaches past the last id"),
        Some(_) => packed!(""),
    };
    if !why.is_empty() {
        return Err(job.refuse_number(".size", line.count.into(), why));
    }
    let meet = |a: u32, a_count: u32, b: u32| a < b + line.count && b < a + a_count;
    let meets = |old: &IdMap| {
        meet(old.inside, old.count, line.inside) || meet(old.outside, old.count, line.outside)
    };
    match before.iter().any(meets) {
        true => Err(job.refuse("", packed!("overlaps an earlier one"))),
        false => Ok(()),
    }
}

/// Whether a mapping covers an id inside; without any the container has all ids, or those of a namespace that it joins.
pub fn maps(mappings: List<'_, IdMapping>, id: u32) -> bool {
    mappings.is_empty()
        || mappings
            .iter()
            .any(|line| id >= line.container_id && id - line.container_id < line.size)
}

/// Whether setgroups(2) is allowed in the container. An ordinary user may map his own group only, and only when
/// setgroups(2) is given up for it (user_namespaces(7)); anything more is mapped by newgidmap(1), which keeps it.
pub fn allows_setgroups(job: &Job<'_, '_>) -> bool {
    let maps = job.spec.linux.gid_mappings;
    let maps_himself = maps.len() == 1
        && maps
            .first()
            .is_some_and(|line| line.size == 1 && line.host_id == job.facts.egid);
    let gave_up = job.facts.euid != 0 && job.kinds.makes(CLONE_NEWUSER) && maps_himself;
    !gave_up && !job.facts.setgroups_denied
}

fn offsets<'a>(job: &Job<'_, 'a>) -> Result<&'a [TimeOffset<'a>]> {
    let given = job.spec.linux.time_offsets;
    let mut list = job.arena.list(2)?;
    let mut add = |clock: &'static CStr, offset: Option<&spec_min::TimeOffset>| {
        let Some(offset) = offset else { return Ok(()) };
        let nanos = offset.nanosecs;
        if nanos >= 1_000_000_000 {
            let why = packed!("must be below 1000000000, a second");
            let refused = job.refuse_number(".nanosecs", nanos.into(), why);
            let refused = job.inside(refused, clock.to_str().unwrap_or_default());
            return Err(job.inside(refused, "linux.timeOffsets."));
        }
        Ok(list.push(TimeOffset {
            clock,
            secs: offset.secs,
            nanos,
        })?)
    };
    add(c"monotonic", given.monotonic.get())?;
    add(c"boottime", given.boottime.get())?;
    let list = list.finish();
    const PATH: &str = "linux.timeOffsets";
    if list.is_empty() || job.kinds.makes(CLONE_NEWTIME) {
        Ok(list)
    } else if job.kinds.has(CLONE_NEWTIME) {
        let why = packed!("the clocks of a time namespace that is joined by its path can't be set");
        Err(job.refuse(PATH, why))
    } else {
        Err(job.needs(PATH, CLONE_NEWTIME))
    }
}
