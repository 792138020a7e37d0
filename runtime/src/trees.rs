//! Sources of bind mounts that the host opens, as mounts that are attached nowhere: those that the root of a user
//! namespace might not reach, and those whose owners are to be seen by another map.

use crate::error::{Error, Result};
use crate::host::{Host, of_process};
use crate::tend;
use crate::text::{decimal, fill};
use init::mounts::clone_tree;
use init::plan::{MountIds, Plan, Source};
use init::sys::clone::{Clone, clone};
use init::sys::mount::map_ids;
use init::sys::process::{exit, wait};
use linux_raw_sys::general::CLONE_NEWUSER;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::WaitIdOptions;

/// Opens them; each comes with its place among the plan's mounts. `joins` are the namespaces to join.
pub fn open(
    host: &Host,
    plan: &Plan<'_>,
    joins: &[(u32, OwnedFd)],
) -> Result<Vec<(usize, OwnedFd)>> {
    let far = plan.namespaces.new & CLONE_NEWUSER != 0;
    let mut trees = Vec::new();
    for (item, mount) in plan.mounts.iter().enumerate() {
        let Source::Bind { path, recursive } = mount.source else {
            continue;
        };
        if let Some(ids) = &mount.ids {
            let failed = |call: &str, errno| {
                let item = fill("mounts[{}] ", &[&decimal(item as u64)]);
                let place = [item.as_bytes(), mount.target.to_bytes()].concat();
                Error::fill_bytes(packed!("{}: {}"), &[&place, call.as_bytes()]).with(errno)
            };
            let tree = clone_tree(CWD, path, recursive)
                .map_err(|errno| failed("open_tree of an idmapped source", errno))?;
            let namespace = namespace(host, ids, joins)?;
            map_ids(tree.as_fd(), ids.recursive, namespace.as_fd()).map_err(|errno| {
                let error = failed("mount_setattr with MOUNT_ATTR_IDMAP", errno);
                match errno {
                    Errno::INVAL => Error::fill(
                        packed!("{}; the kernel can't map the ids of this file system"),
                        &[error.text()],
                    ),
                    _ => error,
                }
            })?;
            trees.push((item, tree));
        } else if far
            // Where mote itself may not copy mounts the container has to try by itself.
            && let Ok(tree) = clone_tree(CWD, path, recursive)
        {
            trees.push((item, tree));
        }
    }
    Ok(trees)
}

/// A user namespace with these maps: the kernel takes the maps of a mount from one, and only a process makes one.
fn namespace(host: &Host, ids: &MountIds<'_>, joins: &[(u32, OwnedFd)]) -> Result<OwnedFd> {
    let failed = |errno| {
        Error::call(
            packed!("making a user namespace for an idmapped mount"),
            errno,
        )
    };
    if ids.uid_map.is_empty() {
        let joined = joins.iter().find(|(flag, _)| *flag == CLONE_NEWUSER);
        let (_, joined) = joined.ok_or_else(|| failed(Errno::NOENT))?;
        return rustix::io::fcntl_dupfd_cloexec(joined, 3).map_err(failed);
    }
    let (until, alive) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    match clone(CLONE_NEWUSER.into(), None).map_err(failed)? {
        Clone::Child => {
            drop(alive);
            let _ = rustix::io::read(&until, &mut [0]);
            exit(0)
        }
        Clone::Parent(pid, pidfd) => {
            let opened = tend::write_maps(host, pid, ids.uid_map, ids.gid_map)
                .and_then(|()| host.open_own(&of_process(pid, "ns/user")));
            drop(alive);
            let _ = wait(pidfd.as_fd(), WaitIdOptions::EXITED);
            opened
        }
    }
}
