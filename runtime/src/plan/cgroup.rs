//! `linux.cgroupsPath` and the rules for devices.

use super::paths::given;
use super::refusal::Result;
use super::{Job, devices};
use init::plan::Cgroup;
use linux_raw_sys::general::CLONE_NEWCGROUP;

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<Cgroup<'a>> {
    let path = given(job.spec.linux.cgroups_path);
    if let Some(path) = path
        && path
            .to_bytes()
            .split(|&byte| byte == b'/')
            .any(|part| part == b"..")
    {
        let why = "must not lead out of its hierarchy by \"..\"";
        job.gather(job.refuse_text("linux.cgroupsPath", path, why))?;
    }
    Ok(Cgroup {
        path,
        devices: devices::rules(job)?,
        private: job.kinds.has(CLONE_NEWCGROUP),
        lenient: job.facts.rootless,
    })
}
