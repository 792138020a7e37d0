//! The child's faults in words. Whoever reads them has the same plan, so a number names a thing again.

use crate::error::{Error, lossy};
use crate::text::{decimal, fill, one_line, unpacked};
use init::fault::{Step, Told};
use init::packed::Packed;
use init::plan::{Mount, Plan, Source};
use rustix::io::Errno;

/// What usually helps.
const WAYS_OUT: [(Step, Errno, Packed); 10] = [
    (
        Step::User,
        Errno::INVAL,
        packed!(
            "the id is not mapped in the user namespace: see linux.uidMappings and gidMappings"
        ),
    ),
    (
        Step::Root,
        Errno::INVAL,
        packed!(
            "is a parent mount of the root file system shared, or the root itself an unusual mount? `--no-pivot` avoids pivot_root"
        ),
    ),
    (
        Step::Namespaces,
        Errno::NOSPC,
        packed!("a limit in /proc/sys/user is reached"),
    ),
    (
        Step::Mount,
        Errno::NODEV,
        packed!("the kernel doesn't know this type of file system"),
    ),
    (
        Step::Device,
        Errno::PERM,
        packed!(
            "the host doesn't let mote make device nodes; a user namespace binds the host's instead"
        ),
    ),
    (
        Step::Capabilities,
        Errno::PERM,
        packed!("mote itself or `bounding` lacks one of them"),
    ),
    (
        Step::Rlimit,
        Errno::PERM,
        packed!("raising a hard limit takes CAP_SYS_RESOURCE"),
    ),
    (
        Step::Apparmor,
        Errno::NOENT,
        packed!("is AppArmor enabled, and the profile loaded?"),
    ),
    (
        Step::Cpus,
        Errno::INVAL,
        packed!("the container's cgroup has none of these CPUs"),
    ),
    (
        Step::Sysctl,
        Errno::NOENT,
        packed!("the kernel has no such setting in this namespace"),
    ),
];

/// `mounts[3] /proc: move_mount: operation not permitted (EPERM)`, and what is known beyond that.
pub fn explain(fault: &Told, plan: &Plan<'_>) -> Error {
    let (call, note) = (lossy(&fault.call), lossy(&fault.note));
    if fault.step == Step::Args {
        return program(fault, plan, &call, &note);
    }
    let mut text = place(fault, plan);
    for part in [&call, &note].into_iter().filter(|part| !part.is_empty()) {
        text.push_str(": ");
        text.push_str(&one_line(part));
    }
    finish(text, fault)
}

fn finish(text: String, fault: &Told) -> Error {
    if fault.errno == 0 {
        return Error::new(text);
    }
    let errno = Errno::from_raw_os_error(fault.errno);
    let known = WAYS_OUT
        .iter()
        .find(|(step, known, _)| *step == fault.step && *known == errno);
    let hint = known
        .map(|(_, _, hint)| fill("; {}", &[&unpacked(*hint)]))
        .unwrap_or_default();
    Error::join(&[Error::of("", text.as_bytes(), errno).text(), &hint])
}

/// The wording that engines look for: `exec: "x": executable file not found in $PATH`, `exec /x: permission
/// denied`.
fn program(fault: &Told, plan: &Plan<'_>, call: &str, note: &str) -> Error {
    let name = lossy(plan.process.args.first().unwrap_or_default().to_bytes());
    match (call, fault.errno) {
        ("", _) => finish(fill("exec {}", &[&name]), fault),
        (_, errno) if errno == Errno::NOENT.raw_os_error() && note.is_empty() => {
            Error::new(fill("exec: \"{}\": {}", &[&name, call]))
        }
        _ => finish(fill("exec {}: {} {}", &[&name, call, note]), fault),
    }
}

/// The step and which of its things: the property's path and the thing's own name.
fn place(fault: &Told, plan: &Plan<'_>) -> String {
    let at = fault.item;
    let name = match fault.step {
        Step::Mount => plan.mounts.get(at).map(|mount| mount.target),
        Step::Device => plan.devices.get(at).map(|device| device.path),
        Step::Link => plan.links.get(at).map(|link| link.path),
        Step::ReadonlyPath => plan.readonly_paths.get(at).copied(),
        Step::MaskedPath => plan.masked_paths.get(at).copied(),
        Step::CreateContainerHook => plan.hooks.create_container.get(at).map(|hook| hook.path),
        Step::StartContainerHook => plan.hooks.start_container.get(at).map(|hook| hook.path),
        Step::Sysctl => plan.sysctl.get(at).map(|sysctl| sysctl.path),
        Step::Rlimit => plan.process.rlimits.get(at).map(|limit| limit.name),
        Step::Cwd => Some(plan.process.cwd),
        Step::Root => Some(plan.root.path),
        _ => None,
    };
    let name = lossy(name.unwrap_or_default().to_bytes());
    let mut text = unpacked(fault.step.text());
    match fault.step {
        Step::User => text.push_str(&fill(": id {}", &[&decimal(at as u64)])),
        // The plan's list of devices begins with the default ones, so an index would mislead.
        Step::Device | Step::Link | Step::Sysctl | Step::Cwd | Step::Root => {}
        _ if !name.is_empty() => text.push_str(&fill("[{}]", &[&decimal(at as u64)])),
        _ => {}
    }
    if !name.is_empty() {
        text.push(' ');
        text.push_str(&name);
    }
    if fault.step == Step::Mount
        && let Some(Mount {
            source: Source::Bind { path, .. },
            ..
        }) = plan.mounts.get(at)
    {
        text.push_str(&fill(" (bind of {})", &[&lossy(path.to_bytes())]));
    }
    text
}
