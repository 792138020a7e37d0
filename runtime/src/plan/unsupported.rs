//! What the spec has and this runtime doesn't yet: refused by name, never passed over. A value that asks for
//! nothing (an empty list, no limit where there is none anyway) is no reason to refuse.

use super::Job;
use super::paths::given;
use super::refusal::Result;
use spec_min::{BlockIo, Cpu, Memory, Network};

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
        "intelRdt": linux.intel_rdt.is_some(),
        "netDevices": !linux.net_devices.is_empty(),
    }?;
    let Some(resources) = linux.resources.get() else {
        return Ok(());
    };
    if let Some(memory) = resources.memory.get() {
        warn(job, memory);
    }
    self::resources(job, resources)
}

fn resources(job: &Job<'_, '_>, resources: &spec_min::Resources<'_>) -> Result<()> {
    refuse_all! { job, "linux.resources.",
        "unified": !resources.unified.is_empty(),
        "pids.limit": resources.pids.get().is_some_and(|pids| limits(pids.limit, -1)),
        "hugepageLimits": !resources.hugepage_limits.is_empty(),
        "rdma": !resources.rdma.is_empty(),
    }?;
    resources.cpu.get().map_or(Ok(()), |it| cpu(job, it))?;
    resources
        .block_io
        .get()
        .map_or(Ok(()), |it| block_io(job, it))?;
    resources
        .network
        .get()
        .map_or(Ok(()), |it| network(job, it))?;
    resources.memory.get().map_or(Ok(()), |it| memory(job, it))
}

/// Whether a limit asks for anything: not if it is absent or says what `nothing` says.
fn limits(limit: Option<i64>, nothing: i64) -> bool {
    limit.is_some_and(|limit| limit != nothing)
}

/// In these runc takes 0 for an absent value, and engines rely on it.
fn asks(limit: Option<i64>) -> bool {
    limits(limit, -1) && limits(limit, 0)
}

fn asks_unsigned(value: Option<u64>) -> bool {
    value.is_some_and(|value| value != 0)
}

fn warn(job: &Job<'_, '_>, memory: &Memory) {
    for (property, given) in [
        ("linux.resources.memory.kernel", memory.kernel.is_some()),
        (
            "linux.resources.memory.kernelTCP",
            memory.kernel_tcp.is_some(),
        ),
        (
            "linux.resources.memory.useHierarchy",
            memory.use_hierarchy.is_some(),
        ),
    ] {
        if given {
            job.warn(job.refuse(property, "deprecated, ignored"));
        }
    }
}

fn memory(job: &Job<'_, '_>, memory: &Memory) -> Result<()> {
    refuse_all! { job, "linux.resources.memory.",
        "limit": asks(memory.limit),
        "reservation": asks(memory.reservation),
        "swap": asks(memory.swap),
        "swappiness": memory.swappiness.is_some(),
        "disableOOMKiller": memory.disable_oom_killer.get() == Some(&true),
    }
}

fn cpu(job: &Job<'_, '_>, cpu: &Cpu<'_>) -> Result<()> {
    refuse_all! { job, "linux.resources.cpu.",
        "shares": asks_unsigned(cpu.shares),
        "quota": asks(cpu.quota),
        "burst": asks_unsigned(cpu.burst),
        "period": asks_unsigned(cpu.period),
        "realtimeRuntime": limits(cpu.realtime_runtime, 0),
        "realtimePeriod": asks_unsigned(cpu.realtime_period),
        "cpus": given(cpu.cpus).is_some(),
        "mems": given(cpu.mems).is_some(),
        "idle": limits(cpu.idle, 0),
    }
}

fn block_io(job: &Job<'_, '_>, io: &BlockIo<'_>) -> Result<()> {
    refuse_all! { job, "linux.resources.blockIO.",
        "weight": io.weight.is_some_and(|weight| weight != 0),
        "leafWeight": io.leaf_weight.is_some_and(|weight| weight != 0),
        "weightDevice": !io.weight_device.is_empty(),
        "throttleReadBpsDevice": !io.throttle_read_bps_device.is_empty(),
        "throttleWriteBpsDevice": !io.throttle_write_bps_device.is_empty(),
        "throttleReadIOPSDevice": !io.throttle_read_iops_device.is_empty(),
        "throttleWriteIOPSDevice": !io.throttle_write_iops_device.is_empty(),
    }
}

fn network(job: &Job<'_, '_>, network: &Network<'_>) -> Result<()> {
    refuse_all! { job, "linux.resources.network.",
        "classID": network.class_id.is_some_and(|class| class != 0),
        "priorities": !network.priorities.is_empty(),
    }
}
