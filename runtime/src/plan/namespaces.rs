//! `linux.namespaces`, `uidMappings`, `gidMappings` and `timeOffsets`.

use super::Job;
use super::paths::{absolute, given};
use super::refusal::{OneOf, Quoted, Result, refuse};
use init::plan::{IdMap, Join, Namespaces, TimeOffset};
use linux_raw_sys::general::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME,
    CLONE_NEWUSER, CLONE_NEWUTS,
};
use spec_min::{IdMapping, Linux, List};

/// The spec's word and the kernel's flag of every kind of namespace.
pub const KINDS: [(&str, u32); 8] = [
    ("pid", CLONE_NEWPID),
    ("network", CLONE_NEWNET),
    ("mount", CLONE_NEWNS),
    ("ipc", CLONE_NEWIPC),
    ("uts", CLONE_NEWUTS),
    ("user", CLONE_NEWUSER),
    ("cgroup", CLONE_NEWCGROUP),
    ("time", CLONE_NEWTIME),
];

/// The kinds that can't be made by clone3(2) together with the process: see [`Namespaces::late`].
const LATE: u32 = CLONE_NEWCGROUP | CLONE_NEWTIME;

/// Lines that an id map has room for (UID_GID_MAP_MAX_EXTENTS, linux/user_namespace.h).
const MAP_LINES_MAX: usize = 340;

/// Which kinds of namespace the container gets of its own, and which it enters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds {
    new: u32,
    joined: u32,
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

    /// Sorts the list's entries into new and joined; each kind once.
    pub fn of(linux: &Linux<'_>) -> Result<Kinds> {
        let mut kinds = Kinds::default();
        for (at, namespace) in linux.namespaces.iter().enumerate() {
            let path = format_args!("linux.namespaces[{at}].type");
            let words = OneOf(KINDS.iter().map(|(word, _)| *word));
            let Some(kind) = given(namespace.kind) else {
                return Err(refuse(path, format_args!("required: {words}")));
            };
            let Some((_, flag)) = KINDS
                .iter()
                .find(|(word, _)| word.as_bytes() == kind.to_bytes())
            else {
                return Err(refuse(
                    path,
                    format_args!("{}: expected {words}", Quoted(kind)),
                ));
            };
            if kinds.has(*flag) {
                return Err(refuse(
                    path,
                    format_args!("{}: listed a second time", Quoted(kind)),
                ));
            }
            match given(namespace.path) {
                Some(file) => {
                    absolute(file, format_args!("linux.namespaces[{at}].path"))?;
                    kinds.joined |= flag;
                }
                None => kinds.new |= flag,
            }
        }
        Ok(kinds)
    }
}

/// The plan's part.
pub fn lower<'a>(job: &mut Job<'_, 'a>) -> Result<Namespaces<'a>> {
    let linux = &job.spec.linux;
    if job.facts.euid != 0 && !job.kinds.has(CLONE_NEWUSER) {
        return Err(refuse(
            format_args!("linux.namespaces"),
            format_args!(
                "an ordinary user needs {{\"type\": \"user\"}} in it; `spec --rootless` writes such a config"
            ),
        ));
    }
    let uid_map = id_map(job, "linux.uidMappings", linux.uid_mappings)?;
    let gid_map = id_map(job, "linux.gidMappings", linux.gid_mappings)?;
    Ok(Namespaces {
        new: job.kinds.new & !LATE,
        late: job.kinds.new & LATE,
        join: joins(job)?,
        uid_map,
        gid_map,
        offsets: offsets(job)?,
    })
}

/// The user namespace comes first, because it gives the right to enter the others; the mount namespace last.
fn joins<'a>(job: &Job<'_, 'a>) -> Result<&'a [Join<'a>]> {
    let mut list = job.arena.list(job.kinds.joined.count_ones() as usize)?;
    let user = |flag| flag == CLONE_NEWUSER;
    let mount = |flag| flag == CLONE_NEWNS;
    let turns: [&dyn Fn(u32) -> bool; 3] = [&user, &|flag| !user(flag) && !mount(flag), &mount];
    for turn in turns {
        for namespace in job.spec.linux.namespaces.iter() {
            let (Some(kind), Some(path)) = (namespace.kind, given(namespace.path)) else {
                continue;
            };
            let row = KINDS
                .iter()
                .find(|(word, _)| word.as_bytes() == kind.to_bytes());
            if let Some(&(_, flag)) = row.filter(|(_, flag)| turn(*flag)) {
                list.push(Join { flag, path })?;
            }
        }
    }
    Ok(list.finish())
}

