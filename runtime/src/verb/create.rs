//! `create`: the host list, from a bundle to a process that only waits to be told "go". `run` walks it too.
//!
//! Up to the plan nothing is made. From there on whatever was made is undone in reverse when a step fails
//! ([`Created`]'s Drop), and is on record before it is made, for `delete --force` after a mote that was killed.

use crate::bundle::{Bundle, no_memory, text, warn_of_repeated_keys};
use crate::cgroup::{Enforced, Group, Hierarchies, Version, Written};
use crate::cli::{Code, Global, Options};
use crate::container::{Dir, Init, Record, boot_id};
use crate::ending::{Monitor, Watch};
use crate::error::{Error, Result};
use crate::files::c_path;
use crate::host::{Host, of_process};
use crate::launch::{Joiner, Otherwise, Outfit, Started, launch, open_joins};
use crate::legacy::hint;
use crate::notify::{self, Listening, Notify};
use crate::plan::{self, Facts};
use crate::process::{
    Asked, OUT_OF_STEP, Streams, extra_environment, inherited_fds, settle, take_signals,
};
use crate::rdt::Rdt;
use crate::relay::Relay;
use crate::text::{c, fill, unpacked};
use crate::{netdevices, report, seal, tend, trees};
use init::channel::Report;
use init::plan::{DeviceRule, Limit, Mount, Plan, Source};
use init::sys::arena::Arena;
use linux_raw_sys::general::{
    CLONE_NEWNET, CLONE_NEWPID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getpid};
use spec_min::Spec;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    seal::seal()?;
    let request = Request::read(global, options, Stay::Leave)?;
    let arena = request.bundle.arena()?;
    create(global, &request, &arena)?.leave()?;
    Ok(0)
}

/// How long mote stays with the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// `create`: until it is ready; somebody else says `start`.
    Leave,
    /// `run --detach`: until the program runs.
    Detach,
    /// `run`: until the program ends.
    Attach,
}

/// The command line and the bundle, read.
#[derive(Debug)]
pub struct Request {
    /// The bundle.
    pub bundle: Bundle,
    stay: Stay,
    asked: Asked,
    preserve_fds: u32,
    no_pivot: bool,
    no_new_keyring: bool,
    monitor: bool,
}

impl Request {
    /// Reads them.
    pub fn read(global: &Global, options: &Options, stay: Stay) -> Result<Request> {
        // Before the bundle's directory becomes the current one.
        let asked = Asked::read(options)?;
        Ok(Request {
            bundle: Bundle::open(global, options)?,
            stay,
            asked,
            preserve_fds: options.number("preserve-fds")?.unwrap_or(0),
            no_pivot: options.flag("no-pivot"),
            no_new_keyring: options.flag("no-new-keyring"),
            // In the foreground mote itself is there.
            monitor: stay != Stay::Attach && options.flag("monitor"),
        })
    }
}

