//! Idmapped mounts: owners of files by another map.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// The cases.
pub const MODULE: Module = Module {
    name: "idmap",
    serial: false,
    cases: &[
        ("by_its_own_map", idmap),
        ("by_the_containers_map", idmap_container),
        ("nothing_is_mounted_on_the_host", leak),
        ("refusals", idmap_refused),
    ],
};

/// A tmpfs of the host with a file of root's and one of user 5, unmounted at the end.
struct Owned(std::path::PathBuf);

impl Owned {
    fn new(c: &Case) -> R<Owned> {
        let dir = c.path("owned");
        fs::create_dir(&dir)?;
        c.tool("mount", &["-t", "tmpfs", "owned"])
            .arg(&dir)
            .go()?
            .ok()?;
        let owned = Owned(dir);
        for (name, id) in [("root", 0), ("five", 5)] {
            fs::write(owned.0.join(name), "")?;
            std::os::unix::fs::chown(owned.0.join(name), Some(id), Some(id))?;
        }
        Ok(owned)
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

/// Skips where the kernel can't map the ids of a tmpfs (before 6.3), or of anything.
fn mapped(c: &Case, b: &mut Bundle, script: &str) -> R<String> {
    b.args(&["sh", "-c", script]);
    let out = c.run(b)?;
    if out.code == 1 && out.err.contains("MOUNT_ATTR_IDMAP") {
        return skip(format!("this kernel: {}", out.err.trim()));
    }
    Ok(out.ok()?.out)
}

const OWNERS: &str = "cd /m && stat -c '%n %u %g' root five";

fn idmap(c: &Case) -> Res {
    let owned = Owned::new(c)?;
    let entry = |uid: Value, gid: Value, options: &[&str]| json!({"destination": "/m", "source": owned.path(), "options": options, "uidMappings": uid, "gidMappings": gid});
    let shift = |by: u32| json!([{"containerID": 0, "hostID": by, "size": 100}]);
    let mut b = c.bundle(&[])?;
    b.push("/mounts", entry(shift(1000), shift(2000), &["bind"]));
    same!(
        mapped(c, &mut b, OWNERS)?,
        "root 1000 2000\nfive 1005 2005\n"
    );
    // Who writes as user 1007 there is user 7 on the file system; a new one is not mapped.
    b.set("/process/user", json!({"uid": 1007, "gid": 2007}));
    fs::set_permissions(&owned.0, fs::Permissions::from_mode(0o777))?;
    mapped(c, &mut b, "echo x > /m/new")?;
    let new = fs::metadata(owned.0.join("new"))?;
    same!((new.uid(), new.gid()), (7, 7));
    // Two maps beside one another, and read-only as well.
    let mut b = c.bundle(&[])?;
    let two = json!([{"containerID": 0, "hostID": 70, "size": 1}, {"containerID": 5, "hostID": 0, "size": 1}]);
    b.push(
        "/mounts",
        entry(two.clone(), two, &["rbind", "ridmap", "ro"]),
    );
    same!(mapped(c, &mut b, OWNERS)?, "root 70 70\nfive 0 0\n");
    let out = mapped(c, &mut b, "echo x > /m/new2 || echo ro")?;
    same!(out, "ro\n");
    Ok(())
}

fn idmap_container(c: &Case) -> Res {
    let owned = Owned::new(c)?;
    let mut b = c.bundle(&[])?;
    b.userns(100_000);
    // The container's root may make nothing in a root file system of the host's.
    for name in ["m", "plain"] {
        fs::create_dir(b.rootfs(name))?;
    }
    b.mount("/m", "bind", &owned.path(), &["bind", "idmap"]);
    b.mount("/plain", "bind", &owned.path(), &["bind"]);
    let script = "cd /m && stat -c '%n %u %g' root five && cd /plain && stat -c '%n %u %g' root";
    same!(
        mapped(c, &mut b, script)?,
        "root 0 0\nfive 5 5\nroot 65534 65534\n"
    );
    // What the container writes has the owners of the file system, not those of its user namespace.
    mapped(c, &mut b, "echo x > /m/new")?;
    same!(fs::metadata(owned.0.join("new"))?.uid(), 0);
    // By a user namespace that is joined.
    let mut holder = c.bundle(&["sleep", "60"])?;
    holder.userns(200_000);
    c.detach(&holder)?;
    let path = format!("/proc/{}/ns/user", c.pid(&holder)?);
    let mut b = c.bundle(&[])?;
    b.namespace("user", Some(&path));
    fs::create_dir(b.rootfs("m"))?;
    b.mount("/m", "bind", &owned.path(), &["bind", "idmap"]);
    same!(mapped(c, &mut b, OWNERS)?, "root 0 0\nfive 5 5\n");
    c.force(&holder)?;
    Ok(())
}

/// The host opens these sources, and a copy of a shared mount is its peer: what is mounted below it in the container
/// must not turn up on the host.
fn leak(c: &Case) -> Res {
    let owned = Owned::new(c)?;
    fs::create_dir(owned.0.join("below"))?;
    let shared = c.tool("mount", &["--make-shared", &owned.path()]);
    shared.go()?.ok()?;
    let below = owned.0.join("below").display().to_string();
    let leaves = |mut b: Bundle, mut entry: Value, options: &str| {
        entry["destination"] = json!("/m");
        entry["source"] = json!(owned.path());
        entry["options"] = options.split(' ').collect();
        let what = format!("{entry} {}", b.config["linux"]["rootfsPropagation"]);
        b.push("/mounts", entry);
        b.mount("/m/below", "bind", "/etc", &["rbind", "ro"]);
        let script = "grep -c ' /m/below ' /proc/self/mountinfo";
        same!(mapped(c, &mut b, script)?, "1\n", "{what}");
        let host = fs::read_to_string("/proc/self/mountinfo")?;
        check!(!host.contains(&below), "{what}: {host}");
        Ok(())
    };
    let own = json!([{"containerID": 0, "hostID": 1000, "size": 100}]);
    for options in ["bind idmap", "bind idmap shared"] {
        let entry = json!({"uidMappings": own, "gidMappings": own});
        leaves(c.bundle(&[])?, entry, options)?;
    }
    for options in ["bind idmap", "bind", "rbind rshared", "rbind rprivate"] {
        let mut b = c.bundle(&[])?;
        b.userns(100_000);
        fs::create_dir(b.rootfs("m"))?;
        leaves(b, json!({}), options)?;
    }
    // The same for what the container opens itself, whatever its `/` is to be.
    for word in ["private", "slave", "unbindable", "rslave"] {
        for options in ["bind", "rbind shared"] {
            let mut b = c.bundle(&[])?;
            b.set("/linux/rootfsPropagation", json!(word));
            leaves(b, json!({}), options)?;
        }
    }
    Ok(())
}

fn idmap_refused(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.mount("/m", "bind", "/tmp", &["bind", "idmap"]);
    c.run(&b)?
        .refused(1, &["mounts[", "which has no user namespace"])?;
    // proc can't be mapped.
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 100}]);
    let mut b = c.bundle(&["true"])?;
    b.push("/mounts", json!({"destination": "/m", "source": "/proc/sys", "options": ["bind"], "uidMappings": map, "gidMappings": map}));
    c.run(&b)?
        .refused(1, &["mounts[", "/m: mount_setattr with MOUNT_ATTR_IDMAP: "])?;
    check!(!c.root.join(&b.id).exists() && leak::cgroups(&b.id).is_empty());
    Ok(())
}
