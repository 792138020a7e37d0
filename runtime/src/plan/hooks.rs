//! `hooks` and `annotations`, and the state document that hooks read.

use super::{Job, each};
use super::paths::{absolute, required};
use super::refusal::{Result, refuse, refuse_number};
use crate::SPEC_VERSION;
use core::ffi::CStr;
use init::plan::{Hook, Hooks, StateText};
use spec_min::{List, Map};

/// The plan's part.
pub fn lower<'a>(job: &mut Job<'_, 'a>) -> Result<Hooks<'a>> {
    let hooks = job.spec.hooks;
    if !hooks.prestart.is_empty() {
        let text = "deprecated; use createRuntime, createContainer or startContainer";
        job.warn(refuse("hooks.prestart", text));
    }
    Ok(Hooks {
        prestart: kind(job, "hooks.prestart", hooks.prestart)?,
        create_runtime: kind(job, "hooks.createRuntime", hooks.create_runtime)?,
        create_container: kind(job, "hooks.createContainer", hooks.create_container)?,
        start_container: kind(job, "hooks.startContainer", hooks.start_container)?,
        poststart: kind(job, "hooks.poststart", hooks.poststart)?,
        poststop: kind(job, "hooks.poststop", hooks.poststop)?,
    })
}

#[inline(never)]
fn kind<'a>(
    job: &Job<'_, 'a>,
    name: &str,
    hooks: List<'a, spec_min::Hook<'a>>,
) -> Result<&'a [Hook<'a>]> {
    each(job.arena, name, hooks, |_, hook| {
        let path = absolute(required(hook.path, ".path", "the program")?, ".path")?;
        Ok(Hook {
            path,
            args: match hook.args.len() {
                0 => job.vector(1, &mut core::iter::once(path), 0)?,
                count => job.vector(count, &mut hook.args.iter(), 0)?,
            },
            env: match hook.env {
                Some(env) => Some(job.vector(env.len(), &mut env.iter(), 0)?),
                None => None,
            },
            timeout: match hook.timeout {
                Some(timeout) => Some(seconds(timeout)?),
                None => None,
            },
        })
    })
}

fn seconds(timeout: i64) -> Result<u32> {
    const WHY: &str = "expected a number of seconds from 1 to 4294967295";
    match u32::try_from(timeout) {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(refuse_number(".timeout", timeout, WHY)),
    }
}

/// Takes text piece by piece.
type Out<'o> = dyn FnMut(&[u8]) + 'o;

/// The state document (runtime.md, "State"), but for its status and pid.
pub fn state<'a>(job: &Job<'_, 'a>) -> Result<StateText<'a>> {
    let annotations = job.spec.annotations;
    if annotations.iter().any(|(key, _)| key.is_empty()) {
        return Err(refuse("annotations", "\"\": a key must not be empty"));
    }
    Ok(StateText {
        head: written(job, &|out| {
            out(b"{\"ociVersion\":\"");
            out(SPEC_VERSION.as_bytes());
            out(b"\",\"id\":");
            string(out, job.facts.id);
            out(b",\"status\":\"");
        })?,
        middle: b"\",\"pid\":",
        tail: written(job, &|out| {
            out(b",\"bundle\":");
            string(out, job.facts.bundle);
            members(out, annotations);
            out(b"}");
        })?,
    })
}

fn members(out: &mut Out<'_>, annotations: Map<'_, &CStr>) {
    for (at, (key, value)) in annotations.iter().enumerate() {
        out(if at == 0 { b",\"annotations\":{" } else { b"," });
        string(out, key);
        out(b":");
        string(out, value);
    }
    if !annotations.is_empty() {
        out(b"}");
    }
}

/// A JSON string (RFC 8259, section 7).
fn string(out: &mut Out<'_>, text: &CStr) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.to_bytes();
    out(b"\"");
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out(&bytes[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => out(&[b'\\', byte]),
            byte => out(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
    out(&bytes[plain..]);
    out(b"\"");
}

/// Runs `write` twice: to know the length, then to have the text.
fn written<'a>(job: &Job<'_, 'a>, write: &dyn Fn(&mut Out<'_>)) -> Result<&'a [u8]> {
    let mut length = 0;
    write(&mut |text| length += text.len());
    let buffer = job.arena.bytes(length)?;
    let mut end = 0;
    write(&mut |text| {
        buffer[end..end + text.len()].copy_from_slice(text);
        end += text.len();
    });
    Ok(buffer)
}