/// The host list.
pub fn create<'a>(
    global: &'a Global,
    request: &'a Request,
    arena: &'a Arena,
) -> Result<Created<'a>> {
    // Before anything that is opened takes a number that should have been the caller's.
    let listening = Listening::passed_to(getpid(), crate::host::variable);
    let keep_fds = inherited_fds(&listening, request.preserve_fds)?;
    let monitor = request.monitor.then(Monitor::fork).transpose()?;
    let host = Host::look()?;
    let spec = request.bundle.parse(arena)?;
    warn_of_repeated_keys(&global.report, "config.json", &request.bundle.config);
    let manager = notify::host(crate::host::variable);
    let extra = extra_environment(arena, &listening, manager.is_some())?;
    let mut facts = facts(global, host, &request.bundle, spec, arena)?;
    facts.no_pivot = request.no_pivot;
    facts.no_new_keyring = request.no_new_keyring;
    facts.keep_fds = keep_fds;
    facts.extra_env = extra;
    let warn = &mut |path: &str, text: &str| {
        global
            .report
            .warn(&fill("config.json: {}: {}", &[path, text]));
    };
    let plan = plan::container(spec, &facts, arena, warn).map_err(|refusal| {
        let refusal = refusal.found_in(&request.bundle.config);
        let hint = hint(refusal.path(), refusal.text(), &request.bundle.config);
        refusal.error().and(hint)
    })?;
    check_root(plan)?;
    let attached = request.stay == Stay::Attach;
    let mut streams = Streams::prepare(plan.process.terminal, attached, &request.asked)?;
    let joins = open_joins(plan)?;
    let rdt = match &plan.rdt {
        Some(rdt) => Some(Rdt::look(&host.procfs, rdt, &request.bundle.id)?),
        None => None,
    };
    let pidfd_socket = request.asked.pidfd_socket()?;

    global.make_root()?;
    let dir = Dir::create(&global.root, &request.bundle.id)?;
    let group = Hierarchies::discover(host.procfs.fd())
        .and_then(|all| all.group(&plan.cgroup, &request.bundle.id))
        .inspect_err(|_| drop(dir.remove()))?;
    let mut made = Box::new(Made {
        dir,
        group,
        rdt,
        armed: true,
    });
    dir_record(&made, host, request, plan)?;
    let notify = match &manager {
        Some(manager) => {
            mount_notify(&made.dir, plan, arena)?;
            // `start` is who listens for a container that is only created.
            let listens = request.stay != Stay::Leave;
            listens
                .then(|| Notify::listen(&made.dir.path, manager, &global.report))
                .transpose()?
                .flatten()
        }
        None => None,
    };
    if !made.group.is_to_start() {
        made.group.create(&[Version::V2])?;
    }

    let views = views(arena, plan, &made.group)?;
    let listener = match request.stay {
        Stay::Leave => Some(made.dir.listen()?),
        _ => made.dir.hold().map(|()| None)?,
    };
    let signals = match request.stay {
        Stay::Attach => Some(take_signals()?),
        _ => None,
    };
    let trees = trees::open(host, plan, &joins)?;
    let joiner = Joiner::of(host, &joins, plan.namespaces.new)?;
    let mut by_door = joiner.is_another() || made.group.is_slice();
    let outfit = Outfit {
        stdio: streams.child.take(),
        console: streams.console.as_ref().map(AsFd::as_fd),
        listener,
        joins: &joins,
        joiner,
        trees,
        cgroups: views,
        cgroup: made.group.v2_dir()?,
    };
    let group = &mut made.group;
    let started = launch(host, plan, outfit, &mut |errno| {
        without_birth_in_place(group, errno, &mut by_door)
    })?;
    let mut created = Created {
        started,
        made,
        host,
        plan,
        relay: None,
        notify,
        signals,
        monitor,
        report: &global.report,
        id: &request.bundle.id,
    };
    created.move_devices(&joins)?;
    created.admit(global, by_door)?;
    let program =
        plan::program(plan, spec, &facts, arena, warn).map_err(|refusal| refusal.error())?;
    created.hooks_while_it_waits()?;
    created.started.send_filter(plan, program)?;
    let waits = request.stay == Stay::Leave;
    let started = &created.started;
    created.relay = settle(started, plan, &request.asked, pidfd_socket, streams, waits)?;
    Ok(created)
}

/// What to do where clone3(2) can't put a process into a v2 cgroup: a rootless caller may do without; kernels
/// before 5.7 and sandboxes let it move itself.
pub fn without_birth_in_place(group: &mut Group, errno: Errno, by_door: &mut bool) -> Otherwise {
    if group.give_up_v2(errno) {
        return Otherwise::Without;
    }
    match errno {
        Errno::ACCESS if !group.is_users() => Otherwise::Fail,
        Errno::NOSYS | Errno::INVAL | Errno::TOOBIG | Errno::PERM | Errno::ACCESS => {
            *by_door = true;
            Otherwise::Without
        }
        _ => Otherwise::Fail,
    }
}

/// What is undone when a step fails.
#[derive(Debug)]
struct Made {
    dir: Dir,
    group: Group,
    rdt: Option<Rdt>,
    armed: bool,
}

impl Made {
    fn clear(&mut self) -> Result<()> {
        self.armed = false;
        self.group.kill_all(Duration::from_secs(10))?;
        self.group.remove()?;
        self.rdt.as_ref().map_or(Ok(()), Rdt::remove)?;
        self.dir.remove()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.armed {
            let _ = self.clear();
        }
    }
}

