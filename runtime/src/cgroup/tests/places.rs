//! Where a container goes, whose directories are whose, and sub-cgroups.

use super::*;
use crate::error::Result;
use std::ffi::CString;

#[test]
fn only_what_was_made_goes() {
    let top = name();
    let at = |below: &str| CString::new(format!("/{top}/{below}")).unwrap();
    let Some(mut first) = scratch_at(Some(&at("a/b"))) else {
        return;
    };
    // Killed before anything was made, between, and after: the text leads to the same end.
    let before = first.0.save();
    assert!(
        before
            .lines()
            .all(|line| line.split(' ').nth(1) == Some("3")),
        "{before}"
    );
    Group::load(&before).unwrap().remove().unwrap();
    first.0.create(&[Version::V1, Version::V2]).unwrap();
    assert_eq!(first.0.save(), before);

    let mut second = scratch_at(Some(&at("a/c"))).unwrap();
    second.0.create(&[Version::V1, Version::V2]).unwrap();
    assert!(
        second
            .0
            .save()
            .lines()
            .all(|line| line.split(' ').nth(1) == Some("1"))
    );

    // A third finds its very cgroup there, empty: it takes it and leaves it.
    let mut third = scratch_at(Some(&at("a/c"))).unwrap();
    third.0.create(&[Version::V1, Version::V2]).unwrap();
    assert!(
        third
            .0
            .save()
            .lines()
            .all(|line| line.split(' ').nth(1) == Some("0"))
    );
    let places = paths(&third.0);
    third.0.remove().unwrap();
    assert_eq!(exist(&places), all(true, &places));

    let parents: Vec<String> = places
        .iter()
        .map(|path| path.strip_suffix("/a/c").unwrap().into())
        .collect();
    // The parents are the first one's, but the second still lives there.
    first.0.remove().unwrap();
    assert_eq!(exist(&parents), all(true, &parents));
    second.0.remove().unwrap();
    assert_eq!(exist(&places), all(false, &places));
    for path in &parents {
        let _ = std::fs::remove_dir(format!("{path}/a"));
        let _ = std::fs::remove_dir(path);
    }

    let Some(mut alone) = scratch_at(Some(&at("x/y/z"))) else {
        return;
    };
    alone.0.create(&[Version::V1, Version::V2]).unwrap();
    Group::load(&alone.0.save()).unwrap().remove().unwrap();
    assert_eq!(exist(&parents), all(false, &parents));
}

#[test]
fn a_used_cgroup_is_refused() {
    let Some(first) = scratch() else { return };
    let id = first.0.members[0]
        .path
        .rsplit('/')
        .next()
        .unwrap()
        .to_string();
    let other = || -> Result<()> {
        discover()
            .group(&at(None), &id)?
            .create(&[Version::V1, Version::V2])
    };
    // One who looked before the first was there must not end it, nor take its directories.
    let mut late = Scratch(*Group::load(&first.0.save()).unwrap());
    late.0
        .members
        .iter_mut()
        .for_each(|member| member.made = None);
    let mut child = sleeper(&first.0);
    assert!(late.0.kill_all(LONG).unwrap());
    let error = late
        .0
        .create(&[Version::V1, Version::V2])
        .unwrap_err()
        .to_string();
    assert!(error.contains("not empty: 1 process(es) found"), "{error}");
    drop(late);
    assert!(first.0.is_populated().unwrap());
    let error = other().unwrap_err().to_string();
    assert!(error.contains("not empty: 1 process(es) found"), "{error}");
    assert!(first.0.kill_all(LONG).unwrap());
    child.wait().unwrap();
    first.0.freeze().unwrap();
    let error = other().unwrap_err().to_string();
    assert!(error.contains("is frozen"), "{error}");
    first.0.thaw().unwrap();
    other().unwrap();
}

#[test]
fn places_that_name_nothing() {
    if discover().is_empty() {
        return println!("skipped: no cgroup mount");
    }
    for path in [c"/", c"..", c"/../..", c"a/.."] {
        let error = discover()
            .group(&at(Some(path)), "x")
            .unwrap_err()
            .to_string();
        assert!(error.contains("names no cgroup"), "{error}");
    }
    let escape = discover().group(&at(Some(c"../../../x")), "id").unwrap();
    for (hierarchy, place) in discover()
        .group(&at(None), "x")
        .unwrap()
        .paths()
        .zip(escape.paths())
    {
        assert_eq!(hierarchy, place);
    }
}

#[test]
fn sub_cgroups() {
    let Some(it) = scratch() else { return };
    let Some((_, pids)) = it.0.paths().find(|(name, _)| *name == "pids") else {
        return;
    };
    std::fs::create_dir(format!("{pids}/in")).unwrap();
    let sub = |arguments: &[&str]| -> Result<Box<Group>> {
        let mut group = Group::load(&it.0.save())?;
        group.descend(arguments)?;
        Ok(group)
    };
    let moved = sub(&["pids:in"]).unwrap();
    let mut child = sleeper(&moved);
    assert!(
        std::fs::read_to_string(format!("{pids}/in/cgroup.procs"))
            .unwrap()
            .contains(&child.id().to_string())
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(paths(&sub(&["pids:/in/"]).unwrap()), paths(&moved));
    assert_eq!(paths(&sub(&["pids:."]).unwrap()), paths(&it.0));
    for (arguments, why) in [
        (&["pids:../.."][..], "`..` is refused"),
        (&["pids:in/../in"], "`..` is refused"),
        (&["../x"], "`..` is refused"),
        (&["pids:out"], "no such file"),
        (&["in"], "no such file"),
        (&["in", "pids:in"], "can only stand alone"),
        (&["pids:in", "pids:in"], "was given before"),
        (&[":in"], "name is empty"),
        (&["nosuch:in"], "no v1 hierarchy"),
    ] {
        let error = sub(arguments).unwrap_err().to_string();
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
}
