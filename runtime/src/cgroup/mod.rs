//! Which cgroups a container lives in: v1, v2, hybrid or none, behind one interface.
//!
//! [`Hierarchies::discover`] looks at what this host has, [`Hierarchies::group`] says where one
//! container goes in each hierarchy, and the [`Group`] it gives does the rest:
//!
//! 1. `group.save()`: the text for the state file, before anything is made, so that a runtime killed
//!    at the next line leaves nothing that `delete --force` can't find ([`Group::load`]).
//! 2. `group.create()`: the directories, that of v2 before the process is made and those of v1 after.
//!    `group.limit()` and `group.restrict_devices()`: how much it may use, and who may open what.
//! 3. `group.doors()`: one open `tasks` file per v1 hierarchy. The new process itself writes `0`
//!    into each, before it makes its cgroup namespace; it is born in `group.v2_dir()` by CLONE_INTO_CGROUP.
//!    Where it can't be, [`Group::v2_door`] is one door more; [`Group::give_up_v2`] says when to do without.
//!    Where systemd is to make them, all of that comes after [`Group::start`], which gives it the new process.
//! 4. `group.remove()`: only what create made, and what the container made below.
//!
//! Why the process moves itself: a pid written to `cgroup.procs` makes the kernel stop every fork on
//! the machine first, which costs an RCU grace period (6 ms measured on an idle machine, then cheap
//! for a few milliseconds). A lone thread that moves itself through `tasks` needs no such stop
//! (cgroup_procs_write_start in kernel/cgroup/cgroup.c), nor does one born in place.
//!
//! Nothing here asks for a kernel version: a hierarchy counts when `/proc/self/cgroup` names it and
//! a mount of it can be opened. Everything below a mount is reached through its O_PATH descriptor and
//! a path without `..`; cgroup filesystems hold no symbolic links.

mod delegate;
mod devices;
mod discover;
mod file;
mod freeze;
mod group;
mod kill;
mod limits;
mod make;
mod mountinfo;
mod oom;
mod path;
mod program;
mod properties;
mod saved;
mod stats;
mod sub;
mod unit;
mod v1_devices;
mod walk;

#[cfg(test)]
mod tests;

pub use devices::Enforced;
pub use discover::{Hierarchies, Version};
pub use group::Group;
pub use limits::Written;
pub use mountinfo::mount_of;
pub use oom::{Oom, kills};
pub use stats::Stats;
