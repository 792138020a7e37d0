//! User, groups and capabilities of the program.

use crate::Child;
use crate::fault::{At, Fault, Step};
use crate::plan::Capabilities;
use crate::rootfs::Rootfs;
use crate::sys::process::set_groups;
use core::ffi::CStr;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs, set_thread_res_gid, set_thread_res_uid,
};

/// Drops what the program shall never have: the bounding set first, while it may still be changed.
pub fn drop_bounding(capabilities: &Capabilities) -> Result<(), Fault> {
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if capabilities.bounding >> number & 1 == 1 {
            continue;
        }
        match remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // The first number that the kernel doesn't know: there are no more.
            Err(Errno::INVAL) => break,
            // Without CAP_SETPCAP nothing can be dropped; nothing need be where it isn't there.
            Err(Errno::PERM) if !capability_is_in_bounding_set(one).unwrap_or(true) => {}
            Err(errno) => return Err(Fault::new(Step::Capabilities, number, &"PR_CAPBSET_DROP", errno)),
        }
    }
    Ok(())
}

/// Becomes the user. The permitted capabilities survive for [`take_capabilities`].
pub fn become_user(child: &Child<'_>) -> Result<(), Fault> {
    let process = &child.plan.process;
    set_keep_capabilities(true).at(Step::User, 0, &"PR_SET_KEEPCAPS")?;
    if process.set_groups {
        set_groups(process.groups).at(Step::User, 0, &"setgroups")?;
    }
    let (uid, gid) = (Uid::from_raw(process.uid), Gid::from_raw(process.gid));
    set_thread_res_gid(gid, gid, gid).at(Step::User, process.gid as usize, &"setresgid")?;
    set_thread_res_uid(uid, uid, uid).at(Step::User, process.uid as usize, &"setresuid")?;
    set_keep_capabilities(false).at(Step::User, 0, &"PR_SET_KEEPCAPS")
}

/// Keeps exactly the capabilities of the plan. Inheritable ones only if the config names them (CVE-2022-29162).
pub fn take_capabilities(capabilities: &Capabilities) -> Result<(), Fault> {
    let held = rustix::thread::capabilities(None).at(Step::Capabilities, 0, &"capget")?;
    let set = |bits: u64| CapabilitySet::from_bits_retain(bits);
    // What isn't held can't be taken; the program finds out, as it does under runc.
    let permitted = set(capabilities.permitted) & held.permitted;
    let effective = set(capabilities.effective) & permitted;
    let inheritable = set(capabilities.inheritable) & (held.inheritable | held.permitted);
    let sets = CapabilitySets { effective, permitted, inheritable };
    set_capabilities(None, sets).at(Step::Capabilities, 0, &"capset")?;
    match clear_ambient_capability_set() {
        // Kernels before 4.3 have no ambient set.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(Fault::new(Step::Capabilities, 0, &"PR_CAP_AMBIENT", errno)),
    }
    for one in (set(capabilities.ambient) & permitted & inheritable).iter() {
        configure_capability_in_ambient_set(one, true).at(Step::Capabilities, 0, &"PR_CAP_AMBIENT_RAISE")?;
    }
    Ok(())
}

/// `process.noNewPrivileges`.
pub fn forbid_new_privileges(child: &Child<'_>) -> Result<(), Fault> {
    if !child.plan.process.no_new_privileges {
        return Ok(());
    }
    set_no_new_privs(true).at(Step::NoNewPrivileges, 0, &"PR_SET_NO_NEW_PRIVS")
}

/// Buffer for `HOME=` and its value.
pub type Home = heapless::Vec<u8, 1024>;

/// `HOME=` and the home directory that the container's /etc/passwd gives the uid; `/` when it gives none.
/// The file is the image's: it is read within limits, and only for this.
pub fn find_home<'b>(rootfs: &Rootfs, uid: u32, buffer: &'b mut Home) -> &'b CStr {
    let _ = buffer.extend_from_slice(b"HOME=");
    if search(rootfs, uid, buffer).is_none() {
        buffer.truncate(5);
        let _ = buffer.push(b'/');
    }
    let _ = buffer.push(0);
    CStr::from_bytes_until_nul(buffer).unwrap_or(c"HOME=/")
}

/// Most of /etc/passwd that is read.
const PASSWD_MAX: usize = 1 << 20;

fn search(rootfs: &Rootfs, uid: u32, home: &mut Home) -> Option<()> {
    let file = rootfs.open(c"/etc/passwd", OFlags::RDONLY | OFlags::NONBLOCK).ok()?;
    let mut line = heapless::Vec::<u8, 1024>::new();
    let mut chunk = [0u8; 4096];
    let mut whole = true;
    for _ in 0..PASSWD_MAX / 4096 {
        let length = rustix::io::read(&file, &mut chunk[..]).ok()?;
        // The last line may have no newline.
        let bytes = if length == 0 { &b"\n"[..] } else { &chunk[..length] };
        for &byte in bytes {
            if byte != b'\n' {
                whole &= line.push(byte).is_ok();
                continue;
            }
            if whole && let Some(found) = home_in(&line, uid) {
                return home.extend_from_slice(found).ok().filter(|()| home.len() < home.capacity());
            }
            line.clear();
            whole = true;
        }
        if length == 0 {
            return None;
        }
    }
    None
}

/// The home in a line `name:password:uid:gid:comment:home:shell` of that uid (passwd(5)).
fn home_in(line: &[u8], uid: u32) -> Option<&[u8]> {
    let mut fields = line.split(|&byte| byte == b':');
    let number = core::str::from_utf8(fields.nth(2)?).ok()?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) || number.parse() != Ok(uid) {
        return None;
    }
    fields.nth(2).filter(|home| !home.is_empty() && !home.contains(&0))
}
