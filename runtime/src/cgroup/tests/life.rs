//! From the first directory to the last.

use super::*;
use rustix::fs::mkdirat;
use rustix::process::{WaitOptions, waitpid};
use std::time::Instant;

#[test]
fn a_life() {
    let Some(mut it) = scratch() else { return };
    let places = paths(&it.0);
    assert_eq!(exist(&places), all(true, &places));
    assert!(!it.0.is_populated().unwrap());
    let mut child = sleeper(&it.0);
    assert_eq!(it.0.pids().unwrap(), [Pid::from_child(&child)]);
    assert!(it.0.is_populated().unwrap());

    let again = Group::load(&it.0.save()).unwrap();
    assert_eq!(paths(&again), places);
    assert_eq!(again.save(), it.0.save());

    assert!(again.kill_all(LONG).unwrap());
    child.wait().unwrap();
    it.0.remove().unwrap();
    assert_eq!(exist(&places), all(false, &places));
    it.0.remove().unwrap();
    assert!(
        again.pids().unwrap().is_empty()
            && !again.is_populated().unwrap()
            && !again.is_frozen().unwrap()
    );
    assert!(again.kill_all(Duration::ZERO).unwrap());
}

#[test]
fn through_the_doors() {
    entering(true);
    entering(false);
}

fn entering(born_there: bool) {
    let Some(mut it) = scratch() else { return };
    let (pid, _pidfd) = launch(&mut it.0, born_there);
    let there = || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        it.0.members.iter().all(|member| {
            text.lines()
                .any(|line| line.ends_with(&["/", &member.path].concat()))
        }) && text.matches("mote-cgroup-test").count() == it.0.members.len()
    };
    let start = Instant::now();
    while !there() && start.elapsed() < LONG {
        std::thread::yield_now();
    }
    assert!(there());
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert_eq!(
        it.0.v2_dir_of(&text).is_some(),
        it.0.v2_dir().unwrap().is_some()
    );
    assert!(it.0.v2_dir_of("0::/elsewhere").is_none());
    assert!(it.0.kill_all(LONG).unwrap());
    waitpid(Some(pid), WaitOptions::empty()).unwrap();
    it.0.remove().unwrap();
}

#[test]
fn deep_inner_cgroups() {
    let Some(mut it) = scratch_of(Version::V1) else {
        return;
    };
    let member =
        it.0.members
            .iter()
            .find(|member| member.has("pids"))
            .unwrap();
    let mut here = file::open_dir(member.mount().unwrap(), &member.path).unwrap();
    // A name like the top's own must not be taken for the top.
    for name in [&*member.path, "wide"]
        .into_iter()
        .chain(std::iter::repeat_n("d", 1500))
    {
        mkdirat(&here, name, Mode::from_raw_mode(0o755)).unwrap();
        here = file::open_dir(here.as_fd(), name).unwrap();
    }
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    file::write(here.as_fd(), "cgroup.procs", &child.id().to_string()).unwrap();
    assert_eq!(it.0.pids().unwrap(), [Pid::from_child(&child)]);
    assert!(it.0.kill_all(LONG).unwrap());
    child.wait().unwrap();
    let places = paths(&it.0);
    it.0.remove().unwrap();
    assert_eq!(exist(&places), all(false, &places));
}
