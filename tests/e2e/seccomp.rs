//! `linux.seccomp` in real containers: what the kernel answers once mote has compiled and loaded a profile.
use crate::harness::sock::FdSocket;
use crate::harness::*;
use crate::{check, same};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "seccomp",
    serial: false,
    cases: &[
        ("actions", actions),
        ("arguments", arguments),
        ("engine_profile", engine_profile),
        ("exec_has_the_filter", exec_filter),
        ("for_people", people),
        ("hooks_beside_the_filter", hooks),
        ("int80_does_not_get_round", int80),
        ("listener", listener),
        ("new_privileges_or_not", places),
        ("no_start_without_execve", no_execve),
        ("unknown_calls_are_told_of_once", unknown),
    ],
};

/// mkdir, by both names that machines have for it, gets an action.
fn about_mkdir(action: &str) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat", "no_such_call"], "action": action}],
    })
}

const MKDIR: &[&str] = &["/bin/sh", "-c", "mkdir /new && echo made"];

/// The container, with both values of noNewPrivileges: the filter is loaded in another place then.
fn both(c: &Case, profile: &Value, args: &[&str], each: impl Fn(Out) -> Res) -> Res {
    for no_new_privileges in [true, false] {
        let mut b = c.bundle(args)?;
        b.set("/linux/seccomp", profile.clone());
        b.set("/process/noNewPrivileges", json!(no_new_privileges));
        each(c.run(&b)?)?;
    }
    Ok(())
}

fn actions(c: &Case) -> Res {
    let says = |text: &'static str| {
        move |out: Out| {
            let out = out.exits(1)?;
            check!(out.err.contains(text), "{}", out.err);
            Ok(())
        }
    };
    both(
        c,
        &about_mkdir("SCMP_ACT_ERRNO"),
        MKDIR,
        says("not permitted"),
    )?;
    let mut profile = about_mkdir("SCMP_ACT_ERRNO");
    profile["syscalls"][0]["errnoRet"] = json!(28);
    both(c, &profile, MKDIR, says("No space left on device"))?;
    // Nobody traces it.
    both(
        c,
        &about_mkdir("SCMP_ACT_TRACE"),
        MKDIR,
        says("not implemented"),
    )?;
    for action in ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"] {
        both(c, &about_mkdir(action), MKDIR, |out| {
            same!(out.ok()?.out, "made\n");
            Ok(())
        })?;
    }
    for action in ["KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP"] {
        let profile = about_mkdir(&format!("SCMP_ACT_{action}"));
        // SIGSYS is number 31 on these machines; busybox's sh tells how its mkdir ended.
        let args = ["/bin/sh", "-c", "busybox mkdir /new; echo $?"];
        both(c, &profile, &args, |out| {
            same!(out.ok()?.out.lines().last(), Some("159"));
            Ok(())
        })?;
    }
    Ok(())
}

fn arguments(c: &Case) -> Res {
    // kill(2) with signal 0 asks; any other is refused.
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{
            "names": ["kill"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_NE"}],
        }],
    });
    let script = "kill -0 $$ && echo alive; kill -9 $$ || echo refused";
    both(c, &profile, &["/bin/sh", "-c", script], |out| {
        same!(out.ok()?.out, "alive\nrefused\n");
        Ok(())
    })
}

fn engine() -> R<Value> {
    let profile = include_str!("../../runtime/tests/seccomp/engine.json");
    Ok(serde_json::from_str(profile)?)
}

/// `seccomp dump` and `seccomp explain`, of a machine that need not be this one: calls have the names of the
/// architecture that they are numbers of.
fn people(c: &Case) -> Res {
    if c.is_other("runc") || c.is_other("crun") {
        return skip("mote's own verb");
    }
    let mut b = c.bundle(&["true"])?;
    b.set("/linux/seccomp", engine()?);
    b.write()?;
    let dir = b.dir.display().to_string();
    let ask = |words: &[&str]| {
        c.mote(words)
            .args(&["--bundle", &dir, "--arch", "x86_64"])
            .go()
    };
    let out = ask(&["seccomp", "dump"])?.ok()?.out;
    for line in [
        "load architecture",
        "if == X86_64 or X32 go",
        "if == X86 go",
        "(break)",
        "(openat)",
    ] {
        check!(out.contains(line), "no {line}: {out}");
    }
    check!(
        out.starts_with("flags 0x4\n0000  load architecture\n"),
        "{out}"
    );
    for (words, answer) in [
        (
            &["personality", "0x20008"][..],
            "personality (135 on X86_64): SCMP_ACT_ALLOW, by linux.seccomp.syscalls[5]",
        ),
        (
            &["personality", "1"],
            "personality (135 on X86_64): SCMP_ACT_ERRNO 38, by linux.seccomp.defaultAction",
        ),
        (
            &["swapon"],
            "swapon (167 on X86_64): SCMP_ACT_ERRNO 1, by linux.seccomp.syscalls[0]",
        ),
    ] {
        let out = ask(&[&["seccomp", "explain"], words].concat())?.ok()?;
        same!(out.out, format!("{answer}\n"));
    }
    let unknown = ask(&["seccomp", "explain", "nocall"])?;
    unknown.refused(1, &["seccomp explain: X86_64 has no system call 'nocall'"])?;
    Ok(())
}

