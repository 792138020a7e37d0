//! Capability sets as the kernel has them: 64 bits each (capabilities(7), capget(2), prctl(2)).
#![allow(unsafe_code)]

use super::check;
use linux_raw_sys::general::{
    __user_cap_data_struct, __user_cap_header_struct, _LINUX_CAPABILITY_VERSION_3,
};
use linux_raw_sys::prctl::{
    PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_CAP_AMBIENT_RAISE, PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

/// Bit N of a set is capability N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept through execve(2) of a file with matching ones.
    pub inheritable: u64,
}

/// Of the calling thread.
fn header() -> __user_cap_header_struct {
    __user_cap_header_struct {
        version: _LINUX_CAPABILITY_VERSION_3,
        pid: 0,
    }
}

/// capget(2) of the calling thread.
pub fn held() -> Result<Sets, Errno> {
    let (mut header, mut halves) = (
        header(),
        [__user_cap_data_struct {
            effective: 0,
            permitted: 0,
            inheritable: 0,
        }; 2],
    );
    // SAFETY: version 3 reads a header and writes two halves.
    check(unsafe { raw_syscall!(Sysno::capget, &raw mut header, halves.as_mut_ptr()) })?;
    let [low, high] = halves;
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Sets {
        effective: join(low.effective, high.effective),
        permitted: join(low.permitted, high.permitted),
        inheritable: join(low.inheritable, high.inheritable),
    })
}

/// capset(2) of the calling thread.
pub fn hold(sets: Sets) -> Result<(), Errno> {
    let half = |shift: u32| __user_cap_data_struct {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let (mut header, halves) = (header(), [half(0), half(32)]);
    // SAFETY: version 3 reads a header and two halves.
    check(unsafe { raw_syscall!(Sysno::capset, &raw mut header, halves.as_ptr()) }).map(drop)
}

/// Takes a capability from the bounding set; `INVAL` for one that the kernel doesn't know.
pub fn drop_bounding(capability: u32) -> Result<(), Errno> {
    prctl(PR_CAPBSET_DROP, capability, 0).map(drop)
}

/// Whether a capability is in the bounding set.
pub fn is_bounding(capability: u32) -> Result<bool, Errno> {
    prctl(PR_CAPBSET_READ, capability, 0).map(|answer| answer != 0)
}

/// Empties the ambient set (kernel 4.3).
pub fn clear_ambient() -> Result<(), Errno> {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0).map(drop)
}

/// Puts a capability that is permitted and inheritable into the ambient set.
pub fn raise_ambient(capability: u32) -> Result<(), Errno> {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability).map(drop)
}

fn prctl(option: u32, second: u32, third: u32) -> Result<u32, Errno> {
    // SAFETY: the options above take numbers alone.
    check(unsafe { raw_syscall!(Sysno::prctl, option, second, third, 0, 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_those_of_the_kernel() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
                .trim()
                .to_string()
        };
        let sets = held().unwrap();
        assert_eq!(format!("{:016x}", sets.effective), line("CapEff:"));
        assert_eq!(format!("{:016x}", sets.permitted), line("CapPrm:"));
        assert_eq!(format!("{:016x}", sets.inheritable), line("CapInh:"));
        hold(sets).unwrap();
        assert_eq!(held(), Ok(sets));
        let bounding = u64::from_str_radix(&line("CapBnd:"), 16).unwrap();
        assert_eq!(is_bounding(5), Ok(bounding >> 5 & 1 == 1));
        assert_eq!(is_bounding(63), Err(Errno::INVAL));
    }

    extern crate std;
    use std::format;
    use std::string::ToString;
}
