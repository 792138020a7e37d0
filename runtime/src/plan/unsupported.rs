//! What the spec has and this runtime doesn't yet: refused by name, never passed over. A value that asks for
//! nothing (an empty list, no limit where there is none anyway) is no reason to refuse.

use super::Job;
use super::paths::given;
use super::refusal::{Result, refuse};
use spec_min::{BlockIo, Cpu, ExecCpuAffinity, Memory, Network};

/// Refuses the first such property of the container.
pub fn check(job: &mut Job<'_, '_>) -> Result<()> {
    let linux = &job.spec.linux;
    let rest = [
        ("linux.seccomp", linux.seccomp.is_some()),
        ("linux.intelRdt", linux.intel_rdt.is_some()),
        (
            "linux.memoryPolicy",
            linux
                .memory_policy.get()
                .is_some_and(|policy| given(policy.mode).is_some()),
        ),
        ("linux.netDevices", !linux.net_devices.is_empty()),
    ];
    first(&rest)?;
    let Some(resources) = linux.resources.get() else {
        return Ok(());
    };
    first(&[
        ("linux.resources.unified", !resources.unified.is_empty()),
        (
            "linux.resources.pids.limit",
            resources.pids.get().is_some_and(|pids| limits(pids.limit, -1)),
        ),
        (
            "linux.resources.hugepageLimits",
            !resources.hugepage_limits.is_empty(),
        ),
        ("linux.resources.rdma", !resources.rdma.is_empty()),
    ])?;
    resources.cpu.get().map_or(Ok(()), self::cpu)?;
    resources
        .block_io.get()
        .map_or(Ok(()), self::block_io)?;
    resources
        .network.get()
        .map_or(Ok(()), self::network)?;
    resources
        .memory.get()
        .map_or(Ok(()), |memory| self::memory(job, memory))
}

/// The same for a process.
pub fn check_process(affinity: Option<&ExecCpuAffinity<'_>>) -> Result<()> {
    let asks = affinity.is_some_and(|cpus| given(cpus.initial).or(given(cpus.last)).is_some());
    first(&[("process.execCPUAffinity", asks)])
}

fn first(properties: &[(&str, bool)]) -> Result<()> {
    match properties.iter().find(|(_, asked)| *asked) {
        Some((property, _)) => Err(refuse(
            format_args!("{property}"),
            format_args!("not supported yet; leave it out"),
        )),
        None => Ok(()),
    }
}

/// Whether a limit asks for anything: not if it is absent or says what `nothing` says.
fn limits(limit: Option<i64>, nothing: i64) -> bool {
    limit.is_some_and(|limit| limit != nothing)
}

/// In these runc takes 0 for an absent value, and engines rely on it.
fn memory(job: &mut Job<'_, '_>, memory: &Memory) -> Result<()> {
    let ignored = [
        ("kernel", memory.kernel.is_some()),
        ("kernelTCP", memory.kernel_tcp.is_some()),
        ("useHierarchy", memory.use_hierarchy.is_some()),
    ];
    for (name, _) in ignored.iter().filter(|(_, given)| *given) {
        job.warn(
            format_args!("linux.resources.memory.{name}"),
            format_args!("deprecated, ignored"),
        );
    }
    let asks = |limit: Option<i64>| limits(limit, -1) && limits(limit, 0);
    first(&[
        ("linux.resources.memory.limit", asks(memory.limit)),
        (
            "linux.resources.memory.reservation",
            asks(memory.reservation),
        ),
        ("linux.resources.memory.swap", asks(memory.swap)),
        (
            "linux.resources.memory.swappiness",
            memory.swappiness.is_some(),
        ),
        (
            "linux.resources.memory.disableOOMKiller",
            memory.disable_oom_killer.get() == Some(&true),
        ),
    ])
}

fn cpu(cpu: &Cpu<'_>) -> Result<()> {
    let asks = |value: Option<u64>| value.is_some_and(|value| value != 0);
    first(&[
        ("linux.resources.cpu.shares", asks(cpu.shares)),
        (
            "linux.resources.cpu.quota",
            limits(cpu.quota, -1) && limits(cpu.quota, 0),
        ),
        ("linux.resources.cpu.burst", asks(cpu.burst)),
        ("linux.resources.cpu.period", asks(cpu.period)),
        (
            "linux.resources.cpu.realtimeRuntime",
            limits(cpu.realtime_runtime, 0),
        ),
        (
            "linux.resources.cpu.realtimePeriod",
            asks(cpu.realtime_period),
        ),
        ("linux.resources.cpu.cpus", given(cpu.cpus).is_some()),
        ("linux.resources.cpu.mems", given(cpu.mems).is_some()),
        ("linux.resources.cpu.idle", limits(cpu.idle, 0)),
    ])
}

fn block_io(io: &BlockIo<'_>) -> Result<()> {
    let asks = |weight: Option<u16>| weight.is_some_and(|weight| weight != 0);
    first(&[
        ("linux.resources.blockIO.weight", asks(io.weight)),
        ("linux.resources.blockIO.leafWeight", asks(io.leaf_weight)),
        (
            "linux.resources.blockIO.weightDevice",
            !io.weight_device.is_empty(),
        ),
        (
            "linux.resources.blockIO.throttleReadBpsDevice",
            !io.throttle_read_bps_device.is_empty(),
        ),
        (
            "linux.resources.blockIO.throttleWriteBpsDevice",
            !io.throttle_write_bps_device.is_empty(),
        ),
        (
            "linux.resources.blockIO.throttleReadIOPSDevice",
            !io.throttle_read_iops_device.is_empty(),
        ),
        (
            "linux.resources.blockIO.throttleWriteIOPSDevice",
            !io.throttle_write_iops_device.is_empty(),
        ),
    ])
}

fn network(network: &Network<'_>) -> Result<()> {
    first(&[
        (
            "linux.resources.network.classID",
            network.class_id.is_some_and(|class| class != 0),
        ),
        (
            "linux.resources.network.priorities",
            !network.priorities.is_empty(),
        ),
    ])
}
