//! What `exec` is asked to run: a process.json, or the container's own process with what the options change.

use crate::bundle;
use crate::cli::Options;
use crate::error::{Error, Result};
use crate::files;
use crate::json::{Layout, Writer};
use crate::legacy::hint;
use crate::plan::misread;
use crate::text::{fill, pieces};
use init::sys::arena::Arena;
use spec_min::{List, Process, Spec};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Reads `--process`.
pub fn read_process_file(options: &Options) -> Result<Option<Vec<u8>>> {
    let Some(path) = options.text("process") else {
        return Ok(None);
    };
    let read = files::read(Path::new(path));
    read.map(Some)
        .map_err(|errno| Error::of("--process", path.as_bytes(), errno))
}

/// Decodes a process.json.
pub fn parse_process<'a>(text: &[u8], arena: &'a Arena) -> Result<&'a mut Process<'a>> {
    let buffer = arena.bytes(text.len()).map_err(bundle::no_memory)?;
    buffer.copy_from_slice(text);
    let process = spec_min::parse_process(buffer).map_err(|error| {
        let (path, why) = error.message.parts();
        let hint = hint(&fill("process.{}", &[path]), why, text);
        Error::new(misread("process.json", &error)).and(hint)
    })?;
    arena.put(process).map_err(bundle::no_memory)
}

/// The container's process, changed as the options say. The changes are written as JSON and read back, so
/// that one parser and one set of rules hold for every process.
pub fn from_options<'a>(
    options: &Options,
    spec: &Spec<'a>,
    arena: &'a Arena,
) -> Result<&'a mut Process<'a>> {
    if options.rest().is_empty() {
        return Err(Error::new(packed!(
            "exec: which command? `exec ID COMMAND [ARGUMENT...]`, or --process FILE"
        )));
    }
    let config = spec
        .process
        .get()
        .ok_or_else(|| Error::new(packed!("config.json has no process")))?;
    let changed = parse_process(changes(options, config)?.as_bytes(), arena)?;
    let process = arena.put(*config).map_err(bundle::no_memory)?;
    process.terminal = options.flag("tty");
    process.args = changed.args;
    process.env = changed.env;
    process.capabilities = changed.capabilities;
    process.user.additional_gids = changed.user.additional_gids;
    if changed.cwd.is_some() {
        process.cwd = changed.cwd;
    }
    if let Some(on) = options.given("no-new-privs") {
        process.no_new_privileges = on;
    }
    if changed.apparmor_profile.is_some() {
        process.apparmor_profile = changed.apparmor_profile;
    }
    if changed.selinux_label.is_some() {
        process.selinux_label = changed.selinux_label;
    }
    if let Some(user) = options.text_or_empty("user") {
        (process.user.uid, process.user.gid) = parse_user(user, config.user.gid)?;
    }
    Ok(process)
}

fn changes(options: &Options, config: &Process<'_>) -> Result<String> {
    let mut json = Writer::new(Layout::Compact);
    json.open_object();
    json.key("args");
    json.open_array();
    for word in options.rest() {
        json.bytes(word.as_bytes());
    }
    json.close();
    json.key("env");
    json.open_array();
    for variable in config.env.iter() {
        json.bytes(variable.bytes());
    }
    add(&mut json, options, "env");
    json.close();
    let mut text = |key, value: Option<&OsStr>| {
        if let Some(value) = value {
            json.key(key);
            json.bytes(value.as_bytes());
        }
    };
    text("cwd", options.text("cwd"));
    text("apparmorProfile", options.text("apparmor"));
    text("selinuxLabel", options.text("process-label"));
    user(&mut json, options, config)?;
    capabilities(&mut json, options, config);
    json.close();
    Ok(json.finish())
}

fn add(json: &mut Writer, options: &Options, name: &str) {
    for value in options.list(name) {
        json.bytes(value.as_bytes());
    }
}

fn user(json: &mut Writer, options: &Options, config: &Process<'_>) -> Result<()> {
    json.key("user");
    json.open_object();
    json.key("additionalGids");
    json.open_array();
    for gid in config.user.additional_gids.iter() {
        json.unsigned(gid.into());
    }
    for gid in options.list("additional-gids") {
        let number = number(gid).ok_or_else(|| {
            Error::fill_bytes(
                packed!("--additional-gids \"{}\": a number from 0 to 4294967294 is needed"),
                &[gid.as_bytes()],
            )
        })?;
        json.unsigned(number.into());
    }
    json.close();
    json.close();
    Ok(())
}

/// `--cap` adds to bounding, effective and permitted; to ambient only what the config lets be inherited, and
/// never to inheritable (CVE-2022-29162).
fn capabilities(json: &mut Writer, options: &Options, config: &Process<'_>) {
    let own = config.capabilities.get().copied().unwrap_or_default();
    json.key("capabilities");
    json.open_object();
    let mut set = |key, own: List<'_, &CStr>, grows| {
        json.key(key);
        json.open_array();
        for name in own.iter() {
            json.bytes(name.to_bytes());
        }
        if grows {
            add(json, options, "cap");
        }
        json.close();
    };
    set("bounding", own.bounding, true);
    set("effective", own.effective, true);
    set("permitted", own.permitted, true);
    set("inheritable", own.inheritable, false);
    set("ambient", own.ambient, !own.inheritable.is_empty());
    json.close();
}

/// `UID[:GID]`, digits only: a text that parses as nothing must not end up as 0 (CVE-2026-30892).
fn parse_user(text: &OsStr, gid: u32) -> Result<(u32, u32)> {
    let word = text.to_str().ok_or_else(|| wrong_user(text))?;
    let mut ids = pieces(word, b':');
    let (uid, group) = (ids.next().unwrap_or_default(), ids.rest());
    let strict = |part: &str| number(OsStr::new(part)).ok_or_else(|| wrong_user(text));
    Ok((strict(uid)?, group.map(strict).transpose()?.unwrap_or(gid)))
}

fn wrong_user(text: &OsStr) -> Error {
    Error::fill_bytes(
        packed!("--user \"{}\": UID or UID:GID is needed, numbers from 0 to 4294967294"),
        &[text.as_bytes()],
    )
}

/// An id: digits only, and not the one that means "no change" to the kernel.
fn number(text: &OsStr) -> Option<u32> {
    let number = crate::text::number(text.as_bytes())?;
    u32::try_from(number)
        .ok()
        .filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let parse = |text: &str| parse_user(OsStr::new(text), 7).ok();
        assert_eq!(parse("5"), Some((5, 7)));
        assert_eq!(parse("5:6"), Some((5, 6)));
        for wrong in [
            "",
            ":5",
            "5:",
            "1x",
            "-1",
            "+1",
            "4294967296",
            "4294967295",
            "1:2:3",
            " 1",
            "root",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