fn engine_profile(c: &Case) -> Res {
    let profile = engine()?;
    let script = "mkdir /new && ls / >/dev/null && unshare -n true || echo kept in";
    both(c, &profile, &["/bin/sh", "-c", script], |out| {
        same!(out.ok()?.out, "kept in\n");
        Ok(())
    })
}

fn exec_filter(c: &Case) -> Res {
    for no_new_privileges in [true, false] {
        let mut b = c.bundle(&["sleep", "60"])?;
        b.set("/linux/seccomp", about_mkdir("SCMP_ACT_ERRNO"));
        b.set("/process/noNewPrivileges", json!(no_new_privileges));
        c.detach(&b)?;
        let out = c.exec(&b, MKDIR)?.exits(1)?;
        check!(out.err.contains("not permitted"), "{}", out.err);
        c.force(&b)?;
    }
    Ok(())
}

/// Hooks of the container's run behind the filter only where it is loaded early; either way they run.
fn hooks(c: &Case) -> Res {
    for no_new_privileges in [true, false] {
        let mut b = c.bundle(MKDIR)?;
        b.set("/linux/seccomp", about_mkdir("SCMP_ACT_ERRNO"));
        b.set("/process/noNewPrivileges", json!(no_new_privileges));
        b.hook("startContainer", "mkdir /made; echo hooked > /hooked");
        c.run(&b)?.exits(1)?;
        check!(b.rootfs("hooked").exists(), "the hook has not run");
        same!(b.rootfs("made").exists(), no_new_privileges);
    }
    Ok(())
}

/// A program that asks for its pid in the way of 32-bit programs, and exits with code 7 in the same way.
fn int80(c: &Case) -> Res {
    if std::env::consts::ARCH != "x86_64" {
        return skip("only x86 has int 0x80");
    }
    #[rustfmt::skip]
    let code = [
        0xb8, 20, 0, 0, 0, // mov eax, getpid
        0xcd, 0x80, // int 0x80
        0xbb, 7, 0, 0, 0, // mov ebx, 7
        0xb8, 1, 0, 0, 0, // mov eax, exit
        0xcd, 0x80,
    ];
    let run = |profile: Value| -> R<Out> {
        let mut b = c.bundle(&["/bin/int80"])?;
        fs::write(b.rootfs("bin/int80"), elf(&code))?;
        fs::set_permissions(b.rootfs("bin/int80"), fs::Permissions::from_mode(0o755))?;
        b.set("/linux/seccomp", profile);
        c.run(&b)
    };
    run(json!(null))?.exits(7)?;
    let mut profile = about_mkdir("SCMP_ACT_ERRNO");
    // Calls of an architecture that a profile doesn't list are not made.
    run(profile.clone())?.exits(159)?;
    profile["architectures"] = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    run(profile.clone())?.exits(7)?;
    profile["syscalls"][0]["names"] = json!(["getpid"]);
    profile["syscalls"][0]["action"] = json!("SCMP_ACT_KILL");
    run(profile)?.exits(159)?;
    Ok(())
}

