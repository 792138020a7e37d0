//! The command line itself: spec, features, version, help, global flags, logs.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "cli",
    serial: false,
    cases: &[
        ("a4_spec_template", spec_template),
        ("a4_spec_never_overwrites", spec_exists),
        ("a4_spec_bundle_flag", spec_bundle),
        ("a4_spec_rootless", spec_rootless),
        ("version", version),
        ("features", features),
        ("help", help),
        ("a6_every_verb_has_help", verb_help),
        ("no_arguments", no_arguments),
        ("unknown_verb", unknown_verb),
        ("unknown_flag", unknown_flag),
        ("wrong_number_of_arguments", wrong_count),
        ("flag_forms", flag_forms),
        ("root_is_made_private", root_mode),
        ("root_slash_refused", root_slash),
        ("rootless_flag_words", rootless_flag),
        ("c3_static_binary", static_binary),
        ("a8_start_without_id", start_without_id),
    ],
};

pub fn bare(c: &Case, args: &[&str]) -> Cmd {
    c.tool(&c.mote.display().to_string(), args)
}

fn spec_template(c: &Case) -> Res {
    bare(c, &["spec"]).go()?.ok()?;
    let text = fs::read_to_string(c.path("config.json"))?;
    check!(text.contains("\n\t\"process\": {"), "indented by tabs");
    let v: Value = serde_json::from_str(&text)?;
    same!(v["process"]["terminal"], json!(true));
    same!(v["process"]["args"], json!(["sh"]));
    same!(v["process"]["cwd"], json!("/"));
    same!(v["process"]["user"]["uid"], json!(0));
    same!(v["process"]["noNewPrivileges"], json!(true));
    same!(
        v["process"]["rlimits"],
        json!([{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}])
    );
    let caps = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    for set in ["bounding", "effective", "permitted"] {
        same!(v["process"]["capabilities"][set], caps);
    }
    check!(v["process"]["capabilities"].get("inheritable").is_none());
    same!(v["root"], json!({"path": "rootfs", "readonly": true}));
    same!(v["hostname"], json!("runc"));
    let at: Vec<&str> = v["mounts"]
        .as_array()
        .ok_or("no mounts")?
        .iter()
        .filter_map(|m| m["destination"].as_str())
        .collect();
    same!(
        at,
        [
            "/proc",
            "/dev",
            "/dev/pts",
            "/dev/shm",
            "/dev/mqueue",
            "/sys",
            "/sys/fs/cgroup"
        ]
    );
    let ns: Vec<&str> = v["linux"]["namespaces"]
        .as_array()
        .ok_or("no namespaces")?
        .iter()
        .filter_map(|n| n["type"].as_str())
        .collect();
    for kind in ["pid", "network", "ipc", "uts", "mount"] {
        check!(ns.contains(&kind), "{ns:?}");
    }
    same!(v["linux"]["maskedPaths"].as_array().map(Vec::len), Some(10));
    same!(
        v["linux"]["readonlyPaths"],
        json!([
            "/proc/bus",
            "/proc/fs",
            "/proc/irq",
            "/proc/sys",
            "/proc/sysrq-trigger"
        ])
    );
    same!(
        v["linux"]["resources"]["devices"],
        json!([{"allow": false, "access": "rwm"}])
    );
    Ok(())
}

fn spec_exists(c: &Case) -> Res {
    fs::write(c.path("config.json"), "mine")?;
    bare(c, &["spec"]).go()?.refused(1, &["config.json"])?;
    same!(fs::read_to_string(c.path("config.json"))?, "mine");
    Ok(())
}

fn spec_bundle(c: &Case) -> Res {
    fs::create_dir(c.path("b"))?;
    for flag in ["-b", "--bundle"] {
        bare(c, &["spec", flag, "b"]).go()?.ok()?;
        check!(c.path("b/config.json").exists() && !c.path("config.json").exists());
        fs::remove_file(c.path("b/config.json"))?;
    }
    bare(c, &["spec", "-b", "absent"])
        .go()?
        .refused(1, &["absent"])?;
    Ok(())
}

