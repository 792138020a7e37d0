//! `--systemd-cgroup`: the unit that systemd makes for the container, from `linux.cgroupsPath` and the annotations
//! `org.systemd.property.NAME`.

use super::Job;
use super::refusal::Result;
use crate::dbus::variant;
use crate::dbus::wire::Wire;
use crate::text::pieces;
use core::ffi::CStr;
use init::plan::Unit;

/// What an annotation begins with that asks for a property of the unit.
const PROPERTY: &str = "org.systemd.property.";

/// The most bytes of a unit's name (systemd.unit(5)).
const LONGEST: usize = 255;

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>, path: Option<&'a CStr>) -> Result<Option<Unit<'a>>> {
    if !job.facts.systemd {
        return Ok(None);
    }
    let properties = properties(job)?;
    let user = job.facts.rootless;
    let id = job.facts.id.to_str().unwrap_or_default();
    let (mut slice, mut prefix, mut name) = ("", "runc", id);
    if let Some(path) = path {
        let mut parts = pieces(path.to_str().unwrap_or_default(), b':');
        (slice, prefix, name) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(slice), Some(prefix), Some(name), None) => (slice, prefix, name),
            _ => {
                let why = packed!("expected \"slice:prefix:name\" because of --systemd-cgroup");
                job.gather(job.refuse_text("linux.cgroupsPath", path, why))?;
                return Ok(None);
            }
        };
    }
    if slice.is_empty() {
        slice = if user { "user.slice" } else { "system.slice" };
    }
    let whole = match name.ends_with(".slice") {
        true => name,
        false => {
            let parts = [prefix, "-", name, ".scope"].map(str::as_bytes);
            job.arena.text(&parts)?.to_str().unwrap_or_default()
        }
    };
    let named = !name.is_empty() && whole.len() <= LONGEST && whole.bytes().all(legal);
    let why = if !named {
        packed!("this is no name for a unit: letters, digits and -_.\\@, 255 at most with .scope")
    } else if !is_slice(slice) || whole == name && (!is_slice(name) || name == "-.slice") {
        packed!("a slice is called like a-b.slice, which is in a.slice")
    } else {
        return Ok(Some(Unit {
            slice,
            name: whole,
            properties,
            user,
        }));
    };
    // Without a path it is about the id.
    let refused = job.refuse_text("linux.cgroupsPath", path.unwrap_or(job.facts.id), why);
    job.gather(refused).map(|()| None)
}

/// What a unit's name may have in it (systemd.unit(5)); a colon parts the names here.
fn legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.\\@".contains(&byte)
}

/// Whether this names a slice: the top one, or parts between dashes (systemd.slice(5)).
fn is_slice(name: &str) -> bool {
    let Some(parts) = name.strip_suffix(".slice") else {
        return false;
    };
    let all = pieces(parts, b'-').all(|part| !part.is_empty());
    parts == "-" || all && name.len() <= LONGEST && name.bytes().all(legal)
}

fn properties<'a>(job: &Job<'_, 'a>) -> Result<&'a [u8]> {
    let mut wire = Wire::default();
    for (key, value) in job.spec.annotations.iter() {
        let text = |text: &'a CStr| text.to_str().unwrap_or_default();
        let Some(name) = text(key).strip_prefix(PROPERTY) else {
            continue;
        };
        if let Err(why) = variant::property(name, text(value), &mut wire) {
            let mut path = String::from("annotations[");
            spec_min::quote(&mut |piece| path.push_str(piece), text(key), '"');
            path.push(']');
            job.gather(job.refuse_text(&path, value, why))?;
        }
    }
    let copy = job.arena.bytes(wire.0.len())?;
    copy.copy_from_slice(&wire.0);
    Ok(copy)
}
