//! From a document to a plan: purely. Every refusal happens here, before anything is made; what the lists of
//! `init` and of the verbs walk afterwards holds no question any more.
//!
//! Nothing is allocated but in the [`Arena`], unless there is something to refuse or to warn about.

mod capabilities;
mod cgroup;
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

#[cfg(test)]
mod tests;

pub use capabilities::NAMES as CAPABILITIES;
pub use facts::Facts;
pub use namespaces::KINDS as NAMESPACES;
pub use options::names as mount_options;
pub use refusal::Refusal;
pub use version::OCI_VERSION_MIN;

use core::fmt;
use init::plan::{Cgroup, Hooks, Namespaces, Plan, Root, StateText, Switch};
use init::sys::arena::Arena;
use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWNET};
use namespaces::Kinds;
use refusal::{Result, refuse};
use spec_min::Spec;

/// Gets the property and the text of each thing that is odd but not wrong.
pub type Warn<'w> = dyn FnMut(fmt::Arguments<'_>, fmt::Arguments<'_>) + 'w;

/// What every part of the plan is made from.
struct Job<'c, 'a> {
    spec: &'c Spec<'a>,
    facts: &'c Facts<'a>,
    arena: &'a Arena,
    kinds: Kinds,
    warn: &'c mut Warn<'c>,
}

impl Job<'_, '_> {
    fn warn(&mut self, path: fmt::Arguments<'_>, text: fmt::Arguments<'_>) {
        (self.warn)(path, text);
    }
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
) -> Result<Plan<'a>> {
    lower_container(spec, facts, arena, warn).map_err(|refusal| refusal.of(facts.document))
}

/// The plan of one more process in the container that `spec` describes.
pub fn process<'a>(
    process: &spec_min::Process<'a>,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> Result<Plan<'a>> {
    lower_process(process, spec, facts, arena, warn).map_err(|refusal| refusal.of(facts.document))
}

fn lower_container<'a>(
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> Result<Plan<'a>> {
    version::check(spec.oci_version)?;
    let Some(process) = spec.process.get() else {
        return Err(refuse(
            format_args!("process"),
            format_args!("required: what runs in the container"),
        ));
    };
    let mut job = Job {
        spec,
        facts,
        arena,
        kinds: Kinds::of(&spec.linux)?,
        warn,
    };
    unsupported::check(&mut job)?;
    unsupported::check_process(process.exec_cpu_affinity.get())?;
    let namespaces = namespaces::lower(&mut job)?;
    let root = root::lower(&mut job)?;
    let mounts = mounts::lower(&mut job)?;
    let dev = devices::lower(&job, mounts)?;
    Ok(Plan {
        namespaces,
        root,
        mounts,
        devices: dev.devices,
        bind_devices: dev.bind,
        links: dev.links,
        readonly_paths: mounts::paths(&job, "readonlyPaths", spec.linux.readonly_paths)?,
        masked_paths: mounts::paths(&job, "maskedPaths", spec.linux.masked_paths)?,
        sysctl: sysctl::lower(&job)?,
        hostname: root::uts_name(&job, "hostname", spec.hostname)?,
        domainname: root::uts_name(&job, "domainname", spec.domainname)?,
        loopback: job.kinds.makes(CLONE_NEWNET),
        process: process::lower(&mut job, process)?,
        hooks: hooks::lower(&mut job)?,
        state: hooks::state(&job)?,
        cgroup: cgroup::lower(&job)?,
    })
}

fn lower_process<'a>(
    process: &spec_min::Process<'a>,
    spec: &Spec<'a>,
    facts: &Facts<'a>,
    arena: &'a Arena,
    warn: &mut Warn<'_>,
) -> Result<Plan<'a>> {
    let mut job = Job {
        spec,
        facts,
        arena,
        kinds: Kinds::of(&spec.linux)?,
        warn,
    };
    unsupported::check_process(process.exec_cpu_affinity.get())?;
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
        process: process::lower(&mut job, process)?,
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
            lenient: facts.rootless,
        },
    })
}