/// A container on its way. Dropping it before it is released is what a failed hook or step asks for: the process
/// and all that was made goes, then the last hooks run (runtime.md, "Lifecycle").
pub struct Created<'a> {
    started: Started,
    made: Box<Made>,
    host: &'static Host,
    plan: &'a Plan<'a>,
    relay: Option<Box<Relay>>,
    notify: Option<Notify>,
    signals: Option<OwnedFd>,
    monitor: Option<Monitor>,
    report: &'a report::Reporter,
    id: &'a str,
}

impl Created<'_> {
    /// Network devices of the host, before the container's parameters of the kernel name them.
    fn move_devices(&self, joins: &[(u32, OwnedFd)]) -> Result<()> {
        let (host, devices) = (self.host, self.plan.net_devices);
        if devices.is_empty() {
            return Ok(());
        }
        if let Some((_, network)) = joins.iter().find(|(flag, _)| *flag == CLONE_NEWNET) {
            return netdevices::hand_over(host, devices, network.as_fd());
        }
        let network = host.open_own(&of_process(self.started.pid, "ns/net"))?;
        netdevices::hand_over(host, devices, network.as_fd())
    }

    /// While the process makes its mounts: its record, maps and limits, and the cgroups of v1, which it enters
    /// only then. The kernel takes as long for them as for all the mounts.
    fn admit(&mut self, global: &Global, by_door: bool) -> Result<()> {
        let pid = self.started.pid;
        tend::prepare(self.host, self.plan, pid, global.rootless())?;
        let group = &mut self.made.group;
        if group.is_to_start() {
            group.start(self.id, pid, &self.plan.cgroup)?;
        } else {
            group.create(&[Version::V1])?;
        }
        let mut doors = group.doors()?;
        if by_door {
            doors.extend(group.v2_door()?);
        }
        // Before the process is there: it makes device nodes, and the rules are not whole until the last is written.
        let limits = self.plan.cgroup.limits;
        limit(global, group, limits, &mut Written::default())?;
        if let Some(owner) = self.plan.cgroup.owner {
            group.delegate(Uid::from_raw(owner))?;
        }
        let rules = self.plan.cgroup.devices;
        restrict_devices(global, group, rules, Group::restrict_devices)?;
        if let (Some(rdt), Some(plan)) = (&self.made.rdt, &self.plan.rdt) {
            rdt.make(plan.lines, pid)?;
        }
        self.started.admit(self.plan, &doors)?;
        // It waits for these doors, so what can come later does. Until it is told to go it ends with mote.
        match Init::look(&self.host.procfs, pid) {
            Some(init) => self.made.dir.set_init(init),
            None => Ok(()),
        }
    }

    /// The hooks for which the new process waits once its mounts are made.
    fn hooks_while_it_waits(&self) -> Result<()> {
        let hooks = &self.plan.hooks;
        if hooks.prestart.is_empty() && hooks.create_runtime.is_empty() {
            return Ok(());
        }
        if !matches!(self.started.expect(self.plan)?, Report::Mounted) {
            return Err(Error::new(OUT_OF_STEP));
        }
        self.hooks("prestart", "creating")?;
        self.hooks("createRuntime", "creating")?;
        self.started.answer(self.plan)
    }

    fn hooks(&self, kind: &str, status: &str) -> Result<()> {
        let hooks = &self.plan.hooks;
        let list = match kind {
            "prestart" => hooks.prestart,
            "createRuntime" => hooks.create_runtime,
            _ => hooks.poststart,
        };
        let pid = self.started.pid.as_raw_nonzero().get() as u32;
        tend::run_hooks(self.host, self.plan, kind, (0, list), status, pid)
    }

    /// `create`: lets the process wait for `start`.
    fn leave(&mut self) -> Result<()> {
        let watch = self.watch(self.monitor.is_some())?;
        self.started.answer(self.plan)?;
        self.release();
        self.stay(watch)
    }

    /// Says "go", and waits until the program runs.
    pub fn go(&mut self) -> Result<()> {
        self.started.go(self.plan)?;
        self.made.dir.let_go()?;
        self.hooks("poststart", "running")
    }

    /// `run --detach`: leaves the program alone, once it has said that it is ready if somebody waits for that.
    pub fn detach(&mut self) -> Result<()> {
        let watch = self.watch(self.monitor.is_some())?;
        self.release();
        if let Some(notify) = &self.notify {
            notify.wait(self.started.pidfd.as_fd(), self.started.pid, self.report)?;
        }
        self.stay(watch)
    }

    /// From here on somebody sees how the container ends.
    fn watch(&self, wanted: bool) -> Result<Option<Watch>> {
        wanted
            .then(|| Watch::begin(&self.made.dir, &self.made.group))
            .transpose()
    }

    /// Returns, but as a monitor.
    fn stay(&mut self, watch: Option<Watch>) -> Result<()> {
        match (self.monitor.take(), watch) {
            (Some(monitor), Some(watch)) => monitor.stay(self.started.pidfd.as_fd(), &watch),
            _ => Ok(()),
        }
    }

    /// `run`: stays until the program ends; its exit code. The container is removed unless it is to be kept.
    pub fn attend(&mut self, keep: bool) -> Result<Code> {
        let (Some(mut relay), Some(signals)) = (self.relay.take(), self.signals.take()) else {
            return Err(Error::new(packed!("nothing to relay")));
        };
        if let Some(notify) = self.notify.take() {
            relay.announce(notify);
        }
        let watch = self.watch(keep)?;
        // A failure of ours from here on leaves the container in the state that it is in, as runc does.
        self.release();
        let exit = relay.run(
            self.started.pidfd.as_fd(),
            self.started.pid,
            signals.as_fd(),
        );
        // The caller's terminal is as it was before anything else is said or run.
        drop(relay);
        if let (Some(watch), Ok(exit)) = (watch, &exit)
            && let Err(error) = watch.write(*exit)
        {
            self.report.warn(error.text());
        }
        if !keep && self.made.dir.lock_if_there() {
            self.made.clear()?;
            tend::run_last_hooks(self.host, self.plan, self.report);
        }
        exit.map(|exit| exit.code.into())
    }

    /// The container stands on its own: other commands may work on it. (The lock is the process's as much as
    /// ours, so closing the directory would not give it back.)
    fn release(&mut self) {
        self.started.release();
        self.made.armed = false;
        self.made.dir.unlock();
    }
}

