//! From a document to a plan: purely. Every refusal happens here, before anything is made; what the lists of
//! `init` and of the verbs walk afterwards holds no question any more.
//!
//! Nothing is allocated but in the [`Arena`], unless there is something to refuse or to warn about, or to tell hooks.

mod capabilities;
mod cgroup;
mod cpus;
mod devices;
mod environment;
mod facts;
mod hooks;
mod mounts;
mod namespaces;
mod options;
mod paths;
mod process;
mod refusal;
mod root;
mod scheduler;
mod sysctl;
mod unsupported;
mod version;
mod words;

#[cfg(test)]
mod tests;

pub use capabilities::NAMES as CAPABILITIES;
pub use facts::Facts;
pub use namespaces::KINDS as NAMESPACES;
pub use options::names as mount_options;
pub use refusal::Refusal;
pub use version::OCI_VERSION_MIN;

use core::cell::RefCell;
use core::ffi::CStr;
use core::fmt;
use init::plan::{Cgroup, Hooks, Namespaces, Plan, Root, StateText, Switch};
use init::sys::arena::Arena;
use init::sys::exec::Vector;
use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWNET};
use namespaces::Kinds;
use refusal::Result;
use spec_min::Spec;

/// Gets the property and the text of each thing that is odd but not wrong.
pub type Warn<'w> = dyn FnMut(fmt::Arguments<'_>, fmt::Arguments<'_>) + 'w;

/// What every part of the plan is made from.
struct Job<'c, 'a> {
    spec: &'c Spec<'a>,
    facts: &'c Facts<'a>,
    arena: &'a Arena,
    kinds: Kinds,
    warn: RefCell<&'c mut Warn<'c>>,
    /// What a part of the plan refused.
    refusal: RefCell<Refusal>,
}

impl<'c, 'a> Job<'c, 'a> {
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
        }
    }

    /// An array for execve(2).
    #[inline(never)]
    fn vector(&self, texts: spec_min::List<'a, &'a CStr>) -> Result<Vector<'a>> {
        Ok(Vector::new(self.arena, texts.len(), texts.iter(), 0)?)
    }

    /// The same, with room for more.
    #[inline(never)]
    fn vector_of(&self, texts: &[&'a CStr], spare: usize) -> Result<Vector<'a>> {
        Ok(Vector::new(
            self.arena,
            texts.len(),
            texts.iter().copied(),
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
    for (at, element) in list.iter().enumerate() {
        match lower(at, &element) {
            Ok(element) => lowered.push(element)?,
            Err(refused) => return Err(job.element(refused, name, at)),
        }
    }
    Ok(lowered.finish())
}

/// How much memory to set aside for the plan of a document of `length` bytes, `extra_env` not counted: no property
/// takes more than twenty bytes of plan for one of its text. What isn't touched costs nothing.
pub const fn arena_size(length: usize) -> usize {
    20 * length + 64 * 1024
}

/// The plan of a container.
pub fn container<'a>(
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<Plan<'a>, Refusal> {
    let mut job = Job::new(spec, facts, arena, warn);
    lower_container(&mut job).map_err(|refused| job.refusal(refused))
}

/// The plan of one more process in the container that `spec` describes.
pub fn process<'a>(
    process: &spec_min::Process<'a>,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> core::result::Result<Plan<'a>, Refusal> {
    let mut job = Job::new(spec, facts, arena, warn);
    lower_process(&mut job, process).map_err(|refused| job.refusal(refused))
}

fn lower_container<'a>(job: &mut Job<'_, 'a>) -> Result<Plan<'a>> {
    let spec = job.spec;
    version::check(job, spec.oci_version)?;
    let Some(process) = spec.process.get() else {
        return Err(job.refuse("process", "required: what runs in the container"));
    };
    job.kinds = Kinds::of(job)?;
    let job = &*job;
    unsupported::check(job)?;
    let namespaces = namespaces::lower(job)?;
    let root = root::lower(job)?;
    let mounts = mounts::lower(job)?;
    let dev = devices::lower(job, mounts)?;
    let hooks = hooks::lower(job)?;
    Ok(Plan {
        namespaces,
        root,
        mounts,
        devices: dev.devices,
        bind_devices: dev.bind,
        links: dev.links,
        readonly_paths: mounts::paths(job, "linux.readonlyPaths", spec.linux.readonly_paths)?,
        masked_paths: mounts::paths(job, "linux.maskedPaths", spec.linux.masked_paths)?,
        sysctl: sysctl::lower(job)?,
        hostname: root::uts_name(job, "hostname", spec.hostname)?,
        domainname: root::uts_name(job, "domainname", spec.domainname)?,
        loopback: job.kinds.makes(CLONE_NEWNET),
        process: container_process(job, process)?,
        hooks,
        state: hooks::state(job, &hooks)?,
        cgroup: cgroup::lower(job)?,
    })
}

/// The container's own process leaves to `exec` what is for `exec` only, but a fault in it shows at once.
fn container_process<'a>(
    job: &Job<'_, 'a>,
    process: &spec_min::Process<'a>,
) -> Result<init::plan::Process<'a>> {
    let lowered = process::lower(job, process)?;
    let mut of_exec = lowered;
    cpus::affinity(job, process.exec_cpu_affinity.get(), &mut of_exec)?;
    Ok(lowered)
}

fn lower_process<'a>(job: &mut Job<'_, 'a>, process: &spec_min::Process<'a>) -> Result<Plan<'a>> {
    job.kinds = Kinds::of(job)?;
    let job = &*job;
    let configured = job.spec.process.get();
    let affinity = configured.and_then(|process| process.exec_cpu_affinity.get());
    let affinity = process.exec_cpu_affinity.get().or(affinity);
    let mut lowered = process::lower(job, process)?;
    cpus::affinity(job, affinity, &mut lowered)?;
    Ok(Plan {
        namespaces: Namespaces {
            new: 0,
            late: 0,
            join: &[],
            uid_map: &[],
            gid_map: &[],
            offsets: &[],
        },
        root: Root {
            path: c"",
            readonly: false,
            host_propagation: 0,
            propagation: 0,
            switch: Switch::Stay,
        },
        mounts: &[],
        devices: &[],
        bind_devices: false,
        links: &[],
        readonly_paths: &[],
        masked_paths: &[],
        sysctl: &[],
        hostname: None,
        domainname: None,
        loopback: false,
        process: lowered,
        hooks: Hooks {
            prestart: &[],
            create_runtime: &[],
            create_container: &[],
            start_container: &[],
            poststart: &[],
            poststop: &[],
        },
        state: StateText {
            head: b"",
            middle: b"",
            tail: b"",
        },
        cgroup: Cgroup {
            path: None,
            devices: &[],
            private: job.kinds.has(CLONE_NEWCGROUP),
            lenient: job.facts.rootless,
        },
    })
}
