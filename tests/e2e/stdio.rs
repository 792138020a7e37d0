//! Standard streams without a terminal: pipes in the foreground, the caller's own when
//! detached; megabytes in both directions; descriptors that are passed on.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::io::{Read, Write};

/// The cases.
pub const MODULE: Module = Module {
    name: "stdio",
    serial: false,
    cases: &[
        ("foreground_megabytes_out", megabytes_out),
        ("foreground_megabytes_err", megabytes_err),
        ("foreground_megabytes_in", megabytes_in),
        ("foreground_both_ways", both_ways),
        ("foreground_uses_pipes", foreground_pipes),
        ("a7_detached_passes_streams", detached_streams),
        ("create_passes_streams", create_streams),
        ("output_written_just_before_exit", last_output),
        ("stdin_closed_early", stdin_unread),
        ("stdin_end_reaches_program", stdin_end),
        ("stdout_reader_gone", reader_gone),
        ("stdout_closed", closed_stdout),
        ("background_child_keeps_stdout", background_child),
        ("preserve_fds", preserve),
        ("preserve_fds_missing_refused", preserve_missing),
        ("exec_preserve_fds", exec_preserve),
        ("listen_fds", listen_fds),
        ("listen_fds_of_another_pid_ignored", listen_other),
        ("exec_megabytes", exec_megabytes),
        ("fifty_small_outputs", fifty),
    ],
};

const SIZE: u64 = 8 << 20;

/// The hash that `probe sum` would print for what `probe emit SIZE` writes.
fn expected(size: u64) -> String {
    let data = (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8);
    format!("{size} {:016x}\n", hash(data))
}

fn hash(data: impl Iterator<Item = u8>) -> u64 {
    data.fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    })
}

fn sum_of(path: &std::path::Path) -> R<String> {
    let data = fs::read(path)?;
    Ok(format!("{} {:016x}\n", data.len(), hash(data.into_iter())))
}

fn megabytes_out(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "emit", &SIZE.to_string()])?;
    let out = c.run(&b)?.ok()?;
    same!(sum_of(&out.out_file)?, expected(SIZE));
    Ok(())
}

fn megabytes_err(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "emit", &SIZE.to_string(), "err"])?;
    let out = c.run(&b)?.ok()?;
    same!(sum_of(&out.err_file)?, expected(SIZE));
    Ok(())
}

fn pattern(size: u64) -> Vec<u8> {
    (0..size)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn megabytes_in(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "sum"])?;
    let out = c
        .verb("run", &b, &[])?
        .stdin_bytes(&pattern(SIZE))?
        .go()?
        .ok()?;
    same!(out.out, expected(SIZE));
    Ok(())
}

fn both_ways(c: &Case) -> Res {
    let b = c.bundle(&["cat"])?;
    let (reader, mut writer) = std::io::pipe()?;
    let feeder = std::thread::spawn(move || {
        for part in pattern(SIZE).chunks(7919) {
            if writer.write_all(part).is_err() {
                break;
            }
        }
    });
    let out = c.verb("run", &b, &[])?.stdin(reader).go()?.ok()?;
    feeder.join().ok();
    same!(sum_of(&out.out_file)?, expected(SIZE));
    Ok(())
}

/// In the foreground the container has pipes, never the caller's own files.
fn foreground_pipes(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let report = c.report(&mut b)?;
    for fd in ["fd.0", "fd.1", "fd.2"] {
        check!(
            report.get(fd).starts_with("pipe:"),
            "{fd} is {}",
            report.get(fd)
        );
    }
    Ok(())
}

fn detached_streams(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "cat; echo err >&2; sleep 30"])?;
    let out = c
        .verb("run", &b, &["-d"])?
        .stdin_bytes(b"from the caller\n")?
        .go()?
        .ok()?;
    let pid = c.pid(&b)?;
    for (fd, path) in [(1, &out.out_file), (2, &out.err_file)] {
        let link = fs::read_link(format!("/proc/{pid}/fd/{fd}"))?;
        same!(&link, path, "fd {fd} is the caller's own");
    }
    c.until("cat", || Ok(out.later().contains("from the caller")))?;
    c.force(&b)?;
    Ok(())
}

fn create_streams(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "read x; echo got $x"])?;
    let out = c
        .verb("create", &b, &[])?
        .stdin_bytes(b"kept\n")?
        .go()?
        .ok()?;
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    same!(out.later(), "got kept\n");
    c.delete(&b)?;
    Ok(())
}

fn last_output(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "emit", "65536"])?;
    for _ in 0..c.scale(20) {
        let out = c.run(&b)?.ok()?;
        same!(sum_of(&out.out_file)?, expected(65536));
    }
    Ok(())
}

fn stdin_unread(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let (reader, writer) = std::io::pipe()?;
    let feeder = std::thread::spawn(move || {
        let mut writer = writer;
        writer.write_all(&pattern(SIZE)).ok();
    });
    c.verb("run", &b, &[])?.stdin(reader).go()?.ok()?;
    feeder.join().ok();
    // And an stdin that never says anything.
    let (reader, writer) = std::io::pipe()?;
    c.verb("run", &b, &[])?.stdin(reader).go()?.ok()?;
    drop(writer);
    Ok(())
}

