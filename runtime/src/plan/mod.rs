//! From a document to a plan: purely. Every refusal happens here, before anything is made; what the lists of
//! `init` and of the verbs walk afterwards holds no question any more.
//!
//! Nothing is allocated but in the [`Arena`], unless there is something to refuse or to warn about, or to tell hooks.

mod capabilities;
mod cgroup;
mod devices;
mod environment;
mod facts;
mod filtered;
mod hooks;
mod mounts;
mod namespaces;
mod netdevices;
mod options;
mod paths;
mod process;
mod ranges;
mod rdt;
mod refusal;
mod resources;
mod root;
mod scheduler;
mod seccomp;
mod sysctl;
mod unit;
mod version;
pub(crate) mod words;

#[cfg(test)]
mod tests;

pub use capabilities::NAMES as CAPABILITIES;
pub use facts::Facts;
pub use namespaces::KINDS as NAMESPACES;
pub use options::names as mount_options;
pub use ranges::{FLAGS as MEMORY_POLICY_FLAGS, MODES as MEMORY_POLICIES};
pub use refusal::{Refusal, misread, place_text};
pub use resources::Kept;
pub use seccomp::{ACTIONS, FLAGS, Filter, OPERATORS, filter, program};
pub use version::OCI_VERSION_MIN;

use core::cell::RefCell;
use core::ffi::CStr;
use init::plan::{Cgroup, Plan};
use init::sys::arena::Arena;
use init::sys::exec::Vector;
use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWNET};
use namespaces::Kinds;
use refusal::Result;
use spec_min::Spec;

/// Gets the property and the text of each thing that is odd but not wrong.
pub type Warn<'w> = dyn FnMut(&str, &str) + 'w;

/// What every part of the plan is made from.
struct Job<'c, 'a> {
    spec: &'c Spec<'a>,
    facts: &'c Facts<'a>,
    arena: &'a Arena,
    kinds: Kinds,
    warn: RefCell<&'c mut Warn<'c>>,
    /// What a part of the plan refused.
    refusal: RefCell<Refusal>,
    /// Where all that is refused is gathered; without it the first refusal ends the plan.
    found: Option<&'c RefCell<Vec<Refusal>>>,
}

impl<'c, 'a> Job<'c, 'a> {
    #[inline(never)]
    fn new(
        spec: &'c Spec<'a>,
        facts: &'c Facts<'a>,
        arena: &'a Arena,
        warn: &'c mut Warn<'c>,
    ) -> Job<'c, 'a> {
        Job {
            spec,
            facts,
            arena,
            kinds: Kinds::default(),
            warn: RefCell::new(warn),
            refusal: RefCell::default(),
            found: None,
        }
    }

    /// Puts what a part of the plan came to, which no other part needs, into its place: when all refusals are gathered the
    /// plan goes on without it. Its refusal must have its whole path.
    #[inline(never)]
    fn part<T>(&self, place: &mut T, part: Result<T>) -> Result<()> {
        match part {
            Ok(part) => *place = part,
            Err(refused) => self.gather(refused)?,
        }
        Ok(())
    }

    /// An array for execve(2).
    #[inline(never)]
    fn vector(&self, texts: spec_min::List<'a, &'a CStr>) -> Result<Vector<'a>> {
        Ok(Vector::new(self.arena, texts.len(), &mut texts.iter(), 0)?)
    }

    /// The same, with room for more.
    #[inline(never)]
    fn vector_of(&self, texts: &[&'a CStr], spare: usize) -> Result<Vector<'a>> {
        Ok(Vector::new(
            self.arena,
            texts.len(),
            &mut texts.iter().copied(),
            spare,
        )?)
    }
}

/// What becomes of each element of the list `name`.
fn each<'a, T: spec_min::Read<'a>, U: Copy>(
    job: &Job<'_, 'a>,
    name: &str,
    list: spec_min::List<'a, T>,
    mut lower: impl FnMut(usize, &T) -> Result<U>,
) -> Result<&'a [U]> {
    let mut lowered = job.arena.list(list.len())?;
    let (mut elements, mut element, mut at) = (list.iter(), T::ABSENT, 0);
    while elements.next_into(&mut element) {
        match lower(at, &element) {
            Ok(element) => lowered.push(element)?,
            Err(refused) => job.gather(job.element(refused, name, at))?,
        }
        at += 1;
    }
    Ok(lowered.finish())
}

/// How much memory to set aside for the plan of a document of `length` bytes, `extra_env` not counted: no property
/// takes more than twenty bytes of plan for one of its text, and a seccomp filter no more than a megabyte to make, which may
/// be done twice. What isn't touched costs nothing.
pub const fn arena_size(length: usize) -> usize {
    20 * length + 64 * 1024 + 2 * 1024 * 1024
}

/// The plan of a container.
pub fn container<'a>(
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<&'a mut Plan<'a>, Refusal> {
    let mut job = Job::new(spec, facts, arena, warn);
    lower_container(&mut job).map_err(|refused| job.refusal(refused))
}

