//! What the host does to a process that it has made: id maps, limits, hooks, files that tell others of it.

use crate::error::{Error, Result, lossy};
use crate::files;
use crate::host::{Host, of_process};
use crate::report::Reporter;
use crate::text::{c, decimal, fill, number, one_line, quote, split, words};
use init::hooks::{Failure, Reason, Stage};
use init::kernel::RESOURCES;
use init::plan::{Hook, IdMap, Plan, StateText};
use init::sys::arena::Arena;
use init::sys::exec::Vector;
use init::sys::start;
use linux_raw_sys::general::CLONE_NEWUSER;
use rustix::fd::AsFd;
use rustix::fs::{Access, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Maps ids, or checks the maps of a user namespace that was there; raises limits and sets the OOM score.
pub fn prepare(host: &Host, plan: &Plan<'_>, pid: Pid, lenient: bool) -> Result<()> {
    if plan.namespaces.new & CLONE_NEWUSER != 0 {
        map_ids(host, plan, pid)?;
    } else {
        let namespaces = &plan.namespaces;
        check_map(host, pid, "uid", namespaces.uid_map)?;
        check_map(host, pid, "gid", namespaces.gid_map)?;
    }
    raise_limits(plan, pid)?;
    set_oom_score(host, plan, pid, lenient)
}

fn map_ids(host: &Host, plan: &Plan<'_>, pid: Pid) -> Result<()> {
    let namespaces = &plan.namespaces;
    if !plan.process.set_groups {
        // An unprivileged writer of gid_map must give up setgroups(2) first (user_namespaces(7)).
        write(host, pid, "setgroups", "deny")?;
    }
    write_maps(host, pid, namespaces.uid_map, namespaces.gid_map)
}

/// Writes the maps of the user namespace that a process is in.
pub fn write_maps(host: &Host, pid: Pid, uid_map: &[IdMap], gid_map: &[IdMap]) -> Result<()> {
    let privileged = rustix::process::geteuid().is_root();
    map(host, pid, "uid_map", "newuidmap", uid_map, privileged)?;
    map(host, pid, "gid_map", "newgidmap", gid_map, privileged)
}

/// Engines give a user namespace by path and its maps besides (runc asked for both once): what they believe must be so.
fn check_map(host: &Host, pid: Pid, kind: &str, lines: &[IdMap]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = of_process(pid, &fill("{}_map", &[kind]));
    let file = host.procfs.file(&path, OFlags::RDONLY);
    let text = file.and_then(|file| files::rest(file.as_fd()));
    let text = text.map_err(|errno| Error::of("/proc", path.to_bytes(), errno))?;
    let mut words = words(&text);
    let mut found = 0;
    while let (Some(inside), Some(outside), Some(count)) =
        (words.next(), words.next(), words.next())
    {
        let known = |line: &IdMap| {
            [
                (inside, line.inside),
                (outside, line.outside),
                (count, line.count),
            ]
            .iter()
            .all(|&(word, wanted)| number(word) == Some(wanted.into()))
        };
        if !lines.iter().any(known) {
            found = usize::MAX;
            break;
        }
        found += 1;
    }
    if found == lines.len() {
        return Ok(());
    }
    Err(Error::fill(
        packed!(
            "linux.{}Mappings: not the map of the user namespace that is joined by its path; leave them out"
        ),
        &[kind],
    ))
}

fn map(
    host: &Host,
    pid: Pid,
    file: &str,
    helper: &str,
    lines: &[IdMap],
    privileged: bool,
) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        let [inside, outside, count] =
            [line.inside, line.outside, line.count].map(|number| decimal(number.into()));
        text += &fill("{} {} {}\n", &[&inside, &outside, &count]);
    }
    match write(host, pid, file, &text) {
        Err(error) if !privileged => by_helper(host, pid, helper, &text, &error),
        result => result,
    }
}

/// newuidmap(1) and newgidmap(1) may map what /etc/subuid and /etc/subgid allow. They are run as hooks are, whose
/// output is kept.
fn by_helper(host: &Host, pid: Pid, helper: &str, lines: &str, refused: &Error) -> Result<()> {
    let Some(path) = in_path(helper) else {
        return Err(Error::fill(
            packed!("{}; and there is no {} in PATH"),
            &[refused.text(), helper],
        ));
    };
    let memory = |errno| Error::call(helper, errno);
    let number = decimal(pid.as_raw_pid() as u64);
    let mut args = vec![c(&[helper.as_bytes()]), c(&[number.as_bytes()])];
    for word in words(lines.as_bytes()) {
        args.push(c(&[word]));
    }
    let arena = Arena::new(16 * (args.len() + 4)).map_err(memory)?;
    let texts = &mut args.iter().map(CString::as_c_str);
    let args = Vector::new(&arena, args.len(), texts, 0).map_err(memory)?;
    let hook = Hook {
        path: &path,
        args,
        env: None,
        timeout: None,
    };
    let state = StateText {
        head: b"",
        middle: b"",
        tail: b"",
    };
    let stage = Stage {
        state,
        status: "",
        pid: 0,
        environment: start::environment_vector(),
        mask: host.mask,
    };
    init::hooks::run(&[hook], &stage).map_err(|failure| explain(helper, &failure))
}

