//! `list`: all containers below the root.

use crate::cli::{Code, Global, Options, print};
use crate::container::{Container, id, text};
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::table::Table;
use crate::text::{c, decimal, fill, is, split};
use rustix::fd::AsFd;
use rustix::fs::{Access, AtFlags, OFlags, accessat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let json = wants_json(options)?;
    let host = Host::look()?;
    let containers = find(global)?;
    let text = if options.flag("quiet") {
        let mut text = String::new();
        for container in &containers {
            text.push_str(&container.id);
            text.push('\n');
        }
        text
    } else if json {
        self::json(global, host, &containers)
    } else {
        table(global, host, &containers)
    };
    print(&text)?;
    Ok(0)
}

/// `--format` of `list` and `ps`.
pub(super) fn wants_json(options: &Options) -> Result<bool> {
    let format = options.text("format").unwrap_or(OsStr::new("table"));
    let is = |word| is(format.as_bytes(), word);
    if is("table") || is("json") {
        return Ok(is("json"));
    }
    Err(Error::fill_bytes(
        packed!("invalid format option \"{}\": table or json"),
        &[format.as_bytes()],
    ))
}

/// Every container that can be read, by name; what can't be is said and passed over.
fn find(global: &Global) -> Result<Vec<Container>> {
    let failed = |errno| {
        Error::of(
            "",
            &[b"--root ", global.root.as_os_str().as_bytes()].concat(),
            errno,
        )
    };
    let root = match files::open(&global.root, OFlags::RDONLY | OFlags::DIRECTORY, 0) {
        Err(Errno::NOENT) if !global.root_given => return Ok(Vec::new()),
        root => root.map_err(failed)?,
    };
    let mut ids: Vec<String> = Vec::new();
    let listed = files::entries(root.as_fd(), &mut |name, _| {
        if let Ok(id) = id(Some(OsStr::from_bytes(name.to_bytes()))) {
            let place = ids.partition_point(|other| other.as_str() < id);
            ids.insert(place, id.to_string());
        }
    });
    listed.map_err(failed)?;
    let mut found = Vec::new();
    for id in ids {
        match Container::open(&global.root, &id) {
            Ok(container) => found.push(*container),
            // One that was deleted a moment ago is no news.
            Err(error)
                if accessat(
                    &root,
                    &*c(&[id.as_bytes()]),
                    Access::EXISTS,
                    AtFlags::empty(),
                )
                .is_ok() =>
            {
                passed_over(global, "load container ", &id, &error);
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

fn passed_over(global: &Global, what: &str, id: &str, error: &Error) {
    global
        .report
        .error(&fill("{}{}: {}", &[what, id, error.text()]));
}

fn table(global: &Global, host: &Host, containers: &[Container]) -> String {
    let mut table = Table::new(&["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
    for container in containers {
        let status = match container.status(&host.procfs) {
            Ok(status) => status.name(),
            Err(error) => {
                passed_over(global, "status of ", &container.id, &error);
                continue;
            }
        };
        let pid = container
            .alive(&host.procfs)
            .map_or(0, |init| init.pid.as_raw_nonzero().get());
        let record = &container.record;
        table.row(&[
            &container.id,
            &decimal(pid as u64),
            status,
            text(record.bundle),
            text(record.created),
            &user(container.owner()),
        ]);
    }
    table.text()
}

fn json(global: &Global, host: &Host, containers: &[Container]) -> String {
    if containers.is_empty() {
        return "null".to_string();
    }
    let mut json = Writer::new(Layout::Compact);
    json.open_array();
    for container in containers {
        let owner = user(container.owner());
        if let Err(error) = super::state::write(&mut json, container, &host.procfs, &owner) {
            passed_over(global, "state of ", &container.id, &error);
        }
    }
    json.close();
    json.finish()
}

/// The user's name by /etc/passwd, or `#uid`.
pub(super) fn user(uid: u32) -> String {
    let passwd = files::read(Path::new("/etc/passwd")).unwrap_or_default();
    let number = decimal(uid.into());
    for line in split(&passwd, b'\n') {
        let mut fields = split(line, b':');
        if let (Some(name), Some(_), Some(found)) = (fields.next(), fields.next(), fields.next())
            && found == number.as_bytes()
        {
            return lossy(name);
        }
    }
    fill("#{}", &[&number])
}
