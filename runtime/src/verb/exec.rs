//! `exec`: one more process in a container. It is `create` with empty lists: namespaces are joined, not made.

use super::create::without_birth_in_place;
use crate::bundle;
use crate::cgroup::Group;
use crate::cli::{Code, Global, Options};
use crate::container::{Container, Init, Status, id};
use crate::error::{Error, Result};
use crate::host::{Host, of_process};
use crate::launch::{Joiner, Otherwise, Outfit, Started, launch};
use crate::notify::Listening;
use crate::plan::words::{Words, words};
use crate::plan::{self, Facts};
use crate::process::{Asked, Streams, extra_environment, inherited_fds, settle, take_signals};
use crate::relay::Relay;
use crate::stored::Stored;
use crate::text::{fill, signed};
use crate::{execargs, seal, tend};
use init::plan::Plan;
use init::sys::arena::Arena;
use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, getpid, pidfd_open};
use spec_min::Spec;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    seal::seal()?;
    let id = id(options.positional(0))?;
    let detach = options.flag("detach");
    let asked = Asked::read(options)?;
    let listening = Listening::passed_to(getpid(), crate::host::variable);
    let keep_fds = inherited_fds(&listening, options.number("preserve-fds")?.unwrap_or(0))?;
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    check_status(container, host, options)?;
    let stored = Stored::read(container)?
        .ok_or_else(|| Error::fill(packed!("{}: config.json is gone"), &[id]))?;
    let spec = stored.spec()?;
    let mut facts = stored.facts(global, container)?;
    facts.keep_fds = keep_fds;
    facts.debug = global.report.level() == crate::report::Level::Debug;
    facts.extra_env = extra_environment(stored.arena(), &listening, false)?;
    facts.setgroups_denied = container
        .init
        .is_some_and(|init| host.setgroups_denied(Some(init.pid)));
    if options.text("process").is_some() {
        facts.document = "process.json";
    }
    facts.makes = true;
    let file = execargs::read_process_file(options)?;
    let arena = bundle::arena(file.as_ref().map_or(0, Vec::len) + 65536)?;
    let plan = plan_process(global, options, spec, &facts, file.as_deref(), &arena)?;

    let mut streams = Streams::prepare(plan.process.terminal, !detach, &asked)?;
    let pidfd_socket = asked.pidfd_socket()?;
    let init = container.alive(&host.procfs).ok_or_else(not_running)?;
    let joins = open_joins(container, host, init)?;
    let group = open_group(container, options)?;
    let signals = (!detach).then(take_signals).transpose()?;
    set_own_oom_score(host, plan, global.rootless())?;
    set_own_cpus(plan.process.initial_cpus)?;
    let (started, doors) = start(
        host,
        plan,
        Going {
            joins: &joins,
            group,
            named: options.list("cgroup").next().is_some(),
            stdio: streams.child.take(),
            console: streams.console.as_ref().map(AsFd::as_fd),
            init,
        },
    )?;
    if let Some(rdt) = container.rdt(&host.procfs)? {
        rdt.enter(started.pid)?;
    }
    tend::raise_limits(plan, started.pid)?;
    started.admit(plan, &doors)?;
    let warn = &mut |path: &str, text: &str| global.report.warn(&fill("{}: {}", &[path, text]));
    let program = plan::program(plan, spec, &facts, &arena, warn);
    started.send_filter(plan, program.map_err(|refusal| refusal.error())?)?;
    let relay = settle(&started, plan, &asked, pidfd_socket, streams, false)?;
    finish(started, plan, relay, signals)
}

fn not_running() -> Error {
    Error::new(packed!("cannot exec in a stopped container"))
}

fn check_status(container: &Container, host: &Host, options: &Options) -> Result<()> {
    match container.status(&host.procfs)? {
        Status::Stopped | Status::Creating => Err(not_running()),
        Status::Paused if !options.flag("ignore-paused") => Err(Error::new(packed!(
            "cannot exec in a paused container (use --ignore-paused to override)"
        ))),
        _ => Ok(()),
    }
}

fn plan_process<'a>(
    global: &Global,
    options: &Options,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    file: Option<&[u8]>,
    arena: &'a Arena,
) -> Result<&'a Plan<'a>> {
    let process = match file {
        Some(text) => {
            bundle::warn_of_repeated_keys(&global.report, "process.json", text);
            execargs::parse_process(text, arena)?
        }
        None => execargs::from_options(options, spec, arena)?,
    };
    let warn = &mut |path: &str, text: &str| {
        global.report.warn(&fill("{}: {}", &[path, text]));
    };
    let plan = plan::process(process, spec, facts, arena, warn);
    Ok(plan.map_err(|refusal| match file {
        Some(text) => refusal.found_in(text).error(),
        // The command line may have said it.
        None => refusal.error(),
    })?)
}

