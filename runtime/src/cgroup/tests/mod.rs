//! Against this machine's kernel, in children of the caller's own cgroups. Needs root and a cgroup
//! mount; says so and passes where there is none.

mod cost;
mod frozen;
mod life;
mod places;
mod rules;
mod views;

use super::*;
use init::plan::Cgroup;
use init::sys::clone::{Clone, clone};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::write;
use rustix::process::{Pid, getuid};
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use std::ffi::CStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(5);

fn proc() -> OwnedFd {
    openat(
        CWD,
        "/proc",
        OFlags::PATH | OFlags::DIRECTORY,
        Mode::empty(),
    )
    .unwrap()
}

fn discover() -> Hierarchies {
    Hierarchies::discover(proc().as_fd()).unwrap()
}

/// An id nobody else has.
fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "mote-cgroup-test-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A group of that place that removes itself, however the test ends.
struct Scratch(Group);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.0.kill_all(LONG);
        let _ = self.0.remove();
    }
}

fn at(path: Option<&CStr>) -> Cgroup<'_> {
    Cgroup {
        path,
        ..Cgroup::default()
    }
}

fn scratch_at(path: Option<&CStr>) -> Option<Scratch> {
    if !getuid().is_root() {
        println!("skipped: only root may make cgroups here");
        return None;
    }
    let found = discover();
    if found.is_empty() {
        println!("skipped: no cgroup mount");
        return None;
    }
    Some(Scratch(found.group(&at(path), &name()).unwrap()))
}

fn scratch() -> Option<Scratch> {
    let mut scratch = scratch_at(None)?;
    scratch.0.create(&[Version::V1, Version::V2]).unwrap();
    Some(scratch)
}

/// The same, of the hierarchies of one version only.
fn scratch_of(version: Version) -> Option<Scratch> {
    let mut scratch = scratch_at(None)?;
    scratch.0.members.retain(|member| member.version == version);
    if scratch.0.is_empty() {
        println!("skipped: no {version:?} hierarchy");
        return None;
    }
    scratch.0.create(&[Version::V1, Version::V2]).unwrap();
    Some(scratch)
}

/// Moves another process in, everywhere.
fn join(group: &Group, child: &Child) {
    for member in &group.members {
        let text = child.id().to_string();
        member.write("cgroup.procs", &text).unwrap();
    }
}

/// A process that waits in the group.
fn sleeper(group: &Group) -> Child {
    let child = Command::new("sleep")
        .arg("1000")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    join(group, &child);
    child
}

fn paths(group: &Group) -> Vec<String> {
    group.paths().map(|(_, path)| path).collect()
}

fn exist(paths: &[String]) -> Vec<bool> {
    paths.iter().map(|path| Path::new(path).exists()).collect()
}

fn all(value: bool, of: &[String]) -> Vec<bool> {
    vec![value; of.len()]
}

/// As the launcher does it: born in v2 or in by its door, and by the doors of v1.
fn launch(group: &mut Group, born_there: bool) -> (Pid, OwnedFd) {
    let mut doors = group.doors().unwrap();
    let home = group.v2_dir().unwrap().filter(|_| born_there);
    if !born_there {
        doors.extend(group.v2_door().unwrap());
    }
    match clone(0, home.as_ref().map(AsFd::as_fd)).unwrap() {
        Clone::Parent(pid, pidfd) => (pid, pidfd),
        // Between fork and kill nothing but system calls: the test's other threads' locks are not ours.
        Clone::Child => {
            for door in &doors {
                let _ = write(door, b"0");
            }
            let mut left = rustix::thread::Timespec {
                tv_sec: 1000,
                tv_nsec: 0,
            };
            loop {
                if let NanosleepRelativeResult::Interrupted(rest) = nanosleep(&left) {
                    left = rest;
                }
            }
        }
    }
}
