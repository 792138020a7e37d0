//! User, groups and capabilities of the program.

use crate::Child;
use crate::fault::{At, Call, Fault, Step};
use crate::plan::Capabilities;
use crate::rootfs::Rootfs;
use crate::sys::capability::{self, Sets};
use crate::sys::process::set_groups;
use crate::text::{number, put, split};
use core::ffi::CStr;
use heapless::VecView;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    set_keep_capabilities, set_no_new_privs, set_thread_res_gid, set_thread_res_uid,
};

/// Drops what the program shall never have: the bounding set first, while it may still be changed.
pub fn drop_bounding(child: &Child<'_>, capabilities: &Capabilities) -> Result<(), Fault> {
    child.step(Step::Capabilities);
    for one in (0..64).filter(|one| capabilities.bounding >> one & 1 == 0) {
        match capability::drop_bounding(one) {
            Ok(()) => {}
            // The first number that the kernel doesn't know: there are no more.
            Err(Errno::INVAL) => break,
            // Without CAP_SETPCAP nothing can be dropped; nothing need be where it isn't there.
            Err(Errno::PERM) if capability::is_bounding(one) == Ok(false) => {}
            Err(errno) => return Err(Fault::new(Call::DropBounding, errno)),
        }
    }
    Ok(())
}

/// Becomes the user. The permitted capabilities survive for [`take_capabilities`].
pub fn become_user(child: &Child<'_>) -> Result<(), Fault> {
    let process = &child.plan.process;
    child.step(Step::User);
    set_keep_capabilities(true).at(Call::KeepCaps)?;
    if process.set_groups {
        set_groups(process.groups).at(Call::Setgroups)?;
    }
    let (uid, gid) = (Uid::from_raw(process.uid), Gid::from_raw(process.gid));
    child.item(process.gid);
    set_thread_res_gid(gid, gid, gid).at(Call::Setresgid)?;
    child.item(process.uid);
    set_thread_res_uid(uid, uid, uid).at(Call::Setresuid)?;
    set_keep_capabilities(false).at(Call::KeepCaps)
}

/// Keeps exactly the capabilities of the plan. Inheritable ones only if the config names them (CVE-2022-29162).
pub fn take_capabilities(child: &Child<'_>, wanted: &Capabilities) -> Result<(), Fault> {
    child.step(Step::Capabilities);
    let held = capability::held().at(Call::Capget)?;
    // What isn't held can't be taken; the program finds out, as it does under runc.
    let permitted = wanted.permitted & held.permitted;
    let effective = wanted.effective & permitted;
    let inheritable = wanted.inheritable & (held.inheritable | held.permitted);
    capability::hold(Sets {
        effective,
        permitted,
        inheritable,
    })
    .at(Call::Capset)?;
    match capability::clear_ambient() {
        // Kernels before 4.3 have no ambient set.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(Fault::new(Call::ClearAmbient, errno)),
    }
    let ambient = wanted.ambient & permitted & inheritable;
    for one in (0..64).filter(|one| ambient >> one & 1 == 1) {
        capability::raise_ambient(one).at(Call::RaiseAmbient)?;
    }
    Ok(())
}

/// `process.noNewPrivileges`.
pub fn forbid_new_privileges(child: &Child<'_>) -> Result<(), Fault> {
    if !child.plan.process.no_new_privileges {
        return Ok(());
    }
    child.step(Step::NoNewPrivileges);
    set_no_new_privs(true).at(Call::NoNewPrivileges)
}

/// Buffer for `HOME=` and its value.
pub type Home = heapless::Vec<u8, 1024>;

/// `HOME=` and the home directory that the container's /etc/passwd gives the uid; `/` when it gives none.
/// The file is the image's: it is read within limits, and only for this.
pub fn find_home<'b>(rootfs: &Rootfs, uid: u32, buffer: &'b mut Home) -> &'b CStr {
    if search(rootfs, uid, buffer).is_none() {
        return c"HOME=/";
    }
    CStr::from_bytes_with_nul(buffer).unwrap_or(c"HOME=/")
}

/// Most of /etc/passwd that is read.
const PASSWD_MAX: usize = 1 << 20;

fn search(rootfs: &Rootfs, uid: u32, home: &mut VecView<u8>) -> Option<()> {
    let file = rootfs
        .open(c"/etc/passwd", OFlags::RDONLY | OFlags::NONBLOCK)
        .ok()?;
    let mut line = heapless::Vec::<u8, 1024>::new();
    let mut chunk = [0u8; 4096];
    let mut whole = true;
    for _ in 0..PASSWD_MAX / 4096 {
        let length = rustix::io::read(&file, &mut chunk[..]).ok()?;
        // The last line may have no newline.
        let bytes = if length == 0 {
            &b"\n"[..]
        } else {
            &chunk[..length]
        };
        for &byte in bytes {
            if byte != b'\n' {
                whole &= line.push(byte).is_ok();
                continue;
            }
            if whole && let Some(found) = home_in(&line, uid) {
                return put(home, &[b"HOME=", found]).ok().map(drop);
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
    let mut fields = split(line, b':');
    let ours = fields.nth(2).and_then(|field| number(field, 10)) == Some(uid);
    fields
        .nth(2)
        .filter(|home| ours && !home.is_empty() && !home.contains(&0))
}
