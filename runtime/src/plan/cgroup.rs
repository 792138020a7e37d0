//! `linux.cgroupsPath`, and what `linux.resources` comes to.

use super::paths::given;
use super::refusal::Result;
use super::resources::{self, Kept};
use super::{Job, devices, unit};
use crate::text::split;
use init::plan::{Cgroup, IdMap, Mount, Source};
use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWUSER, MOUNT_ATTR_RDONLY};

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>, uid_map: &[IdMap], mounts: &[Mount<'_>]) -> Result<Cgroup<'a>> {
    let path = given(job.spec.linux.cgroups_path);
    if let Some(path) = path
        && split(path.to_bytes(), b'/').any(|part| part == b"..")
    {
        let why = packed!("must not lead out of its hierarchy by \"..\"");
        job.gather(job.refuse_text("linux.cgroupsPath", path, why))?;
    }
    let (mut limits, mut rules): (&[_], &[_]) = (&[], &[]);
    if let Some(all) = job.spec.linux.resources.get() {
        rules = devices::rules(job, all, "linux.resources.devices")?;
        limits = resources::lower(job, all, "linux.resources.", Kept::default())?;
    }
    Ok(Cgroup {
        path,
        devices: rules,
        limits,
        owner: owner(job, uid_map, mounts),
        private: job.kinds.has(CLONE_NEWCGROUP),
        lenient: job.facts.rootless,
        unit: unit::lower(job, path)?,
    })
}

/// Who the container's cgroup is for (config-linux.md, "Cgroup ownership"): its program's user, where only its own
/// cgroups are to be seen and may be written to. None for who has it anyway, and for whom the host can't name.
fn owner(job: &Job<'_, '_>, uid_map: &[IdMap], mounts: &[Mount<'_>]) -> Option<u32> {
    let writable = |mount: &Mount<'_>| {
        matches!(mount.source, Source::Cgroup) && mount.set & u64::from(MOUNT_ATTR_RDONLY) == 0
    };
    let kinds = job.kinds;
    let joined = kinds.has(CLONE_NEWUSER) && !kinds.makes(CLONE_NEWUSER);
    if joined || !kinds.makes(CLONE_NEWCGROUP) || !mounts.iter().any(writable) {
        return None;
    }
    let uid = job.spec.process.get()?.user.uid;
    let host = match kinds.makes(CLONE_NEWUSER) {
        false => uid,
        true => uid_map.iter().find_map(|map| {
            let offset = uid.checked_sub(map.inside)?;
            (offset < map.count).then(|| map.outside + offset)
        })?,
    };
    Some(host).filter(|host| *host != job.facts.euid)
}
