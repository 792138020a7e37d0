//! Visiting a cgroup and all cgroups below it, children first.
//!
//! A container that may make cgroups can nest them deeper than a stack or a table of descriptors
//! would bear, so the walk holds one directory at a time and goes up by `..`: inside a cgroup
//! filesystem that is always the real parent.

use super::file;
use super::group::Member;
use crate::files;
use crate::text::fill;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FileType;
use rustix::io::Errno;

/// What is done in each cgroup: with its directory and, below the top, its parent and its name there.
type Visit<'a> =
    dyn FnMut(BorrowedFd<'_>, Option<(BorrowedFd<'_>, &str)>) -> Result<(), Errno> + 'a;

/// Visits the container's cgroup in one hierarchy; what has gone meanwhile is passed over.
pub fn each(member: &Member, visit: &mut Visit<'_>) -> Result<(), Errno> {
    let mut here = file::open_dir(member.mount()?, &member.path)?;
    // Names of directories to enter, and behind a slash those to visit and leave. The last one is next.
    let mut todo = Vec::new();
    children(here.as_fd(), &mut todo)?;
    while let Some(name) = todo.pop() {
        if let Some(name) = name.strip_prefix("/") {
            let above = file::open_dir(here.as_fd(), "..")?;
            visit(here.as_fd(), Some((above.as_fd(), name)))?;
            here = above;
            continue;
        }
        match file::open_dir(here.as_fd(), &name) {
            Ok(child) => here = child,
            Err(errno) if file::gone(errno) => continue,
            Err(errno) => return Err(errno),
        }
        todo.push(fill("/{}", &[&*name]));
        children(here.as_fd(), &mut todo)?;
    }
    visit(here.as_fd(), None)
}

/// Removes every cgroup below the container's; busy ones stay.
pub fn remove_below(member: &Member) -> Result<(), Errno> {
    let removed = each(member, &mut |_, place| {
        let Some((above, name)) = place else {
            return Ok(());
        };
        match file::unless_gone(file::remove(above, name)) {
            Err(Errno::BUSY | Errno::NOTEMPTY) => Ok(()),
            removed => removed,
        }
    });
    file::unless_gone(removed)
}

/// Adds the names of the cgroups right below a directory; none when it is on its way out.
#[inline(never)]
fn children(dir: BorrowedFd<'_>, names: &mut Vec<String>) -> Result<(), Errno> {
    let mut odd = Ok(());
    let listed = files::entries(dir, &mut |name, kind| match name.to_str() {
        _ if kind != FileType::Directory => {}
        Ok(name) => names.push(name.into()),
        Err(_) => odd = Err(Errno::ILSEQ),
    });
    file::unless_gone(listed).and(odd)
}