fn stdin_end(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "cat > /dev/null; echo end"])?;
    same!(c.run(&b)?.ok()?.out, "end\n");
    Ok(())
}

fn reader_gone(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "trap '' PIPE; yes | head -c 1000000; exit 0"])?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let out = c.verb("run", &b, &[])?.stdout(writer).limit(20).go()?;
    check!(out.code < 1000, "the runtime died of a signal: {out:?}");
    Ok(())
}

fn closed_stdout(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "echo lost; exit 6"])?;
    b.write()?;
    for close in ["<&-", ">&-", "<&- >&-"] {
        let run = c
            .tool("sh", &["-c", &format!("exec \"$@\" {close}"), "-"])
            .arg(&c.mote)
            .arg("--root")
            .arg(&c.root);
        let out = run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?;
        check!(out.code == 6 || out.code == 1, "{close}: {out:?}");
    }
    Ok(())
}

/// The container ends with its init, whatever still holds its stdout.
fn background_child(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "sleep 60 & echo done"])?;
    let out = c.verb("run", &b, &[])?.limit(10).go()?.ok()?;
    same!(out.out, "done\n");
    Ok(())
}

/// Starts a verb with descriptors 3.. open on files with known texts.
fn with_fds(c: &Case, count: u32, verb: &str, args: &[&str]) -> R<Cmd> {
    let mut redirect = String::new();
    for n in 0..count {
        let path = c.path(&format!("pass{n}"));
        fs::write(&path, format!("text {n}"))?;
        redirect += &format!("{}<{} ", n + 3, path.display());
    }
    let script = format!("exec \"$@\" {redirect} {}>&-", count + 3);
    Ok(c.tool("sh", &["-c", &script, "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .arg(verb)
        .args(args))
}

fn preserve(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "fds", "read"])?;
    b.write()?;
    let dir = b.dir.display().to_string();
    let out = with_fds(c, 4, "run", &["--preserve-fds", "3", "-b", &dir, &b.id])?
        .go()?
        .ok()?
        .out;
    for n in 0..3 {
        check!(
            out.contains(&format!("{} holds\ttext {n}\n", n + 3)),
            "{out}"
        );
    }
    check!(!out.contains("\n6\t"), "only three were asked for: {out}");
    Ok(())
}

fn preserve_missing(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let dir = b.dir.display().to_string();
    with_fds(c, 2, "run", &["--preserve-fds", "3", "-b", &dir, &b.id])?
        .go()?
        .refused(1, &["5"])?;
    c.verb("run", &b, &["--preserve-fds", "-1"])?
        .go()?
        .exits(1)?;
    Ok(())
}

fn exec_preserve(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    let out = with_fds(
        c,
        2,
        "exec",
        &["--preserve-fds", "2", &b.id, "/bin/probe", "fds", "read"],
    )?
    .go()?
    .ok()?
    .out;
    check!(
        out.contains("3 holds\ttext 0\n") && out.contains("4 holds\ttext 1\n"),
        "{out}"
    );
    let out = with_fds(c, 2, "exec", &[&b.id, "/bin/probe", "fds"])?
        .go()?
        .ok()?
        .out;
    same!(out.lines().count(), 3, "{out}");
    c.force(&b)?;
    Ok(())
}

fn listen(c: &Case, pid: &str) -> R<(Report, String)> {
    let b = c.bundle(&["sh", "-c", "/bin/probe report; /bin/probe fds read"])?;
    b.write()?;
    let (one, two) = (c.path("one"), c.path("two"));
    fs::write(&one, "first")?;
    fs::write(&two, "second")?;
    let script = format!(
        "export LISTEN_FDS=2 LISTEN_PID={pid} LISTEN_FDNAMES=a:b; exec \"$@\" 3<{} 4<{}",
        one.display(),
        two.display()
    );
    let run = c
        .tool("sh", &["-c", &script, "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"]);
    let out = run.arg(&b.dir).arg(&b.id).go()?.ok()?;
    Ok((Report::parse(&out)?, out.out))
}

fn listen_fds(c: &Case) -> Res {
    let (report, out) = listen(c, "$$")?;
    same!(report.get("env.LISTEN_FDS"), "2");
    same!(report.get("env.LISTEN_PID"), "1");
    check!(
        out.contains("3 holds\tfirst") && out.contains("4 holds\tsecond"),
        "{out}"
    );
    Ok(())
}

fn listen_other(c: &Case) -> Res {
    let (report, _) = listen(c, "1")?;
    same!(report.find("env.LISTEN_FDS"), None);
    same!(report.fds(), [0, 1, 2]);
    Ok(())
}

fn exec_megabytes(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    let out = c
        .mote(&["exec", &b.id, "cat"])
        .stdin_bytes(&pattern(SIZE))?
        .go()?
        .ok()?;
    same!(sum_of(&out.out_file)?, expected(SIZE));
    c.force(&b)?;
    Ok(())
}

/// Through a real pipe of the caller's, read while it runs.
fn fifty(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "for i in $(seq 50); do echo line $i; done"])?;
    let (mut reader, writer) = std::io::pipe()?;
    let run = c.verb("run", &b, &[])?.stdout(writer).spawn()?;
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    run.wait()?.ok()?;
    same!(text.lines().count(), 50);
    Ok(())
}
