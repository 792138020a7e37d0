//! What the program starts with.

use super::super::CAPABILITIES;
use super::{Change, FACTS, Facts, ROOTLESS, accepted, plan};
use caps::Capability;
use init::plan::Process;
use std::str::FromStr;

fn process<R>(changes: &[Change<'_>], see: impl FnOnce(Process<'_>) -> R) -> R {
    accepted(changes, &FACTS, |plan| see(plan.process))
}

fn env(list: &str, facts: &Facts<'_>) -> (Vec<String>, bool, String) {
    accepted(&[("/process/env", list)], facts, |plan| {
        let process = plan.process;
        let texts = process
            .env
            .iter()
            .map(|text| text.to_str().unwrap().to_owned())
            .collect();
        (
            texts,
            process.find_home,
            process.path.to_str().unwrap().to_owned(),
        )
    })
}

#[test]
fn the_last_of_equal_names_stays() {
    let (texts, find_home, path) = env(
        r#"["A=1", "PATH=/x", "B=2", "A=3", "PATH=/y:/z", "AB=4", "A_=5"]"#,
        &FACTS,
    );
    assert_eq!(texts, ["B=2", "A=3", "PATH=/y:/z", "AB=4", "A_=5"]);
    assert!(find_home && path == "/y:/z");
}

