//! Errors, warnings and debug lines: on stderr, in a file, as text and as JSON.
use crate::cli::bare;
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "logs",
    serial: false,
    cases: &[
        ("log_to_file_text", log_text),
        ("log_to_file_json", log_json),
        ("log_is_appended", log_append),
        ("log_format_unknown", log_format),
        ("log_file_impossible", log_impossible),
        ("log_line_on_stderr", log_line),
        ("debug_logs", debug),
    ],
};

/// `--log F` and more before a state of nobody; the failing command and the log's text.
fn logged(c: &Case, flags: &[&str]) -> R<(Out, String)> {
    fs::create_dir_all(&c.root)?;
    let log = c.path("log");
    let root = c.root.display().to_string();
    let cmd = bare(c, &["--root", &root, "--log", &log.display().to_string()]).args(flags);
    let out = cmd.args(&["state", "nobody-here"]).go()?.exits(1)?;
    Ok((out, cmd::read(&log)))
}

fn log_text(c: &Case) -> Res {
    let (out, log) = logged(c, &[])?;
    check!(
        log.starts_with("time=\"") && log.contains("level=error msg=\"") && log.ends_with("\"\n"),
        "{log}"
    );
    check!(
        log.contains("does not exist") && out.err.contains("does not exist"),
        "both: {log} {}",
        out.err
    );
    same!(
        fs::metadata(c.path("log"))?.permissions().mode() & 0o777,
        0o644
    );
    Ok(())
}

fn log_json(c: &Case) -> Res {
    let (out, log) = logged(c, &["--log-format", "json"])?;
    let v: Value = serde_json::from_str(log.lines().last().unwrap_or(""))?;
    same!(v["level"], json!("error"));
    check!(
        v["msg"]
            .as_str()
            .is_some_and(|m| m.contains("does not exist"))
            && v["time"].is_string(),
        "{log}"
    );
    check!(
        out.err.contains("does not exist") && !out.err.starts_with('{'),
        "plain on stderr: {}",
        out.err
    );
    Ok(())
}

fn log_append(c: &Case) -> Res {
    fs::write(c.path("log"), "first line\n")?;
    let (_, log) = logged(c, &[])?;
    check!(log.starts_with("first line\ntime="), "{log}");
    Ok(())
}

fn log_format(c: &Case) -> Res {
    let out = bare(c, &["--log-format", "xml", "list"]).go()?.exits(1)?;
    check!(out.err.contains("xml"), "{}", out.err);
    Ok(())
}

fn log_impossible(c: &Case) -> Res {
    let out = bare(c, &["--log", "/no/such/dir/log", "list"])
        .go()?
        .exits(1)?;
    check!(out.err.contains("/no/such/dir/log"), "{}", out.err);
    Ok(())
}

fn log_line(c: &Case) -> Res {
    fs::create_dir_all(&c.root)?;
    let err = c
        .mote(&["state", "nobody-here"])
        .go()?
        .refused(1, &["level=error", "msg=\""])?
        .err;
    check!(err.starts_with("time=\"20") && err.contains('T'), "{err}");
    Ok(())
}

fn debug(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let log = c.path("log").display().to_string();
    let run = c
        .mote(&["--debug", "--log", &log, "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id);
    let out = run.go()?.ok()?;
    same!(out.err, "", "with --log nothing but errors goes to stderr");
    for line in cmd::read(&c.path("log")).lines() {
        check!(
            line.starts_with("time=\"") && line.contains("level="),
            "{line}"
        );
    }
    Ok(())
}