impl Drop for Created<'_> {
    fn drop(&mut self) {
        if self.made.armed {
            self.started.end();
            let _ = self.made.clear();
            tend::run_last_hooks(self.host, self.plan, self.report);
        }
    }
}

/// What the host and the global options have to say for the plan of a bundle.
pub fn facts<'a>(
    global: &Global,
    host: &Host,
    bundle: &Bundle,
    spec: &Spec<'_>,
    arena: &'a Arena,
) -> Result<Box<Facts<'a>>> {
    Ok(Box::new(Facts {
        id: text(arena, bundle.id.as_bytes())?,
        bundle: text(arena, bundle.path.as_os_str().as_bytes())?,
        rootless: global.rootless(),
        systemd: global.systemd_cgroup,
        euid: geteuid().as_raw(),
        egid: getegid().as_raw(),
        in_user_namespace: global.in_user_namespace(),
        // Which can't be in the first user namespace (user_namespaces(7)).
        setgroups_denied: global.in_user_namespace() && host.setgroups_denied(None),
        joins_own_network: joins_own_network(spec),
        kcore: host.has_kcore(),
        selinux: !has_labels(spec) || host.has_selinux(),
        debug: global.report.level() == crate::report::Level::Debug,
        ..Facts::OF_DOCUMENT
    }))
}

/// Whether there is a label to set, so that it matters who takes it.
fn has_labels(spec: &Spec<'_>) -> bool {
    let process = spec.process.get();
    let label = process.and_then(|process| process.selinux_label);
    spec.linux.mount_label.or(label).is_some()
}

/// Whether the network namespace given by path is the one that mote is in.
fn joins_own_network(spec: &Spec<'_>) -> bool {
    let network = spec
        .linux
        .namespaces
        .iter()
        .find(|namespace| namespace.kind == Some(c"network"));
    let Some(path) = network.and_then(|namespace| namespace.path) else {
        return false;
    };
    let of = |path: &core::ffi::CStr| rustix::fs::stat(path).map(|stat| (stat.st_dev, stat.st_ino));
    of(path).is_ok_and(|theirs| of(c"/proc/self/ns/net") == Ok(theirs))
}

