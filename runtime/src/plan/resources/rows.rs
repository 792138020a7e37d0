//! Which files a property has, and which values it takes.
//!
//! A row is one text, since tables of references to texts would be larger than they are: the kind of its values, the
//! property below `linux.resources`, the file of cgroup v1 and that of v2 (`-` where there is none, `+` where a row of its
//! own has it). A file may be followed by `:` and what stands before the value there.

use crate::text::{decimal, fill, pieces, unpacked};
use init::plan::Lacking;

/// One row, taken apart.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    kind: u8,
    pub property: &'r str,
    pub v1: &'r str,
    pub v2: &'r str,
}

/// The properties with one value, in the order in which [`super::Lower::values`] has them.
pub const VALUES: &str = "\
l memory.limit memory.limit_in_bytes memory.max
l memory.swap memory.memsw.limit_in_bytes memory.swap.max
l memory.reservation memory.soft_limit_in_bytes memory.low
% memory.swappiness memory.swappiness -
! memory.disableOOMKiller memory.oom_control -
u cpu.shares cpu.shares cpu.weight
t cpu.period cpu.cfs_period_us +
l cpu.quota cpu.cfs_quota_us +
d cpu.burst cpu.cfs_burst_us cpu.max.burst
u cpu.realtimePeriod cpu.rt_period_us -
l cpu.realtimeRuntime cpu.rt_runtime_us -
! cpu.idle cpu.idle cpu.idle
n pids.limit pids.max pids.max
w blockIO.weight blkio.bfq.weight io.bfq.weight
w blockIO.weight blkio.weight io.weight
v blockIO.leafWeight blkio.leaf_weight -
u network.classID net_cls.classid -";

/// The weights of a device. Each I/O scheduler has a file of its own, in v1 BFQ and CFQ (before Linux 5.0), in v2 BFQ
/// and io.cost; so have the weights above.
pub const DEVICE_WEIGHTS: &str = "\
w blockIO.weightDevice blkio.bfq.weight_device io.bfq.weight
w blockIO.weightDevice blkio.weight_device io.weight
v blockIO.weightDevice blkio.leaf_weight_device -";

/// The limits of a device.
pub const THROTTLES: &str = "\
r blockIO.throttleReadBpsDevice blkio.throttle.read_bps_device io.max:rbps=
r blockIO.throttleWriteBpsDevice blkio.throttle.write_bps_device io.max:wbps=
r blockIO.throttleReadIOPSDevice blkio.throttle.read_iops_device io.max:riops=
r blockIO.throttleWriteIOPSDevice blkio.throttle.write_iops_device io.max:wiops=";

/// The rest of what is told apart by names.
pub const PRIORITIES: &str = "r network.priorities net_prio.ifpriomap -";
pub const RDMA: &str = "r rdma rdma.max rdma.max";
pub const CPUS: &str = "r cpu.cpus cpuset.cpus cpuset.cpus";
pub const MEMS: &str = "r cpu.mems cpuset.mems cpuset.mems";

/// What 0 means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// The same as an absent value: runc's rule, which engines rely on.
    Unset,
    /// What is so in a kernel without the file.
    Default,
    /// A value like others.
    Value,
}

impl<'r> Row<'r> {
    pub fn parse(text: &'r str) -> Row<'r> {
        let mut words = pieces(text, b' ');
        let mut word = || words.next().filter(|word| *word != "-").unwrap_or_default();
        Row {
            kind: word().bytes().next().unwrap_or_default(),
            property: word(),
            v1: word(),
            v2: word(),
        }
    }

    /// The least value, where -1 is no limit, the greatest one, and what 0 means.
    fn range(&self) -> (i64, i64, Zero) {
        match self.kind {
            b'l' => (-1, i64::MAX, Zero::Unset),
            b'n' => (-1, i64::MAX, Zero::Value),
            b'u' => (1, i64::MAX, Zero::Unset),
            b'd' => (0, i64::MAX, Zero::Default),
            b'!' => (0, 1, Zero::Default),
            b'%' => (0, 100, Zero::Value),
            // The kernel's own bounds, kernel/sched/core.c.
            b't' => (1_000, 1_000_000, Zero::Unset),
            b'w' | b'v' => (10, 1000, Zero::Unset),
            _ => (0, i64::MAX, Zero::Value),
        }
    }

    /// What it means that the kernel lacks the file.
    pub fn lacking(&self) -> Lacking {
        match self.kind {
            b'w' => Lacking::Other,
            b'o' => Lacking::Passes,
            _ => Lacking::Fails,
        }
    }

    /// What 0 means; none where the value may not stand there.
    pub fn takes(&self, value: i64) -> Option<Zero> {
        let (least, most, zero) = self.range();
        let fits = (least..=most).contains(&value) || value == 0 && zero == Zero::Unset;
        fits.then_some(zero)
    }

    /// What may stand there, for a message.
    #[cold]
    pub fn wanted(&self) -> String {
        let (least, most, _) = self.range();
        let decimal = |number: i64| decimal(number.unsigned_abs());
        match (least, most) {
            (-1, _) => unpacked(packed!("expected a number from 0, or -1 for no limit")),
            (least, i64::MAX) => fill("expected a number from {}", &[&decimal(least)]),
            (least, most) => fill("expected {} to {}", &[&decimal(least), &decimal(most)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document's table has every row with its files.
    #[test]
    fn documented() {
        let document = include_str!("../../../docs/resources.md");
        let all = [
            VALUES,
            DEVICE_WEIGHTS,
            THROTTLES,
            PRIORITIES,
            RDMA,
            CPUS,
            MEMS,
        ];
        for row in all.iter().flat_map(|rows| rows.lines()).map(Row::parse) {
            let start = format!("| `{}`", row.property);
            let line = document.lines().find(|line| line.starts_with(&start));
            let line = line.unwrap_or_else(|| panic!("no line for {}", row.property));
            let v2 = if row.property == "blockIO.weightDevice" {
                ""
            } else {
                row.v2.trim_start_matches('+')
            };
            for file in [row.v1, v2].iter().filter(|file| !file.is_empty()) {
                assert!(line.contains(&format!("`{file}`")), "{file}: {line}");
            }
        }
    }
}