/// Every namespace of the container that isn't mote's own, by one pidfd.
fn open_joins(container: &Container, host: &Host, init: Init) -> Result<Vec<(u32, OwnedFd)>> {
    const KINDS: Words = words! {
        "user" = raw::CLONE_NEWUSER,
        "pid" = raw::CLONE_NEWPID,
        "mnt" = raw::CLONE_NEWNS,
        "net" = raw::CLONE_NEWNET,
        "ipc" = raw::CLONE_NEWIPC,
        "uts" = raw::CLONE_NEWUTS,
        "cgroup" = raw::CLONE_NEWCGROUP,
        "time" = raw::CLONE_NEWTIME,
    };
    let failed = |errno| {
        Error::call(
            packed!("pidfd_open of the container's first process"),
            errno,
        )
    };
    let pidfd = pidfd_open(init.pid, PidfdFlags::empty()).map_err(failed)?;
    let mut flags = 0;
    for (name, flag) in KINDS.names().zip(KINDS.numbers()) {
        if different(host, init.pid, name) {
            flags |= flag;
        }
    }
    // The pid may have changed hands before the pidfd was opened.
    container.alive(&host.procfs).ok_or_else(not_running)?;
    Ok(if flags == 0 {
        Vec::new()
    } else {
        vec![(flags, pidfd)]
    })
}

/// Whether the process is in another namespace of this kind than mote; a kernel without the kind has none.
fn different(host: &Host, pid: Pid, name: &str) -> bool {
    let name = fill("ns/{}", &[name]);
    let look =
        |pid| rustix::fs::readlinkat(host.procfs.fd(), &*of_process(pid, &name), Vec::new()).ok();
    match (look(pid), look(getpid())) {
        (Some(theirs), Some(ours)) => theirs != ours,
        _ => false,
    }
}

fn open_group(container: &Container, options: &Options) -> Result<&'static mut Group> {
    let group = container.group()?;
    let mut asked = Vec::new();
    for text in options.list("cgroup") {
        asked.push(text.to_str().unwrap_or_default());
    }
    if !asked.is_empty() {
        group.descend(&asked)?;
    }
    Ok(group)
}

/// Set on mote itself and inherited: the process could no longer be written to by an unprivileged mote.
fn set_own_oom_score(host: &Host, plan: &Plan<'_>, lenient: bool) -> Result<()> {
    let Some(score) = plan.process.oom_score_adj else {
        return Ok(());
    };
    match host
        .procfs
        .write(c"self/oom_score_adj", signed(score.into()).as_bytes())
    {
        Err(errno) if !lenient => Err(Error::call("process.oomScoreAdj", errno)),
        _ => Ok(()),
    }
}

/// Set on mote itself and inherited: the process is to be on these CPUs before it is in its cgroup.
fn set_own_cpus(cpus: &[u64]) -> Result<()> {
    if cpus.is_empty() {
        return Ok(());
    }
    let failed = |errno| {
        Error::call(
            packed!("process.execCPUAffinity.initial: sched_setaffinity"),
            errno,
        )
    };
    init::sys::sched::set_affinity(cpus).map_err(failed)
}

struct Going<'g> {
    joins: &'g [(u32, OwnedFd)],
    group: &'static mut Group,
    /// Whether the caller named the cgroup: it is that one or none.
    named: bool,
    stdio: Option<[OwnedFd; 3]>,
    console: Option<BorrowedFd<'g>>,
    init: Init,
}

fn start(host: &Host, plan: &Plan<'_>, going: Going<'_>) -> Result<(Started, Vec<OwnedFd>)> {
    let Going {
        joins,
        group,
        named,
        stdio,
        console,
        init,
    } = going;
    let now = || cgroups_of(host, init).filter(|_| !named);
    let cgroup = match group.v2_dir() {
        Err(_) if now().is_some_and(|now| group.follow(&now)) => group.v2_dir()?,
        result => result?,
    };
    let joiner = Joiner::of(host, joins, 0)?;
    let mut by_door = joiner.is_another();
    let outfit = Outfit {
        stdio,
        console,
        listener: None,
        joins,
        joiner,
        trees: Vec::new(),
        cgroups: &[],
        cgroup,
    };
    // No process of the container may look into mote from the moment that it is to be seen there.
    let hidden =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    hidden.map_err(|errno| Error::call("PR_SET_DUMPABLE", errno))?;
    let mut started = launch(host, plan, outfit, &mut |errno| match (
        errno,
        now().and_then(|now| group.v2_dir_of(&now)),
    ) {
        (Errno::BUSY, Some(dir)) => Otherwise::Elsewhere(dir),
        _ => without_birth_in_place(group, errno, &mut by_door),
    })?;
    started.entered = Some(init.pid);
    let mut doors = group.doors()?;
    match by_door {
        true if group.is_users() => group.attach(started.pid)?,
        true => doors.extend(group.v2_door()?),
        false => {}
    }
    Ok((started, doors))
}

/// The cgroups of the container's first process. Where it has moved to in v2, `exec` goes too, once the container's own
/// cgroup takes no process any more because it gives controllers to its children, or is gone.
fn cgroups_of(host: &Host, init: Init) -> Option<String> {
    let path = of_process(init.pid, "cgroup");
    let mut buffer = [0; 8192];
    let now = host.procfs.read(&path, &mut buffer).ok()?;
    Some(core::str::from_utf8(now).ok()?.to_owned())
}

fn finish(
    mut started: Started,
    plan: &Plan<'_>,
    relay: Option<Box<Relay>>,
    signals: Option<OwnedFd>,
) -> Result<Code> {
    started.go(plan)?;
    started.release();
    match (relay, signals) {
        (Some(mut relay), Some(signals)) => relay
            .run(started.pidfd.as_fd(), started.pid, signals.as_fd())
            .map(|exit| exit.code.into()),
        _ => Ok(0),
    }
}
