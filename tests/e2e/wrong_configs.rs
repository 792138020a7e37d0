//! Configs that are wrong, and the exact line that a person reads about each: on stderr, and in the log as its readers get it.
//! The line names the property, or what is broken and where; nothing has been made by then.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "wrong_configs",
    serial: false,
    cases: &[
        ("top", |c| section(c, "top")),
        ("process", |c| section(c, "process")),
        ("files", |c| section(c, "files")),
        ("namespaces", |c| section(c, "namespaces")),
        ("types", |c| section(c, "types")),
        ("text", texts),
        ("repeated_keys", repeated_keys),
    ],
};

/// The blocks, by section.
const BLOCKS: &str = include_str!("wrong_configs.txt");

/// Text that is no JSON document, or none that can be used; the line about each.
const TEXTS: &[(&str, &[u8], &str)] = &[
    (
        "nothing",
        b"",
        "1:1: expected a value, found the end of the text",
    ),
    (
        "blanks",
        b" \n\t\n",
        "3:1: expected a value, found the end of the text",
    ),
    (
        "a byte order mark",
        b"\xef\xbb\xbf{}",
        "1:1: the text starts with a byte order mark, which JSON forbids",
    ),
    (
        "UTF-16",
        b"\xff\xfe{\0}\0",
        "1:1: expected a value, found the byte 0xff",
    ),
    ("a list", b"[]", "1:1: expected an object, found an array"),
    ("null", b"null", "1:1: expected an object, found null"),
    (
        "an open object",
        b"{\"root\": {",
        "1:11: root: expected a key or '}', found the end of the text",
    ),
    (
        "a comma at the end",
        b"{\"hostname\": \"a\",}",
        "1:18: expected a key, found '}'",
    ),
    (
        "no comma",
        b"{\"hostname\": \"a\"\n\"root\": {}}",
        "2:1: hostname: expected ',' or '}', found '\"'",
    ),
    (
        "a comment",
        b"{ // x\n}",
        "1:3: expected a key or '}', found '/'",
    ),
    (
        "a bare key",
        b"{hostname: \"a\"}",
        "1:2: expected a key or '}', found 'h'",
    ),
    (
        "single quotes",
        b"{\"hostname\": 'a'}",
        "1:14: hostname: expected a value, found '''",
    ),
    (
        "another document",
        b"{}\n{}",
        "2:1: expected the end of the text, found '{'",
    ),
    (
        "a NUL at the end",
        b"{}\0",
        "1:3: expected the end of the text, found '\\u0000'",
    ),
    (
        "an octal number",
        b"{\"process\": {\"user\": {\"umask\": 022}}}",
        "1:32: process.user.umask: a number starts with a needless 0",
    ),
    (
        "a hexadecimal number",
        b"{\"linux\": {\"devices\": [{\"major\": 0x8}]}}",
        "1:35: linux.devices[0].major: expected ',' or '}', found 'x'",
    ),
    (
        "half a number",
        b"{\"process\": {\"oomScoreAdj\": -}}",
        "1:30: process.oomScoreAdj: expected a digit, found '}'",
    ),
    (
        "not a number",
        b"{\"process\": {\"oomScoreAdj\": NaN}}",
        "1:29: process.oomScoreAdj: expected a value, found 'N'",
    ),
    (
        "True",
        b"{\"root\": {\"readonly\": True}}",
        "1:23: root.readonly: expected a value, found 'T'",
    ),
    (
        "an open string",
        b"{\"hostname\": \"a}",
        "1:14: hostname: a string isn't closed",
    ),
    (
        "a line end in a string",
        b"{\"hostname\": \"a\nb\"}",
        "1:16: hostname: a control character in a string isn't written as \\u00XX",
    ),
    (
        "an unknown escape",
        b"{\"hostname\": \"\\x41\"}",
        "1:16: hostname: expected one of \" \\ / b f n r t u after '\\', found 'x'",
    ),
    (
        "a short escape",
        b"{\"hostname\": \"\\u12\"}",
        "1:19: hostname: expected four hexadecimal digits after \\u, found '\"'",
    ),
    (
        "half of a pair",
        b"{\"hostname\": \"a\\ud800b\"}",
        "1:16: hostname: half of a surrogate pair stands alone in a string",
    ),
    (
        "the other half",
        b"{\"hostname\": \"\\udc00\"}",
        "1:15: hostname: half of a surrogate pair stands alone in a string",
    ),
    (
        "Latin-1",
        b"{\"hostname\": \"\xfc\"}",
        "1:15: hostname: a string isn't UTF-8",
    ),
    (
        "a NUL for the kernel",
        b"{\"process\": {\"args\": [\"sh\", \"a\\u0000b\"]}}",
        "1:31: process.args[1]: \\u0000 can't be part of a string given to the kernel",
    ),
    (
        "a NUL in what is skipped",
        b"{\"x\": {\"y\": \"\\u0000\"}}",
        "1:14: x.y: \\u0000 can't be part of a string given to the kernel",
    ),
];