/// Whether the root file system is there, and not the host's.
pub fn check_root(plan: &Plan<'_>) -> Result<()> {
    let path = plan.root.path;
    let failed = |errno| Error::of("root.path", path.to_bytes(), errno);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(path, flags, Mode::empty())
        .and_then(|fd| rustix::fs::fstat(&fd))
        .map_err(failed)?;
    let host = rustix::fs::stat(c"/").map_err(failed)?;
    if (root.st_dev, root.st_ino) == (host.st_dev, host.st_ino) {
        return Err(Error::new(packed!(
            "root.path: the host's own / can't become a container's"
        )));
    }
    Ok(())
}

fn dir_record(made: &Made, host: &Host, request: &Request, plan: &Plan<'_>) -> Result<()> {
    let rdt = made.rdt.as_ref().map(Rdt::save).unwrap_or_default();
    let record = Record {
        bundle: &c_path(&request.bundle.path),
        rootfs: plan.root.path,
        created: &c(&[report::moment().as_bytes()]),
        boot: &c(&[boot_id(&host.procfs).as_bytes()]),
        cgroup: &c(&[made.group.save().as_bytes()]),
        private_pids: plan.namespaces.new & CLONE_NEWPID != 0,
        rdt: &c(&[rdt.as_bytes()]),
    };
    made.dir.write("config.json", &request.bundle.config)?;
    made.dir.write("state.json", record.json().as_bytes())
}

/// One more mount in the plan: the directory of the container's own notify socket.
fn mount_notify<'a>(dir: &Dir, plan: &mut Plan<'a>, arena: &'a Arena) -> Result<()> {
    let source = notify::make_directory(&dir.path)?;
    let mut mounts = arena.list(plan.mounts.len() + 1).map_err(no_memory)?;
    for mount in plan.mounts {
        mounts.push(*mount).map_err(no_memory)?;
    }
    let path = text(arena, source.as_os_str().as_bytes())?;
    let attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    let mount = Mount {
        target: c"/run/notify",
        source: Source::Bind {
            path,
            recursive: false,
        },
        set: attributes.into(),
        clear: 0,
        set_recursive: 0,
        clear_recursive: 0,
        propagation: &[],
        late_readonly: false,
        ids: None,
    };
    mounts.push(mount).map_err(no_memory)?;
    plan.mounts = mounts.finish();
    Ok(())
}

/// Puts limits in force; warns of those that this host has no word for.
pub fn limit(
    global: &Global,
    group: &Group,
    limits: &[Limit<'_>],
    written: &mut Written,
) -> Result<()> {
    group.limit(limits, written, &mut |property| {
        let why = ": cgroup v2 has nothing like it; ignored";
        let text = fill("linux.resources.{}{}", &[property, why]);
        global.report.warn(&text);
    })
}

/// Puts the rules for devices in force, for a new container or for one that runs.
pub fn restrict_devices(
    global: &Global,
    group: &Group,
    rules: &[DeviceRule],
    enforce: fn(&Group, &[DeviceRule]) -> Result<Enforced>,
) -> Result<()> {
    if global.in_user_namespace() || (global.rootless() && group.is_empty()) {
        return Ok(());
    }
    if let Enforced::No(why) = enforce(group, rules)? {
        global
            .report
            .warn(&fill("linux.resources.devices: {}", &[&unpacked(why)]));
    }
    Ok(())
}

/// The cgroups for a mount of them, if the plan has one.
fn views<'a>(
    arena: &'a Arena,
    plan: &Plan<'_>,
    group: &Group,
) -> Result<&'a [init::cgroups::Hierarchy<'a>]> {
    if !plan
        .mounts
        .iter()
        .any(|mount| matches!(mount.source, Source::Cgroup))
    {
        return Ok(&[]);
    }
    let mut list = arena.list(group.paths().count()).map_err(no_memory)?;
    for (controllers, path) in group.paths() {
        let name = controllers.strip_prefix("name=").unwrap_or(controllers);
        let view = init::cgroups::Hierarchy {
            name: text(arena, name.as_bytes())?,
            option: text(arena, controllers.as_bytes())?,
            unified: controllers.is_empty(),
            path: text(arena, path.as_bytes())?,
        };
        list.push(view).map_err(no_memory)?;
    }
    Ok(list.finish())
}
