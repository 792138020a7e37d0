//! `hooks` and `annotations`, and the state document that hooks read.

use super::paths::{absolute, required};
use super::refusal::Result;
use super::{Job, each};
use crate::SPEC_VERSION;
use crate::json::{Layout, Writer};
use init::packed::Packed;
use init::plan::{Hook, Hooks, StateText};
use spec_min::List;

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<Hooks<'a>> {
    let hooks = job.spec.hooks;
    if !hooks.prestart.is_empty() {
        let text = packed!("deprecated; use createRuntime, createContainer or startContainer");
        job.warn(job.refuse("hooks.prestart", text));
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
    each(job, name, hooks, |_, hook| {
        let path = absolute(
            job,
            required(job, hook.path, ".path", packed!("the program"))?,
            ".path",
        )?;
        Ok(Hook {
            path,
            args: match hook.args.is_empty() {
                true => job.vector_of(&[path], 0)?,
                false => job.vector(hook.args)?,
            },
            env: match hook.env {
                Some(env) => Some(job.vector(env)?),
                None => None,
            },
            timeout: match hook.timeout {
                Some(timeout) => Some(seconds(job, timeout)?),
                None => None,
            },
        })
    })
}

fn seconds(job: &Job<'_, '_>, timeout: i64) -> Result<u32> {
    const WHY: Packed = packed!("expected a number of seconds from 1 to 4294967295");
    match u32::try_from(timeout) {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(job.refuse_number(".timeout", timeout, WHY)),
    }
}

/// The state document (runtime.md, "State"), but for its status and pid. Hooks read it, and who `asks` for it.
pub fn state<'a>(job: &Job<'_, 'a>, hooks: &Hooks<'_>, asks: bool) -> Result<StateText<'a>> {
    let annotations = job.spec.annotations;
    for (key, _) in annotations.iter() {
        if key.is_empty() {
            return Err(job.refuse("annotations", packed!("\"\": a key must not be empty")));
        }
    }
    let lists = [
        hooks.prestart,
        hooks.create_runtime,
        hooks.create_container,
        hooks.start_container,
        hooks.poststart,
        hooks.poststop,
    ];
    if !asks && lists.iter().all(|list| list.is_empty()) {
        return Ok(StateText::default());
    }
    let mut head = Writer::new(Layout::Compact);
    head.open_object();
    head.text("ociVersion", SPEC_VERSION);
    head.key("id");
    head.bytes(job.facts.id.to_bytes());
    let mut tail = Writer::new(Layout::Compact);
    tail.open_object();
    tail.key("bundle");
    tail.bytes(job.facts.bundle.to_bytes());
    if !annotations.is_empty() {
        tail.key("annotations");
        tail.open_object();
        for (key, value) in annotations.iter() {
            tail.key(key.to_str().unwrap_or_default());
            tail.bytes(value.to_bytes());
        }
        tail.close();
    }
    tail.close();
    let [head, tail] = [head.finish(), tail.finish()];
    let tail = tail.strip_prefix("{").unwrap_or_default();
    Ok(StateText {
        head: job
            .arena
            .text(&[head.as_bytes(), b",\"status\":\""])?
            .to_bytes(),
        middle: b"\",\"pid\":",
        tail: job.arena.text(&[b",", tail.as_bytes()])?.to_bytes(),
    })
}
