//! Pausing, and killing what is paused.

use super::*;

fn freezing(it: &Scratch) {
    let mut child = sleeper(&it.0);
    let state = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        text.contains("refrigerator") || text.contains("freeze")
    };
    assert!(!it.0.is_frozen().unwrap());
    it.0.freeze().unwrap();
    assert!(it.0.is_frozen().unwrap());
    println!("wchan tells: {}", state(child.id()));
    it.0.thaw().unwrap();
    assert!(!it.0.is_frozen().unwrap());
    // Frozen ones must die too.
    it.0.freeze().unwrap();
    assert!(it.0.kill_all(LONG).unwrap());
    child.wait().unwrap();
}

#[test]
fn freezing_v1() {
    if let Some(it) = scratch_of(Version::V1) {
        freezing(&it);
    }
}

#[test]
fn freezing_v2() {
    if let Some(it) = scratch_of(Version::V2) {
        freezing(&it);
    }
}

/// The container froze a cgroup of its own inside.
#[test]
fn killing_what_is_frozen_below() {
    let Some(mut it) = scratch_of(Version::V1) else {
        return;
    };
    let freezer = it.0.paths().find(|(name, _)| *name == "freezer");
    let Some((_, freezer)) = freezer.map(|(name, path)| (name.len(), path)) else {
        return;
    };
    let inner = format!("{freezer}/inner");
    std::fs::create_dir(&inner).unwrap();
    let mut child = sleeper(&it.0);
    std::fs::write(format!("{inner}/cgroup.procs"), child.id().to_string()).unwrap();
    std::fs::write(format!("{inner}/freezer.state"), "FROZEN").unwrap();
    assert!(it.0.kill_all(LONG).unwrap());
    child.wait().unwrap();
    it.0.remove().unwrap();
    assert!(!Path::new(&freezer).exists());
}