#[test]
fn home() {
    assert!(!env(r#"["HOME=/x"]"#, &FACTS).1);
    assert_eq!(
        env(r#"["HOME=/x", "HOME=", "A="]"#, &FACTS),
        (vec!["A=".to_owned()], true, String::new())
    );
    accepted(&[], &FACTS, |plan| {
        assert!(plan.process.env.append(c"HOME=/") && !plan.process.env.append(c"B="))
    });
}

#[test]
fn the_runtimes_own_variables_come_last() {
    let facts = Facts {
        extra_env: &[c"LISTEN_FDS=1", c"LISTEN_PID=1"],
        ..FACTS
    };
    let (texts, ..) = env(r#"["LISTEN_FDS=9", "A=1"]"#, &facts);
    assert_eq!(texts, ["A=1", "LISTEN_FDS=1", "LISTEN_PID=1"]);
}

/// Names of all lengths around the eight bytes that are looked at at a time, each of them several times.
#[test]
fn what_stays_is_what_a_map_keeps() {
    let name = |at: usize| "NAME_OF_A_VARIABLE"[..at % 19].to_owned() + &(at * 7 % 50).to_string();
    let all: Vec<_> = (0..2_000).map(|at| format!("{}={at}", name(at))).collect();
    let stays = |at: &usize| (at + 1..2_000).all(|later| name(later) != name(*at));
    let expected: Vec<_> = (0..2_000).filter(stays).map(|at| &*all[at]).collect();
    let list = serde_json::to_string(&all).unwrap();
    assert_eq!(env(&list, &FACTS).0, expected);
}

#[test]
fn many_variables() {
    let list: Vec<String> = (0..50_000)
        .map(|at| format!("\"N{}=x\"", at % 25_000))
        .collect();
    let started = std::time::Instant::now();
    let (texts, ..) = env(&format!("[{}]", list.join(",")), &FACTS);
    assert_eq!(texts.len(), 25_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn defaults() {
    process(&[], |process| {
        assert_eq!((process.uid, process.gid, process.umask), (0, 0, 0o022));
        assert!(process.set_groups && process.groups.is_empty() && process.rlimits.is_empty());
        assert_eq!(process.size, (0, 0));
        assert_eq!(process.keyring, Some(c"_ses.box"));
        let sets = process.capabilities;
        assert_eq!(
            sets.bounding | sets.effective | sets.permitted | sets.inheritable | sets.ambient,
            0
        );
        assert!(
            process.oom_score_adj.is_none()
                && process.scheduler.is_none()
                && process.io_priority.is_none()
        );
        assert!(
            process.apparmor.is_none()
                && process.selinux.is_none()
                && process.personality.is_none()
        );
    });
    let facts = Facts {
        no_new_keyring: true,
        keep_fds: 3,
        ..FACTS
    };
    accepted(&[], &facts, |plan| {
        assert!(plan.process.keyring.is_none() && plan.process.keep_fds == 3)
    });
}

#[test]
fn given_values() {
    let changes = [
        (
            "/process/user",
            r#"{"uid": 5, "gid": 6, "umask": 63, "additionalGids": [7, 8]}"#,
        ),
        ("/process/apparmorProfile", r#""docker-default""#),
        ("/process/selinuxLabel", r#""a:b:c""#),
        ("/process/oomScoreAdj", "-1000"),
        (
            "/process/ioPriority",
            r#"{"class": "IOPRIO_CLASS_IDLE", "priority": 7}"#,
        ),
        (
            "/process/scheduler",
            r#"{"policy": "SCHED_RR", "priority": 99, "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_KEEP_POLICY"]}"#,
        ),
        ("/linux/personality", r#"{"domain": "LINUX32"}"#),
        (
            "/process/rlimits/0",
            r#"{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 18446744073709551615}"#,
        ),
    ];
    process(&changes, |process| {
        assert_eq!(
            (process.uid, process.gid, process.umask, process.groups),
            (5, 6, 0o77, &[7, 8][..])
        );
        assert_eq!(
            (process.apparmor, process.selinux),
            (Some(c"exec docker-default"), Some(c"a:b:c"))
        );
        assert_eq!(
            (
                process.oom_score_adj,
                process.io_priority,
                process.personality
            ),
            (Some(-1000), Some(3 << 13 | 7), Some(8))
        );
        let scheduler = process.scheduler.unwrap();
        assert_eq!(
            (scheduler.policy, scheduler.priority, scheduler.flags),
            (2, 99, 9)
        );
        let limit = process.rlimits[0];
        assert_eq!((limit.resource, limit.soft, limit.hard), (7, 1, u64::MAX));
    });
}

#[test]
fn terminal_size() {
    let size = ("/process/consoleSize", r#"{"height": 50, "width": 70000}"#);
    process(&[size], |process| assert_eq!(process.size, (0, 0)));
    process(&[size, ("/process/terminal", "true")], |process| {
        assert!(process.terminal);
        assert_eq!(process.size, (50, u16::MAX));
    });
}

/// The `caps` crate has the same names with the same numbers, and no more.
#[test]
fn capability_names() {
    for (number, name) in CAPABILITIES.names().enumerate() {
        assert_eq!(
            Capability::from_str(name)
                .map(|capability| usize::from(capability.index()))
                .ok(),
            Some(number)
        );
    }
    assert_eq!(caps::all().len(), CAPABILITIES.names().count());
}

#[test]
fn capability_sets() {
    let sets = r#"{"bounding": ["CAP_CHOWN", "CAP_NEW"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_KILL", "CAP_SYS_ADMIN"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL", "CAP_CHOWN"]}"#;
    plan(
        &[("/process/capabilities", sets)],
        &FACTS,
        |plan, warnings| {
            let sets = plan.unwrap().process.capabilities;
            assert_eq!(
                (sets.bounding, sets.permitted, sets.effective),
                (1, 1 | 1 << 5, 1 << 5)
            );
            assert_eq!((sets.inheritable, sets.ambient), (1 << 5, 1 << 5));
            assert_eq!(
                warnings,
                [r#"process.capabilities.bounding[1]: "CAP_NEW": unknown capability, left out"#,]
            );
        },
    );
}

#[test]
fn groups_in_a_user_namespace() {
    accepted(&ROOTLESS, &super::ORDINARY, |plan| {
        assert!(!plan.process.set_groups)
    });
    let denied = Facts {
        setgroups_denied: true,
        ..FACTS
    };
    accepted(&[], &denied, |plan| assert!(!plan.process.set_groups));
    // Several groups are mapped by newgidmap, which leaves setgroups(2) alone.
    let range = (
        "/linux/gidMappings",
        r#"[{"containerID": 0, "hostID": 100000, "size": 65536}]"#,
    );
    let more = ("/process/user/additionalGids", "[5]");
    accepted(
        &[ROOTLESS[0], ROOTLESS[1], range, more],
        &super::ORDINARY,
        |plan| {
            assert!(plan.process.set_groups);
            assert_eq!(plan.process.groups, [5]);
        },
    );
    assert_eq!(
        super::refused(&[more], &denied),
        "config.json: process.user.additionalGids: the user namespace denies setgroups(2): leave them out, or map more groups (newgidmap)"
    );
}
