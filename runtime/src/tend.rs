//! What the host does to a process that it has made: id maps, limits, hooks, files that tell others of it.

use crate::error::{Error, Result};
use crate::host::Host;
use crate::report::Reporter;
use init::hooks::{Failure, Reason, Stage};
use init::kernel::RESOURCES;
use init::plan::{Hook, IdMap, Plan};
use init::sys::exec::Vector;
use linux_raw_sys::general::CLONE_NEWUSER;
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit, getrlimit, prlimit};
use std::ffi::CString;
use std::fmt::Write;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

/// Maps ids, raises limits and sets the OOM score.
pub fn prepare(host: &Host, plan: &Plan<'_>, pid: Pid, lenient: bool) -> Result<()> {
    if plan.namespaces.new & CLONE_NEWUSER != 0 {
        map_ids(host, plan, pid)?;
    }
    raise_limits(plan, pid)?;
    set_oom_score(host, plan, pid, lenient)
}

fn map_ids(host: &Host, plan: &Plan<'_>, pid: Pid) -> Result<()> {
    let namespaces = &plan.namespaces;
    let privileged = rustix::process::geteuid().is_root();
    if !plan.process.set_groups {
        // An unprivileged writer of gid_map must give up setgroups(2) first (user_namespaces(7)).
        write(host, pid, "setgroups", "deny")?;
    }
    map(host, pid, "uid_map", "newuidmap", namespaces.uid_map, privileged)?;
    map(host, pid, "gid_map", "newgidmap", namespaces.gid_map, privileged)
}

fn map(host: &Host, pid: Pid, file: &str, helper: &str, lines: &[IdMap], privileged: bool) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{} {} {}", line.inside, line.outside, line.count);
    }
    match write(host, pid, file, &text) {
        Err(error) if !privileged => by_helper(pid, helper, lines, &error),
        result => result,
    }
}

/// newuidmap(1) and newgidmap(1) may map what /etc/subuid and /etc/subgid allow.
fn by_helper(pid: Pid, helper: &str, lines: &[IdMap], refused: &Error) -> Result<()> {
    let mut command = Command::new(helper);
    command.arg(pid.as_raw_nonzero().to_string());
    for line in lines {
        command.args([line.inside, line.outside, line.count].map(|number| number.to_string()));
    }
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Error::new(format!("{helper}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))),
        Err(error) => Err(Error::new(format!("{refused}; and {helper}: {}", Error::io("it", &error)))),
    }
}

fn write(host: &Host, pid: Pid, file: &str, value: &str) -> Result<()> {
    let path = CString::new(format!("{}/{file}", pid.as_raw_nonzero())).unwrap_or_default();
    let result = host.procfs.write(&path, value.as_bytes());
    result.map_err(|errno| Error::os(format_args!("writing {:?} to /proc/{}", value.trim_end(), path.to_string_lossy()), errno))
}

/// Raises hard limits, for which the process in its user namespace has no privilege. It lowers them itself.
fn raise_limits(plan: &Plan<'_>, pid: Pid) -> Result<()> {
    for limit in plan.process.rlimits {
        let Some(&resource) = RESOURCES.get(limit.resource as usize) else { continue };
        let now = getrlimit(resource);
        let wanted = (limit.hard != u64::MAX).then_some(limit.hard);
        let raised = match (now.maximum, wanted) {
            (Some(now), Some(wanted)) => wanted > now,
            (now, wanted) => now.is_some() && wanted.is_none(),
        };
        if raised {
            let new = Rlimit { current: now.current, maximum: wanted };
            prlimit(Some(pid), resource, new).map_err(|errno| {
                Error::os(format_args!("process.rlimits: raising {}", limit.name.to_string_lossy()), errno)
            })?;
        }
    }
    Ok(())
}

fn set_oom_score(host: &Host, plan: &Plan<'_>, pid: Pid, lenient: bool) -> Result<()> {
    let Some(score) = plan.process.oom_score_adj else { return Ok(()) };
    match write(host, pid, "oom_score_adj", &score.to_string()) {
        // Lowering it takes CAP_SYS_RESOURCE, which a rootless caller hasn't.
        Err(_) if lenient => Ok(()),
        result => result.map_err(|error| error.within("process.oomScoreAdj")),
    }
}

/// Runs the host's hooks of one kind.
pub fn run_hooks(
    host: &Host, plan: &Plan<'_>, kind: &str, hooks: &[Hook<'_>], status: &str, pid: u32, environment: Vector<'_>,
) -> Result<()> {
    let stage = Stage { state: plan.state, status, pid, environment, mask: host.mask };
    init::hooks::run(hooks, &stage).map_err(|failure| explain(kind, hooks, &failure))
}

/// Runs the `poststop` hooks. They all run; one that fails is only warned of (runtime.md, "Lifecycle").
pub fn run_last_hooks(host: &Host, plan: &Plan<'_>, environment: Vector<'_>, report: &Reporter) {
    for hook in plan.hooks.poststop {
        if let Err(error) = run_hooks(host, plan, "poststop", core::slice::from_ref(hook), "stopped", 0, environment) {
            report.warn(&error.to_string());
        }
    }
}

fn explain(kind: &str, hooks: &[Hook<'_>], failure: &Failure) -> Error {
    let path = hooks.get(failure.item).map(|hook| hook.path.to_string_lossy()).unwrap_or_default();
    let reason = init::describe(failure.reason);
    let mut text = format!("hooks.{kind}[{}] {path}: {}", failure.item, String::from_utf8_lossy(&reason));
    let output = String::from_utf8_lossy(&failure.output);
    if !output.trim().is_empty() {
        text.push_str(": ");
        text.push_str(&output.trim().replace('\n', " | "));
    }
    match failure.reason {
        Reason::Call(_, errno) => Error::os(text, errno),
        _ => Error::new(text),
    }
}

/// `--pid-file`: there as a whole or not at all.
pub fn write_pid_file(path: &Path, pid: Pid) -> Result<()> {
    use std::io::Write;
    let failed = |error: &std::io::Error| Error::io(format_args!("--pid-file {}", path.display()), error);
    let Some(name) = path.file_name() else {
        return Err(Error::os(format_args!("--pid-file {}", path.display()), Errno::ISDIR));
    };
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    let draft = path.with_file_name(draft);
    let options = OpenOptions::new().write(true).create_new(true).mode(0o666).open(&draft);
    let written = options.and_then(|mut file| file.write_all(pid.as_raw_nonzero().to_string().as_bytes()));
    let placed = written.and_then(|()| std::fs::rename(&draft, path));
    placed.map_err(|error| {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            let _ = std::fs::remove_file(&draft);
        }
        failed(&error)
    })
}
