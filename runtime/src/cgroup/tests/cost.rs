//! What membership costs.

use super::*;

use rustix::process::{Signal, WaitOptions, kill_process, waitpid};
use std::time::Instant;

/// Prints what membership costs; the plain floor makes, enters (a self-move each) and removes.
#[test]
fn cost() {
    if scratch_at(None).is_none() {
        return;
    }
    const TURNS: usize = 40;
    let mut times = vec![Vec::new(); 6];
    for _ in 0..TURNS {
        std::thread::sleep(Duration::from_millis(5));
        let mut lap = Instant::now();
        let mut row = Vec::new();
        let mut mark = || {
            row.push(lap.elapsed().as_micros());
            lap = Instant::now();
        };
        let found = discover();
        mark();
        let mut it = Scratch(found.group(&at(None), &name()).unwrap());
        it.0.create(&[Version::V1, Version::V2]).unwrap();
        mark();
        it.0.restrict_devices(&[]).unwrap();
        mark();
        let (pid, _pidfd) = launch(&mut it.0, true);
        while it
            .0
            .members
            .iter()
            .any(|m| m.read("cgroup.procs").unwrap().is_empty())
        {}
        mark();
        kill_process(pid, Signal::KILL).unwrap();
        waitpid(Some(pid), WaitOptions::empty()).unwrap();
        mark();
        it.0.remove().unwrap();
        mark();
        for (at, time) in row.into_iter().enumerate() {
            times[at].push(time);
        }
    }
    for (step, times) in [
        "discover",
        "create",
        "devices",
        "fork and enter",
        "(end)",
        "remove",
    ]
    .iter()
    .zip(&mut times)
    {
        times.sort_unstable();
        println!(
            "{step}: {} us at best, {} median",
            times[0],
            times[TURNS / 2]
        );
    }
}
