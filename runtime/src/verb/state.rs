//! `state`: what is known of one container, as JSON.

use crate::cli::{Code, Global, Options, print};
use crate::container::{Container, Status, id, text};
use crate::ending::Ending;
use crate::error::{Result, lossy};
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::stored::Stored;
use init::procfs::Procfs;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    let mut json = Writer::new(Layout::Indented("  "));
    write(&mut json, container, &host.procfs, "")?;
    print(&json.finish())?;
    Ok(0)
}

/// The object that `state` prints and `list` has one of a container (runtime.md, "State", and runc's additions).
pub fn write(json: &mut Writer, container: &Container, procfs: &Procfs, owner: &str) -> Result<()> {
    let status = container.status(procfs)?;
    let pid = container
        .alive(procfs)
        .map_or(0, |init| init.pid.as_raw_nonzero().get());
    let stored = Stored::read(container)?;
    let spec = stored.as_ref().map(Stored::spec).transpose()?;
    json.open_object();
    let version = spec
        .as_ref()
        .and_then(|spec| spec.oci_version)
        .map(|text| lossy(text.to_bytes()));
    json.text(
        "ociVersion",
        version.as_deref().unwrap_or(crate::SPEC_VERSION),
    );
    json.text("id", &container.id);
    json.key("pid");
    json.unsigned(pid as u64);
    json.text("status", status.name());
    let record = &container.record;
    json.text("bundle", text(record.bundle));
    json.text("rootfs", text(record.rootfs));
    json.text("created", text(record.created));
    let annotations = spec.map(|spec| spec.annotations).unwrap_or_default();
    if !annotations.is_empty() {
        json.key("annotations");
        json.open_object();
        for (key, value) in annotations.iter() {
            json.text(&lossy(key.to_bytes()), &lossy(value.to_bytes()));
        }
        json.close();
    }
    json.text("owner", owner);
    if status == Status::Stopped
        && let Some(ending) = Ending::read(&container.dir)?
    {
        ending.write(json);
    }
    json.close();
    Ok(())
}