/// Where execvp(3) would find a program.
pub fn in_path(program: &str) -> Option<CString> {
    let path = start::variable("PATH").unwrap_or(b"/bin:/usr/bin");
    let mut places = split(path, b':').map(|place| c(&[place, b"/", program.as_bytes()]));
    places.find(|place| rustix::fs::access(place.as_c_str(), Access::EXEC_OK).is_ok())
}

fn write(host: &Host, pid: Pid, file: &str, value: &str) -> Result<()> {
    let number = decimal(pid.as_raw_pid() as u64);
    let path = c(&[number.as_bytes(), b"/", file.as_bytes()]);
    host.procfs.write(&path, value.as_bytes()).map_err(|errno| {
        let mut step = String::from("writing ");
        quote(&mut step, value.trim_ascii_end());
        step.push_str(" to /proc/");
        Error::of("", &[step.as_bytes(), path.as_bytes()].concat(), errno)
    })
}

/// What to set where a limit asks for a higher one than mote's own.
pub fn raised(limit: &init::plan::Rlimit<'_>) -> Option<(Resource, Rlimit)> {
    let resource = *RESOURCES.get(limit.resource as usize)?;
    let now = getrlimit(resource);
    let maximum = (limit.hard != u64::MAX).then_some(limit.hard);
    let raised = match (now.maximum, maximum) {
        (Some(now), Some(wanted)) => wanted > now,
        (now, wanted) => now.is_some() && wanted.is_none(),
    };
    let current = now.current;
    raised.then_some((resource, Rlimit { current, maximum }))
}

/// Raises hard limits, for which the process in its user namespace has no privilege. It lowers them itself.
pub fn raise_limits(plan: &Plan<'_>, pid: Pid) -> Result<()> {
    for limit in plan.process.rlimits {
        if let Some((resource, new)) = raised(limit) {
            prlimit(Some(pid), resource, new).map_err(|errno| {
                Error::of(
                    "",
                    &[b"process.rlimits: raising ", limit.name.to_bytes()].concat(),
                    errno,
                )
            })?;
        }
    }
    Ok(())
}

fn set_oom_score(host: &Host, plan: &Plan<'_>, pid: Pid, lenient: bool) -> Result<()> {
    let Some(score) = plan.process.oom_score_adj else {
        return Ok(());
    };
    let sign = if score < 0 { "-" } else { "" };
    match write(
        host,
        pid,
        "oom_score_adj",
        &[sign, &decimal(score.unsigned_abs().into())].concat(),
    ) {
        // Lowering it takes CAP_SYS_RESOURCE, which a rootless caller hasn't.
        Err(_) if lenient => Ok(()),
        result => result.map_err(|error| error.under("process.oomScoreAdj")),
    }
}

/// Runs the host's hooks of one kind, of which the first is the one numbered `from`.
pub fn run_hooks(
    host: &Host,
    plan: &Plan<'_>,
    kind: &str,
    (from, hooks): (usize, &[Hook<'_>]),
    status: &str,
    pid: u32,
) -> Result<()> {
    let stage = Stage {
        state: plan.state,
        status,
        pid,
        environment: start::environment_vector(),
        mask: host.mask,
    };
    init::hooks::run(hooks, &stage).map_err(|failure| {
        let path = hooks
            .get(failure.item)
            .map(|hook| hook.path.to_bytes())
            .unwrap_or_default();
        let item = fill(
            "hooks.{}[{}] {}",
            &[kind, &decimal((from + failure.item) as u64), &lossy(path)],
        );
        explain(&item, &failure)
    })
}

/// Runs the `poststop` hooks. They all run; one that fails is only warned of (runtime.md, "Lifecycle").
pub fn run_last_hooks(host: &Host, plan: &Plan<'_>, report: &Reporter) {
    for (at, hook) in plan.hooks.poststop.iter().enumerate() {
        let one = (at, core::slice::from_ref(hook));
        if let Err(error) = run_hooks(host, plan, "poststop", one, "stopped", 0) {
            report.warn(error.text());
        }
    }
}

fn explain(program: &str, failure: &Failure) -> Error {
    let output = one_line(&lossy(&failure.output));
    let colon = if output.is_empty() { "" } else { ": " };
    let reason = lossy(&init::describe(failure.reason));
    let text = fill("{}: {}{}{}", &[program, &reason, colon, &output]);
    match failure.reason {
        Reason::Call(_, errno) => Error::call(&*text, errno),
        _ => Error::new(text),
    }
}

/// `--pid-file`: there as a whole or not at all.
pub fn write_pid_file(path: &Path, pid: Pid) -> Result<()> {
    let path = path.as_os_str().as_bytes();
    let failed = |errno| Error::of("", &[b"--pid-file ", path].concat(), errno);
    let (directory, name) = path.split_at(
        path.iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1),
    );
    if name.is_empty() {
        return Err(failed(Errno::ISDIR));
    }
    let (draft, path) = (c(&[directory, b".", name]), c(&[path]));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file =
        rustix::fs::openat(CWD, &draft, flags, Mode::from_raw_mode(0o666)).map_err(failed)?;
    let written = files::write_all(file.as_fd(), decimal(pid.as_raw_pid() as u64).as_bytes());
    written
        .and_then(|()| rustix::fs::rename(&draft, &path))
        .map_err(|errno| {
            let _ = rustix::fs::unlink(&draft);
            failed(errno)
        })
}