/// The plan without the parts that [`container`] would refuse; `found` gets these refusals. `kinds_in_doubt`: the list of
/// namespaces could not be read, so nothing is refused for want of one.
pub fn check<'a>(
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
    kinds_in_doubt: bool,
    found: &RefCell<Vec<Refusal>>,
) -> Option<&'a mut Plan<'a>> {
    let mut job = Job::new(spec, facts, arena, warn);
    job.found = Some(found);
    job.kinds = Kinds::in_doubt(kinds_in_doubt);
    match lower_container(&mut job) {
        Ok(plan) => Some(plan),
        Err(refused) => {
            found.borrow_mut().push(job.refusal(refused));
            None
        }
    }
}

/// The plan of one more process in the container that `spec` describes.
pub fn process<'a>(
    process: &spec_min::Process<'a>,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<&'a mut Plan<'a>, Refusal> {
    let mut job = Job::new(spec, facts, arena, warn);
    lower_process(&mut job, process).map_err(|refused| job.refusal(refused))
}

/// What a change of limits comes to: `resources` are the new ones, `spec` describes the container.
pub fn update<'a>(
    resources: &spec_min::Resources<'a>,
    kept: Kept,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<Cgroup<'a>, Refusal> {
    let job = Job::new(spec, facts, arena, warn);
    let lower = || {
        Ok(Cgroup {
            limits: resources::lower(&job, resources, "", kept)?,
            devices: devices::rules(&job, resources, "devices")?,
            ..Cgroup::default()
        })
    };
    lower().map_err(|refused| job.refusal(refused))
}

#[inline(never)]
fn lower_container<'a>(job: &mut Job<'_, 'a>) -> Result<&'a mut Plan<'a>> {
    let spec = job.spec;
    let linux = &spec.linux;
    job.part(&mut (), version::check(job, spec.oci_version))?;
    job.kinds = Kinds::of(job)?;
    let job = &*job;
    let plan = empty(job)?;
    plan.namespaces = namespaces::lower(job)?;
    job.part(&mut plan.root, root::lower(job))?;
    job.part(&mut plan.mounts, mounts::lower(job))?;
    let mut dev = devices::Dev::default();
    job.part(&mut dev, devices::lower(job, plan.mounts))?;
    (plan.devices, plan.bind_devices, plan.links) = (dev.devices, dev.bind, dev.links);
    plan.hooks = hooks::lower(job)?;
    let paths = |place, name, list| job.part(place, mounts::paths(job, name, list));
    let lists = (linux.readonly_paths, linux.masked_paths);
    paths(&mut plan.readonly_paths, "linux.readonlyPaths", lists.0)?;
    paths(&mut plan.masked_paths, "linux.maskedPaths", lists.1)?;
    match spec.process.get() {
        Some(process) => container_process(job, process, &mut plan.process)?,
        None => job.gather(job.refuse("process", "required: what runs in the container"))?,
    }
    plan.sysctl = sysctl::lower(job)?;
    let name = |place, name, text| job.part(place, root::uts_name(job, name, text));
    name(&mut plan.hostname, "hostname", spec.hostname)?;
    name(&mut plan.domainname, "domainname", spec.domainname)?;
    plan.loopback = job.kinds.makes(CLONE_NEWNET);
    job.part(&mut plan.net_devices, netdevices::lower(job))?;
    let state = hooks::state(job, &plan.hooks, plan.process.asks());
    job.part(&mut plan.state, state)?;
    plan.cgroup = cgroup::lower(job, plan.namespaces.uid_map, plan.mounts)?;
    job.part(&mut plan.rdt, rdt::lower(job))?;
    Ok(plan)
}

#[inline(never)]
fn empty<'a>(job: &Job<'_, 'a>) -> Result<&'a mut Plan<'a>> {
    Ok(job.arena.put(Plan::default())?)
}

/// The container's own process leaves to `exec` what is for `exec` only, but a fault in it shows at once.
fn container_process<'a>(
    job: &Job<'_, 'a>,
    process: &spec_min::Process<'a>,
    lowered: &mut init::plan::Process<'a>,
) -> Result<()> {
    process::lower(job, process, lowered)?;
    let affinity = ranges::affinity(job, process.exec_cpu_affinity.get());
    job.part(&mut Default::default(), affinity)
}

/// Of the container nothing is made, so all but the process is empty.
fn lower_process<'a>(
    job: &mut Job<'_, 'a>,
    process: &spec_min::Process<'a>,
) -> Result<&'a mut Plan<'a>> {
    job.kinds = Kinds::of(job)?;
    let job = &*job;
    let configured = job.spec.process.get();
    let affinity = configured.and_then(|process| process.exec_cpu_affinity.get());
    let affinity = process.exec_cpu_affinity.get().or(affinity);
    let plan = empty(job)?;
    let lowered = &mut plan.process;
    process::lower(job, process, lowered)?;
    [lowered.initial_cpus, lowered.cpus] = ranges::affinity(job, affinity)?;
    plan.state = hooks::state(job, &plan.hooks, plan.process.asks())?;
    plan.cgroup.private = job.kinds.has(CLONE_NEWCGROUP);
    plan.cgroup.lenient = job.facts.rootless;
    Ok(plan)
}
