//! The child's faults in words. Whoever reads them has the same plan, so a number names a thing again.

use crate::error::Error;
use init::fault::{Fault, Step};
use init::plan::Plan;
use rustix::io::Errno;

/// What usually helps.
const WAYS_OUT: [(Step, Errno, &str); 8] = [
    (Step::Root, Errno::INVAL, "is a parent mount of the root file system shared, or the root itself an unusual mount? `--no-pivot` avoids pivot_root"),
    (Step::Namespaces, Errno::NOSPC, "a limit in /proc/sys/user is reached"),
    (Step::Mount, Errno::NODEV, "the kernel doesn't know this type of file system"),
    (Step::Device, Errno::PERM, "the host doesn't let mote make device nodes; a user namespace binds the host's instead"),
    (Step::Capabilities, Errno::PERM, "mote itself lacks the capability"),
    (Step::Rlimit, Errno::PERM, "raising a hard limit takes CAP_SYS_RESOURCE"),
    (Step::Apparmor, Errno::NOENT, "is AppArmor enabled, and the profile loaded?"),
    (Step::Sysctl, Errno::NOENT, "the kernel has no such setting in this namespace"),
];

/// `mounts[3] /proc: move_mount: operation not permitted (EPERM)`, and what is known beyond that.
pub fn explain(fault: &Fault, plan: &Plan<'_>) -> Error {
    let call = String::from_utf8_lossy(&fault.call);
    let detail = String::from_utf8_lossy(&fault.detail);
    if fault.step == Step::Args {
        return program(fault, &call, &detail);
    }
    let mut text = place(fault, plan);
    for part in [&call, &detail].into_iter().filter(|part| !part.is_empty()) {
        text.push_str(": ");
        text.push_str(part.trim_end());
    }
    finish(text, fault)
}

fn finish(text: String, fault: &Fault) -> Error {
    if fault.errno == 0 {
        return Error::new(text);
    }
    let errno = Errno::from_raw_os_error(fault.errno);
    let known = WAYS_OUT.iter().find(|(step, known, _)| *step == fault.step && *known == errno);
    let hint = known.map(|(_, _, hint)| ["; ", hint].concat()).unwrap_or_default();
    Error::new(format!("{}{hint}", Error::os(text, errno)))
}

/// The wording that engines look for: `exec: "x": executable file not found in $PATH`, `exec /x: permission
/// denied`.
fn program(fault: &Fault, call: &str, detail: &str) -> Error {
    if call.is_empty() {
        finish(format!("exec {detail}"), fault)
    } else if fault.errno == Errno::NOENT.raw_os_error() {
        Error::new(format!("exec: {detail:?}: {call}"))
    } else {
        finish(format!("exec {detail}: {call}"), fault)
    }
}

/// The step and which of its things: the property's path and the thing's own name.
fn place(fault: &Fault, plan: &Plan<'_>) -> String {
    let at = fault.item as usize;
    let name = match fault.step {
        Step::Mount => plan.mounts.get(at).map(|mount| mount.target),
        Step::Device => plan.devices.get(at).map(|device| device.path),
        Step::Link => plan.links.get(at).map(|link| link.path),
        Step::ReadonlyPath => plan.readonly_paths.get(at).copied(),
        Step::MaskedPath => plan.masked_paths.get(at).copied(),
        Step::CreateContainerHook => plan.hooks.create_container.get(at).map(|hook| hook.path),
        Step::StartContainerHook => plan.hooks.start_container.get(at).map(|hook| hook.path),
        _ => None,
    };
    match (name, fault.step) {
        // The plan's list of devices begins with the default ones, so an index would mislead.
        (Some(name), Step::Device | Step::Link) => format!("{} {}", fault.step, name.to_string_lossy()),
        (Some(name), step) => format!("{step}[{at}] {}", name.to_string_lossy()),
        (None, Step::Root) => format!("root.path {}", plan.root.path.to_string_lossy()),
        (None, step) => step.to_string(),
    }
}