/// A small config that would run.
fn base() -> Value {
    json!({
        "linux": {"namespaces": [
            {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}
        ]},
        "ociVersion": "1.2.0",
        "process": {"args": ["true"], "cwd": "/", "user": {}},
        "root": {"path": "rootfs"},
    })
}

/// Whether it is mote that is tested, under its own name or that of a build (`mote-x86_64`).
fn is_mote(c: &Case) -> bool {
    let name = c.mote.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b"mote")
}

/// Runs every block of a section.
fn section(c: &Case, wanted: &str) -> Res {
    if !is_mote(c) {
        return skip("the lines are mote's");
    }
    let mut b = c.bundle(&[])?;
    let (mut section, mut count) = ("", 0);
    for block in BLOCKS.split("\n\n") {
        let mut lines = block
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let Some(name) = lines.next() else { continue };
        if let Some(title) = name.strip_prefix("= ") {
            section = title;
            continue;
        }
        if section != wanted {
            continue;
        }
        b.config = base();
        let mut expected = None;
        for line in lines {
            match line.split_once(' ') {
                _ if !line.starts_with('/') => expected = Some(line),
                Some((pointer, value)) => drop(b.set(pointer, serde_json::from_str(value)?)),
                None => drop(b.del(line)),
            }
        }
        let text = serde_json::to_string_pretty(&b.config)?;
        told(
            c,
            &b,
            name,
            text.as_bytes(),
            expected.ok_or("a block without a line")?,
        )?;
        count += 1;
    }
    check!(count > 10, "{count} blocks in section {wanted}");
    Ok(())
}

fn texts(c: &Case) -> Res {
    if !is_mote(c) {
        return skip("the lines are mote's");
    }
    let b = c.bundle(&[])?;
    for (name, text, line) in TEXTS {
        told(c, &b, name, text, &format!("config.json:{line}"))?;
    }
    // Of a path that is too long for a line its end is shown.
    let deep = [b"{\"x\": ".as_slice(), &b"[".repeat(1000)].concat();
    let line = format!(
        "config.json:1:134: ...{}: arrays and objects nest deeper than 128 levels",
        "[0]".repeat(41)
    );
    told(c, &b, "deep lists", &deep, &line)
}

/// Runs the text; the line is all that is said, in three forms.
fn told(c: &Case, b: &Bundle, name: &str, text: &[u8], line: &str) -> Res {
    fs::write(b.dir.join("config.json"), text)?;
    let plain = c
        .mote(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .exits(1)?;
    // As a reader of this format takes it: quotes, backslashes and line ends are escaped as in JSON.
    let quoted = plain
        .err
        .trim_end()
        .split_once(" level=error msg=")
        .ok_or(plain.err.clone())?;
    let said: String = serde_json::from_str(quoted.1)?;
    check!(said == line, "{name}:\n{said}\ninstead of\n{line}");
    check!(
        plain.out.is_empty() && plain.err.lines().count() == 1,
        "{name}: {plain:?}"
    );

    let log = c.path("log");
    let json = c.mote(&["--log-format", "json", "--log"]).arg(&log);
    let json = json
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .exits(1)?;
    same!(json.err, format!("{line}\n"));
    let entry: Value = serde_json::from_slice(&fs::read(&log)?)?;
    same!(
        (&entry["level"], &entry["msg"]),
        (&json!("error"), &json!(line))
    );
    fs::remove_file(&log)?;
    let left = fs::read_dir(&c.root).map(Iterator::count).unwrap_or(0);
    check!(
        left == 0,
        "{name}: something was left in the state's directory"
    );
    Ok(())
}

/// Of two equal keys the last value counts; `--debug` tells of them.
fn repeated_keys(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let text = serde_json::to_string(&b.config)?;
    let text = text.replacen(
        "\"hostname\":",
        "\"hostname\":\"first\",\n \"hostname\":",
        1,
    );
    let text = text.replacen(
        "\"args\":[\"true\"]",
        "\"args\":[\"false\"],\"args\":[\"true\"]",
        1,
    );
    fs::write(b.dir.join("config.json"), text)?;
    let quiet = c.mote(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
    same!(quiet.err, "");
    let debug = c
        .mote(&["--debug", "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .ok()?;
    let warnings: Vec<_> = debug
        .err
        .lines()
        .filter(|line| line.contains("level=warning"))
        .collect();
    check!(warnings.len() == 2, "{warnings:?}");
    let why = "the object has this key twice; the last value counts\"";
    check!(
        warnings[0].ends_with(&format!("msg=\"config.json:2:2: hostname: {why}")),
        "{warnings:?}"
    );
    check!(
        warnings[1].contains("process.args: the object"),
        "{warnings:?}"
    );
    Ok(())
}