fn spec_rootless(c: &Case) -> Res {
    bare(c, &["spec", "--rootless"])
        .user(1000)
        .cwd(&c.dir)
        .go()?
        .exits(1)?;
    let dir = c.path("mine");
    fs::create_dir(&dir)?;
    std::os::unix::fs::chown(&dir, Some(1000), Some(1000))?;
    bare(c, &["spec", "--rootless"])
        .user(1000)
        .cwd(&dir)
        .go()?
        .ok()?;
    let v: Value = serde_json::from_slice(&fs::read(dir.join("config.json"))?)?;
    same!(
        v["linux"]["uidMappings"],
        json!([{"containerID": 0, "hostID": 1000, "size": 1}])
    );
    same!(
        v["linux"]["gidMappings"],
        json!([{"containerID": 0, "hostID": 1000, "size": 1}])
    );
    let ns = v["linux"]["namespaces"].to_string();
    check!(ns.contains("\"user\"") && !ns.contains("network"), "{ns}");
    check!(v["linux"].get("resources").is_none());
    let sys = v["mounts"]
        .as_array()
        .and_then(|m| m.iter().find(|m| m["destination"] == "/sys").cloned())
        .ok_or("no /sys")?;
    same!(sys["source"], json!("/sys"));
    check!(
        sys["options"].to_string().contains("rbind") && sys["options"].to_string().contains("ro"),
        "{sys}"
    );
    Ok(())
}

fn version(c: &Case) -> Res {
    for flag in ["--version", "-v"] {
        let out = bare(c, &[flag]).go()?.ok()?.out;
        let first = out.lines().next().unwrap_or("");
        check!(
            first.contains(" version ") && first.split(' ').count() >= 3,
            "{out}"
        );
        let spec = out
            .lines()
            .find_map(|l| l.strip_prefix("spec: "))
            .unwrap_or("");
        check!(spec.starts_with("1."), "{out}");
    }
    Ok(())
}

fn features(c: &Case) -> Res {
    let text = bare(c, &["features"]).go()?.ok()?.out;
    check!(text.starts_with("{\n    \""), "indented by four");
    // What is implemented, whoever asks and wherever.
    same!(bare(c, &["features"]).user(1000).go()?.ok()?.out, text);
    let v: Value = serde_json::from_str(&text)?;
    same!(v["ociVersionMin"], json!("1.0.0"));
    check!(
        v["ociVersionMax"]
            .as_str()
            .is_some_and(|s| s.starts_with("1."))
    );
    same!(
        v["hooks"],
        json!([
            "prestart",
            "createRuntime",
            "createContainer",
            "startContainer",
            "poststart",
            "poststop"
        ])
    );
    let options = v["mountOptions"].to_string();
    for option in [
        "rbind",
        "rro",
        "tmpcopyup",
        "nosymfollow",
        "strictatime",
        "rslave",
        "iversion",
    ] {
        check!(options.contains(&format!("\"{option}\"")), "{option}");
    }
    let ns = v["linux"]["namespaces"].to_string();
    for kind in [
        "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts",
    ] {
        check!(ns.contains(&format!("\"{kind}\"")), "{kind}");
    }
    check!(
        v["linux"]["capabilities"]
            .to_string()
            .contains("CAP_CHECKPOINT_RESTORE")
    );
    same!(v["linux"]["cgroup"]["v1"], json!(true));
    same!(v["linux"]["cgroup"]["v2"], json!(true));
    check!(v["annotations"].is_object());
    Ok(())
}

const VERBS: [&str; 13] = [
    "create", "start", "run", "state", "kill", "delete", "list", "exec", "ps", "pause", "resume",
    "spec", "features",
];

fn help(c: &Case) -> Res {
    for args in [&["--help"][..], &["-h"], &["help"]] {
        let out = bare(c, args).go()?.ok()?.out;
        for verb in VERBS {
            check!(out.contains(verb), "{args:?} doesn't tell of {verb}");
        }
    }
    Ok(())
}

fn verb_help(c: &Case) -> Res {
    for verb in VERBS {
        let out = bare(c, &[verb, "--help"]).go()?.ok()?.out;
        check!(out.contains(verb), "{verb}: {out}");
        bare(c, &["help", verb]).go()?.ok()?;
    }
    for (verb, flags) in [
        (
            "run",
            &[
                "--bundle",
                "--console-socket",
                "--pid-file",
                "--detach",
                "--keep",
                "--no-pivot",
                "--preserve-fds",
                "--no-new-keyring",
                "--no-subreaper",
            ][..],
        ),
        (
            "exec",
            &[
                "--cwd",
                "--env",
                "--tty",
                "--user",
                "--additional-gids",
                "--process",
                "--cap",
                "--cgroup",
                "--no-new-privs",
                "--apparmor",
                "--process-label",
            ],
        ),
    ] {
        let out = bare(c, &[verb, "--help"]).go()?.ok()?.out;
        for flag in flags {
            check!(out.contains(flag), "{verb} --help lacks {flag}");
        }
    }
    Ok(())
}

