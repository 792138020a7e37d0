//! Visiting a cgroup and all cgroups below it, children first.
//!
//! A container that may make cgroups can nest them deeper than a stack or a table of descriptors
//! would bear, so the walk holds one directory at a time and goes up by `..`: inside a cgroup
//! filesystem that is always the real parent.

use super::file;
use super::group::Member;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, unlinkat};
use rustix::io::Errno;
use std::ffi::CString;

/// What is done in each cgroup: with its directory and, below the top, its parent and its name there.
type Visit<'a> =
    dyn FnMut(BorrowedFd<'_>, Option<(BorrowedFd<'_>, &str)>) -> Result<(), Errno> + 'a;

/// Visits the container's cgroup in one hierarchy; what has gone meanwhile is passed over.
pub fn each(member: &Member, visit: &mut Visit<'_>) -> Result<(), Errno> {
    let mut here = file::open_dir(member.mount()?, &member.path)?;
    let mut names = Vec::new();
    let mut waiting = vec![children(&here)?];
    while let Some(siblings) = waiting.last_mut() {
        if let Some(name) = siblings.pop() {
            match file::open_dir(&here, &name) {
                Ok(child) => {
                    waiting.push(children(&child)?);
                    names.push(name);
                    here = child;
                }
                Err(errno) if file::gone(errno) => {}
                Err(errno) => return Err(errno),
            }
            continue;
        }
        waiting.pop();
        if let Some(name) = names.pop() {
            let above = file::open_dir(&here, "..")?;
            visit(here.as_fd(), Some((above.as_fd(), &name)))?;
            here = above;
        }
    }
    visit(here.as_fd(), None)
}

/// Removes every cgroup below the container's; busy ones stay.
pub fn remove_below(member: &Member) -> Result<(), Errno> {
    let result = each(member, &mut |_, place| {
        let Some((above, name)) = place else {
            return Ok(());
        };
        match unlinkat(above, name, AtFlags::REMOVEDIR) {
            Err(Errno::BUSY | Errno::NOTEMPTY) => Ok(()),
            Err(errno) if file::gone(errno) => Ok(()),
            result => result,
        }
    });
    match result {
        Err(errno) if file::gone(errno) => Ok(()),
        result => result,
    }
}

/// The names of the cgroups right below a directory; none when it is on its way out.
fn children(dir: &OwnedFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(errno) if file::gone(errno) => break,
            Err(errno) => return Err(errno),
        };
        let name = CString::from(entry.file_name()).into_string();
        let name = name.map_err(|_| Errno::ILSEQ)?;
        if entry.file_type() == FileType::Directory && name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}