fn id_map<'a>(job: &Job<'_, 'a>, name: &str, mappings: List<'a, IdMapping>) -> Result<&'a [IdMap]> {
    let path = format_args!("{name}");
    let count = mappings.len();
    if count == 0 {
        return match job.kinds.makes(CLONE_NEWUSER) {
            true => Err(refuse(
                path,
                format_args!("required: a new user namespace without a map has no users"),
            )),
            false => Ok(&[]),
        };
    }
    if !job.kinds.has(CLONE_NEWUSER) {
        return Err(refuse(
            path,
            format_args!("needs {{\"type\": \"user\"}} in linux.namespaces"),
        ));
    }
    if !job.kinds.makes(CLONE_NEWUSER) {
        return Err(refuse(
            path,
            format_args!("the user namespace is joined by its path and has its own map already"),
        ));
    }
    if count > MAP_LINES_MAX {
        return Err(refuse(
            path,
            format_args!("{count} lines: the kernel takes {MAP_LINES_MAX}"),
        ));
    }
    let mut list = job.arena.list(count)?;
    for (at, mapping) in mappings.iter().enumerate() {
        let line = IdMap {
            inside: mapping.container_id,
            outside: mapping.host_id,
            count: mapping.size,
        };
        check_line(name, at, line, list.as_slice())?;
        list.push(line)?;
    }
    Ok(list.finish())
}

fn check_line(name: &str, at: usize, line: IdMap, before: &[IdMap]) -> Result<()> {
    if line.count == 0 {
        return Err(refuse(
            format_args!("{name}[{at}].size"),
            format_args!("0: must be at least 1"),
        ));
    }
    let overflows = |first: u32| first.checked_add(line.count).is_none();
    if overflows(line.inside) || overflows(line.outside) {
        return Err(refuse(
            format_args!("{name}[{at}].size"),
            format_args!("{}: reaches past the last id", line.count),
        ));
    }
    let meet = |a: u32, a_count: u32, b: u32, b_count: u32| a < b + b_count && b < a + a_count;
    let other = before.iter().position(|old| {
        meet(old.inside, old.count, line.inside, line.count)
            || meet(old.outside, old.count, line.outside, line.count)
    });
    match other {
        Some(other) => Err(refuse(
            format_args!("{name}[{at}]"),
            format_args!("overlaps {name}[{other}]"),
        )),
        None => Ok(()),
    }
}

/// Whether a mapping covers an id inside; a container without a new user namespace has all ids, or ones unknown here.
pub fn maps(job: &Job<'_, '_>, mappings: List<'_, IdMapping>, id: u32) -> bool {
    !job.kinds.makes(CLONE_NEWUSER)
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
    for (clock, offset) in [
        (c"monotonic", given.monotonic.get()),
        (c"boottime", given.boottime.get()),
    ] {
        let Some(offset) = offset else { continue };
        if offset.nanosecs >= 1_000_000_000 {
            let path = format_args!("linux.timeOffsets.{}.nanosecs", clock.to_string_lossy());
            return Err(refuse(
                path,
                format_args!("{}: must be below 1000000000, a second", offset.nanosecs),
            ));
        }
        list.push(TimeOffset {
            clock,
            secs: offset.secs,
            nanos: offset.nanosecs,
        })?;
    }
    let list = list.finish();
    if !list.is_empty() && !job.kinds.makes(CLONE_NEWTIME) {
        let why = if job.kinds.has(CLONE_NEWTIME) {
            "the clocks of a time namespace that is joined by its path can't be set"
        } else {
            "needs {\"type\": \"time\"} in linux.namespaces"
        };
        return Err(refuse(
            format_args!("linux.timeOffsets"),
            format_args!("{why}"),
        ));
    }
    Ok(list)
}
