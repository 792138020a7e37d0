//! What the spec has and this runtime doesn't yet: refused by name, never passed over. A value that asks for
//! nothing (an empty list, no limit where there is none anyway) is no reason to refuse.

use super::Job;
use super::refusal::Result;

/// Refuses the properties that ask for something. The names are one text, since a table of references to texts
/// would be larger than they are.
macro_rules! refuse_all {
    ($job:ident, $object:literal, $($property:literal: $asks:expr),* $(,)?) => {
        refuse_all($job, $object, &[$($asks),*], concat!($($property, "\n"),*))
    };
}

fn refuse_all(job: &Job<'_, '_>, object: &str, asks: &[bool], names: &str) -> Result<()> {
    for (name, _) in names.split('\n').zip(asks).filter(|(_, asks)| **asks) {
        let refused = job.refuse(name, "not supported yet; leave it out");
        job.gather(job.inside(refused, object))?;
    }
    Ok(())
}

/// Refuses such properties of the container.
pub fn check(job: &Job<'_, '_>) -> Result<()> {
    let linux = &job.spec.linux;
    refuse_all! { job, "linux.",
        "netDevices": !linux.net_devices.is_empty(),
    }
}
