//! What the spec has and this runtime doesn't yet: refused by name, never passed over. A value that asks for
//! nothing (an empty list, no limit where there is none anyway) is no reason to refuse.

use super::Job;
use super::paths::given;
use super::refusal::Result;
use spec_min::{BlockIo, Cpu, Memory, Network};

/// Refuses the first property that asks for something. The names are one text, since a table of references to texts
/// would be larger than they are.
macro_rules! refuse_first {
    ($job:ident, $($property:literal: $asks:expr),* $(,)?) => {
        refuse_first($job, &[$($asks),*], concat!($($property, "\n"),*))
    };
}

fn refuse_first(job: &Job<'_, '_>, asks: &[bool], names: &str) -> Result<()> {
    match asks.iter().position(|asks| *asks) {
        Some(at) => Err(job.refuse(
            names.split('\n').nth(at).unwrap_or_default(),
            "not supported yet; leave it out",
        )),
        None => Ok(()),
    }
}

/// Refuses the first such property of the container.
pub fn check(job: &Job<'_, '_>) -> Result<()> {
    let linux = &job.spec.linux;
    let policy = linux
        .memory_policy
        .get()
        .and_then(|policy| given(policy.mode));
    refuse_first! { job,
        "linux.seccomp": linux.seccomp.is_some(),
        "linux.intelRdt": linux.intel_rdt.is_some(),
        "linux.memoryPolicy": policy.is_some(),
        "linux.netDevices": !linux.net_devices.is_empty(),
    }?;
    let Some(resources) = linux.resources.get() else {
        return Ok(());
    };
    if let Some(memory) = resources.memory.get() {
        warn(job, memory);
    }
    self::resources(job, resources).map_err(|refused| job.inside(refused, "linux.resources."))
}

fn resources(job: &Job<'_, '_>, resources: &spec_min::Resources<'_>) -> Result<()> {
    refuse_first! { job,
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
    refuse_first! { job,
        "memory.limit": asks(memory.limit),
        "memory.reservation": asks(memory.reservation),
        "memory.swap": asks(memory.swap),
        "memory.swappiness": memory.swappiness.is_some(),
        "memory.disableOOMKiller": memory.disable_oom_killer.get() == Some(&true),
    }
}

fn cpu(job: &Job<'_, '_>, cpu: &Cpu<'_>) -> Result<()> {
    refuse_first! { job,
        "cpu.shares": asks_unsigned(cpu.shares),
        "cpu.quota": asks(cpu.quota),
        "cpu.burst": asks_unsigned(cpu.burst),
        "cpu.period": asks_unsigned(cpu.period),
        "cpu.realtimeRuntime": limits(cpu.realtime_runtime, 0),
        "cpu.realtimePeriod": asks_unsigned(cpu.realtime_period),
        "cpu.cpus": given(cpu.cpus).is_some(),
        "cpu.mems": given(cpu.mems).is_some(),
        "cpu.idle": limits(cpu.idle, 0),
    }
}

fn block_io(job: &Job<'_, '_>, io: &BlockIo<'_>) -> Result<()> {
    refuse_first! { job,
        "blockIO.weight": io.weight.is_some_and(|weight| weight != 0),
        "blockIO.leafWeight": io.leaf_weight.is_some_and(|weight| weight != 0),
        "blockIO.weightDevice": !io.weight_device.is_empty(),
        "blockIO.throttleReadBpsDevice": !io.throttle_read_bps_device.is_empty(),
        "blockIO.throttleWriteBpsDevice": !io.throttle_write_bps_device.is_empty(),
        "blockIO.throttleReadIOPSDevice": !io.throttle_read_iops_device.is_empty(),
        "blockIO.throttleWriteIOPSDevice": !io.throttle_write_iops_device.is_empty(),
    }
}

fn network(job: &Job<'_, '_>, network: &Network<'_>) -> Result<()> {
    refuse_first! { job,
        "network.classID": network.class_id.is_some_and(|class| class != 0),
        "network.priorities": !network.priorities.is_empty(),
    }
}