fn no_arguments(c: &Case) -> Res {
    let out = bare(c, &[] as &[&str]).go()?;
    check!(!out.out.is_empty() || !out.err.is_empty());
    Ok(())
}

fn unknown_verb(c: &Case) -> Res {
    let out = bare(c, &["frobnicate"]).go()?;
    check!(
        out.err.contains("frobnicate") || out.out.contains("frobnicate"),
        "{out:?}"
    );
    if !c.is_other("runc") {
        check!(out.code != 0);
    }
    Ok(())
}

fn unknown_flag(c: &Case) -> Res {
    for args in [
        &["run", "--frobnicate", "x"][..],
        &["--frobnicate", "list"],
        &["exec", "--frobnicate", "x", "y"],
    ] {
        let out = bare(c, args).go()?;
        check!(
            out.code != 0 && out.err.contains("frobnicate"),
            "{args:?}: {out:?}"
        );
    }
    Ok(())
}

fn wrong_count(c: &Case) -> Res {
    for args in [
        &["run"][..],
        &["create"],
        &["start"],
        &["state"],
        &["delete"],
        &["kill"],
        &["start", "a", "b"],
        &["state", "a", "b"],
    ] {
        let out = c.mote(args).go()?.exits(1)?;
        check!(!out.err.is_empty(), "{args:?}");
    }
    Ok(())
}

fn flag_forms(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let (root, dir) = (c.root.display().to_string(), b.dir.display().to_string());
    for args in [
        vec![
            format!("--root={root}"),
            "run".into(),
            format!("--bundle={dir}"),
            b.id.clone(),
        ],
        vec![
            "--root".into(),
            root.clone(),
            "run".into(),
            "--bundle".into(),
            dir.clone(),
            b.id.clone(),
        ],
        vec![
            "-root".into(),
            root.clone(),
            "run".into(),
            "-bundle".into(),
            dir.clone(),
            b.id.clone(),
        ],
        vec![
            format!("-root={root}"),
            "run".into(),
            format!("-b={dir}"),
            b.id.clone(),
        ],
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        bare(c, &args).go()?.ok()?;
    }
    Ok(())
}

fn root_mode(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.create(&b)?;
    same!(fs::metadata(&c.root)?.permissions().mode() & 0o7777, 0o700);
    same!(
        fs::metadata(c.root.join(&b.id))?.permissions().mode() & 0o777,
        0o711
    );
    c.delete(&b)?;
    Ok(())
}

fn root_slash(c: &Case) -> Res {
    for root in ["/", "//", "/../", "/tmp/.."] {
        bare(c, &["--root", root, "list"])
            .go()?
            .refused(1, &["root"])?;
    }
    Ok(())
}

fn rootless_flag(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    for word in ["auto", "true", "false", "1", "0", "TRUE", "f"] {
        c.mote(&["--rootless", word, "run", "-b"])
            .arg(&b.dir)
            .arg(&b.id)
            .go()?
            .ok()?;
    }
    c.mote(&["--rootless", "maybe", "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .exits(1)?;
    Ok(())
}

/// No interpreter and nothing to load: PT_INTERP is 3, PT_DYNAMIC 2 (elf(5)).
fn static_binary(c: &Case) -> Res {
    let elf = fs::read(&c.mote)?;
    let word = |at: usize, n: usize| {
        elf.get(at..at + n).map_or(0, |b| {
            b.iter().rev().fold(0u64, |v, x| v << 8 | u64::from(*x))
        })
    };
    let (table, size, count) = (
        word(32, 8) as usize,
        word(54, 2) as usize,
        word(56, 2) as usize,
    );
    let interpreter = (0..count).any(|i| word(table + i * size, 4) == 3);
    if interpreter {
        return skip("a development build with the host's C library; see `cargo ci dist`");
    }
    Ok(())
}

/// Today's runc refuses `start` without an id; the error should lead to `run`.
fn start_without_id(c: &Case) -> Res {
    let out = c.mote(&["start"]).go()?.exits(1)?;
    check!(out.err.contains("start"), "{}", out.err);
    Ok(())
}