/// The smallest program for x86_64: one segment with header and code.
fn elf(code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for (value, size) in [
        (2, 2), // ET_EXEC
        (62, 2),
        (1, 4),
        (BASE + HEADERS, 8),
        (64, 8),
        (0, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (1, 2),
        (0, 6),
        // The segment: PT_LOAD, read and execute.
        (1, 4),
        (5, 4),
        (0, 8),
        (BASE, 8),
        (BASE, 8),
        (HEADERS + code.len() as u64, 8),
        (HEADERS + code.len() as u64, 8),
        (0x1000, 8),
    ] {
        file.extend_from_slice(&u64::to_le_bytes(value)[..size]);
    }
    file.extend_from_slice(code);
    file
}

/// The agent gets the spec's message and the listener. When it goes without an answer, the call isn't implemented.
fn listener(c: &Case) -> Res {
    for (no_new_privileges, created) in [(true, false), (false, false), (true, true), (false, true)]
    {
        let mut b = c.bundle(MKDIR)?;
        let path = c.path(&format!("agent-{}", b.id));
        let agent = FdSocket::listen(&path)?;
        let mut profile = about_mkdir("SCMP_ACT_NOTIFY");
        profile["listenerPath"] = json!(path);
        profile["listenerMetadata"] = json!("a \"note\"");
        b.set("/linux/seccomp", profile);
        b.set("/process/noNewPrivileges", json!(no_new_privileges));
        // Where the filter is loaded early, this asks before the program runs.
        b.hook("startContainer", "mkdir /asked; true");
        let running = if created {
            c.create(&b)?.ok()?;
            c.mote(&["start", &b.id]).spawn()?
        } else {
            c.verb("run", &b, &[])?.spawn()?
        };
        let (message, listener) = agent.receive()?;
        let message: Value = serde_json::from_str(&message)?;
        same!(message["fds"], json!(["seccompFd"]));
        same!(message["metadata"], "a \"note\"");
        same!(message["state"]["id"], b.id.as_str());
        same!(message["state"]["pid"], message["pid"]);
        same!(message["state"]["bundle"], json!(b.dir));
        check!(
            message["ociVersion"].is_string() && message["pid"].is_u64(),
            "{message}"
        );
        let mut asked = [PollFd::new(&listener, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        same!(poll(&mut asked, Some(&limit))?, 1);
        drop(listener);
        let out = running.wait()?;
        if !created {
            let out = out.exits(1)?;
            check!(out.err.contains("not implemented"), "{}", out.err);
        }
        if created {
            c.wait_status(&b, "stopped")?;
            c.delete(&b)?.ok()?;
        }
    }
    let mut b = c.bundle(MKDIR)?;
    let mut profile = about_mkdir("SCMP_ACT_NOTIFY");
    profile["listenerPath"] = json!(c.path("nobody"));
    b.set("/linux/seccomp", profile);
    c.run(&b)?
        .refused(1, &["linux.seccomp.listenerPath", "nobody"])?;
    Ok(())
}

/// An ordinary user in the container; the capabilities are gone when the program runs.
fn places(c: &Case) -> Res {
    let profile = about_mkdir("SCMP_ACT_ERRNO");
    for no_new_privileges in [true, false] {
        let mut b = c.bundle(&[
            "grep",
            "-E",
            "^(Seccomp|NoNewPrivs|CapEff):",
            "/proc/self/status",
        ])?;
        b.set("/linux/seccomp", profile.clone());
        b.set("/process/noNewPrivileges", json!(no_new_privileges));
        b.set("/process/user", json!({"uid": 1000, "gid": 1000}));
        b.caps(&[]);
        let expected = format!(
            "CapEff:\t0000000000000000\nNoNewPrivs:\t{}\nSeccomp:\t2\n",
            u8::from(no_new_privileges)
        );
        same!(c.run(&b)?.ok()?.out, expected);
    }
    Ok(())
}

/// A filter that its own process could not get past is refused before anything is made.
fn no_execve(c: &Case) -> Res {
    for (name, no_new_privileges) in [("execve", true), ("execve", false), ("setresuid", false)] {
        let mut b = c.bundle(&["true"])?;
        let mut profile = about_mkdir("SCMP_ACT_KILL_PROCESS");
        profile["syscalls"][0]["names"] = json!([name]);
        b.set("/linux/seccomp", profile);
        b.set("/process/noNewPrivileges", json!(no_new_privileges));
        c.run(&b)?
            .refused(1, &["linux.seccomp: must allow ", name])?;
    }
    Ok(())
}

/// With `--debug`, also where the plan has to make the filter to be sure of it.
fn unknown(c: &Case) -> Res {
    let mut doubtful = about_mkdir("SCMP_ACT_ERRNO");
    let more = doubtful["syscalls"].as_array_mut().ok_or("no list")?;
    // Without conditions, so this is what decides.
    more.push(json!({"names": ["execve"], "action": "SCMP_ACT_LOG"}));
    more.push(json!({
        "names": ["execve"], "action": "SCMP_ACT_ERRNO",
        "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
    }));
    let mut b = c.bundle(&["true"])?;
    for profile in [about_mkdir("SCMP_ACT_ERRNO"), doubtful] {
        b.set("/linux/seccomp", profile).write()?;
        let run = c.mote(&["--debug", "run", "-b"]).arg(&b.dir).arg(&b.id);
        let err = run.go()?.err;
        same!(err.matches("no_such_call\\\": unknown").count(), 1, "{err}");
    }
    Ok(())
}
