//! `linux.netDevices`: network interfaces of the host for the container (config-linux.md, "Network Devices").

use super::Job;
use super::paths::given;
use super::refusal::Result;
use crate::text::is_name;
use core::ffi::CStr;
use init::plan::NetDevice;
use linux_raw_sys::general::CLONE_NEWNET;

/// Longest name of an interface (IFNAMSIZ of linux/if.h, without the NUL).
const LONGEST: usize = 15;

const OBJECT: &str = "linux.netDevices";

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<&'a [NetDevice<'a>]> {
    let devices = job.spec.linux.net_devices;
    if devices.is_empty() {
        return Ok(&[]);
    }
    if !job.kinds.has(CLONE_NEWNET) {
        return Err(job.needs(OBJECT, CLONE_NEWNET));
    }
    if job.facts.joins_own_network {
        return Err(job.refuse(
            OBJECT,
            packed!("the container's network namespace is the host's"),
        ));
    }
    if job.facts.rootless {
        return Err(job.refuse(OBJECT, packed!("it takes root to move a network device")));
    }
    let mut lowered = job.arena.list(devices.len())?;
    for (host, device) in devices.iter() {
        let name = given(device.name).unwrap_or(host);
        check(job, host, false)?;
        check(job, name, true)?;
        let taken = |other: &NetDevice<'_>| other.name == name && !numbered(name);
        if lowered.as_slice().iter().any(taken) {
            return Err(job.refuse_text(OBJECT, name, packed!("two devices of one name")));
        }
        lowered.push(NetDevice { host, name })?;
    }
    Ok(lowered.finish())
}

/// Whether the kernel's next free number is to be put into it.
fn numbered(name: &CStr) -> bool {
    name.to_bytes().ends_with(b"%d")
}

/// By the kernel's rule (dev_valid_name, net/core/dev.c). A number may be left open at the end of a new name.
fn check(job: &Job<'_, '_>, name: &CStr, new: bool) -> Result<()> {
    let bytes = name.to_bytes();
    let fixed = match bytes.strip_suffix(b"%d") {
        Some(fixed) if new => fixed,
        _ => bytes,
    };
    let odd = |byte: &u8| matches!(byte, b'/' | b':' | b'%') || byte.is_ascii_whitespace();
    if fixed.is_empty() || bytes.len() > LONGEST || fixed.iter().any(odd) || !is_name(bytes) {
        let why = packed!(
            "the name of a network device is needed, at most 15 bytes without `/`, `:`, `%` and blanks"
        );
        return Err(job.refuse_text(OBJECT, name, why));
    }
    Ok(())
}
