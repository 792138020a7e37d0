//! `list`: all containers below the root.

use crate::cli::{Global, Options, print};
use crate::container::{Container, id};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::table::Table;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<u8> {
    let format = options.text("format").unwrap_or(OsStr::new("table"));
    let host = Host::look()?;
    let containers = find(global)?;
    if options.flag("quiet") {
        let ids: String = containers.iter().map(|container| [&container.id, "\n"].concat()).collect();
        print(&ids)?;
        return Ok(0);
    }
    match format.as_bytes() {
        b"table" => print(&table(global, &host, &containers))?,
        b"json" => print(&json(global, &host, &containers))?,
        _ => return Err(Error::new(format!("invalid format option {format:?}: table or json"))),
    }
    Ok(0)
}

/// Every container that can be read, by name; what can't be is said and passed over.
fn find(global: &Global) -> Result<Vec<Container>> {
    let failed = |error: &std::io::Error| Error::io(format_args!("--root {}", global.root.display()), error);
    let entries = match std::fs::read_dir(&global.root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !global.root_given => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| failed(&error))?.file_name();
        let Ok(id) = id(Some(&name)) else { continue };
        match Container::find(&global.root, id) {
            Ok(container) => found.push(container),
            // One that was deleted a moment ago is no news.
            Err(error) if global.root.join(id).exists() => global.report.error(&format!("load container {id}: {error}")),
            Err(_) => {}
        }
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

fn table(global: &Global, host: &Host, containers: &[Container]) -> String {
    let mut table = Table::new(&["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
    for container in containers {
        let status = match container.status(&host.procfs) {
            Ok(status) => status.name(),
            Err(error) => {
                global.report.error(&format!("status of {}: {error}", container.id));
                continue;
            }
        };
        let pid = container.alive(&host.procfs).map_or(0, |init| init.pid.as_raw_nonzero().get());
        let record = &container.record;
        table.row(&[&container.id, &pid.to_string(), status, &record.bundle, &record.created, &user(container.owner())]);
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
            global.report.error(&format!("state of {}: {error}", container.id));
        }
    }
    json.close();
    json.finish()
}

/// The user's name by /etc/passwd, or `#uid`.
fn user(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then_some(name)
    });
    named.map_or_else(|| format!("#{uid}"), str::to_string)
}
