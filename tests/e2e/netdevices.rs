//! `linux.netDevices`: devices of the host that are moved into the container.
use crate::harness::*;
use crate::{check, same};

/// The cases.
pub const MODULE: Module = Module {
    name: "netdevices",
    serial: false,
    cases: &[
        ("moved_with_addresses_and_up", moved),
        ("renamed", renamed),
        ("next_free_number", numbered),
        ("into_a_joined_namespace", joined),
        ("in_a_user_namespace", userns),
        ("sysctl_names_it", sysctl),
        ("missing_or_taken_leaves_the_others", refused),
        ("hooks_see_it", hooks),
    ],
};

/// A pair of devices of the host (or one, where there is only that), gone at the end with whoever has it.
struct Device {
    name: String,
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ip")
            .args(["link", "del", &self.name])
            .output();
    }
}

fn ip(c: &Case, args: &str) -> R<Out> {
    let words: Vec<&str> = args.split(' ').collect();
    c.tool("ip", &words).go()
}

fn device(c: &Case, letter: char) -> R<Device> {
    let name = format!(
        "{letter}{}x{}",
        c.token.trim_start_matches("e2e"),
        c.fresh()
    );
    let made = ip(c, &format!("link add {name} type dummy"))?;
    if made.code != 0 {
        let made = ip(c, &format!("link add {name} type veth peer name p{name}"))?;
        if made.code != 0 {
            return skip(format!("no device can be made: {}", made.err.trim()));
        }
    }
    Ok(Device { name })
}

fn exists(name: &str) -> bool {
    std::path::Path::new("/sys/class/net").join(name).exists()
}

/// What `ip addr` says inside.
fn inside(c: &Case, b: &mut Bundle) -> R<String> {
    b.args(&["sh", "-c", "ip addr"]);
    Ok(c.run(b)?.ok()?.out)
}

fn moved(c: &Case) -> Res {
    let d = device(c, 'm')?;
    ip(c, &format!("addr add 192.0.2.7/24 dev {}", d.name))?.ok()?;
    let six = ip(c, &format!("addr add 2001:db8::7/64 dev {}", d.name))?.code == 0;
    ip(c, &format!("link set {} up", d.name))?.ok()?;
    let mut b = c.bundle(&["true"])?;
    b.set(&format!("/linux/netDevices/{}", d.name), json!({}));
    let text = inside(c, &mut b)?;
    check!(text.contains(&format!(": {}", d.name)), "{text}");
    check!(text.contains("inet 192.0.2.7/24"), "{text}");
    check!(!six || text.contains("inet6 2001:db8::7/64"), "{text}");
    let line = text
        .lines()
        .find(|l| l.contains(&d.name))
        .unwrap_or_default();
    check!(line.contains("UP"), "{line}");
    // It went away with the namespace, which has nowhere to give it back to.
    c.until("the device's end", || Ok(!exists(&d.name)))?;
    Ok(())
}

fn renamed(c: &Case) -> Res {
    let (one, two) = (device(c, 'r')?, device(c, 's')?);
    let mut b = c.bundle(&["true"])?;
    b.set(
        &format!("/linux/netDevices/{}", one.name),
        json!({"name": two.name}),
    )
    .set(
        &format!("/linux/netDevices/{}", two.name),
        json!({"name": "net0"}),
    );
    b.args(&["ls", "/sys/class/net"]);
    let out = c.run(&b)?.ok()?.out;
    let mut names: Vec<&str> = out.split_whitespace().collect();
    names.sort_unstable();
    let mut want = vec!["lo", "net0", two.name.as_str()];
    want.sort_unstable();
    names.retain(|name| want.contains(name) || name.contains("x"));
    same!(names, want);
    Ok(())
}

fn numbered(c: &Case) -> Res {
    let (one, two) = (device(c, 'n')?, device(c, 'o')?);
    let mut b = c.bundle(&["true"])?;
    for d in [&one, &two] {
        b.set(
            &format!("/linux/netDevices/{}", d.name),
            json!({"name": "net%d"}),
        );
    }
    let text = inside(c, &mut b)?;
    check!(text.contains(": net0") && text.contains(": net1"), "{text}");
    Ok(())
}

fn joined(c: &Case) -> Res {
    let d = device(c, 'j')?;
    let holder = c.bundle(&["sleep", "60"])?;
    c.detach(&holder)?;
    let path = format!("/proc/{}/ns/net", c.pid(&holder)?);
    let mut b = c.bundle(&["true"])?;
    b.namespace("network", Some(&path));
    b.set(
        &format!("/linux/netDevices/{}", d.name),
        json!({"name": "net0"}),
    );
    check!(inside(c, &mut b)?.contains(": net0"));
    // It stays where it is as long as the namespace does.
    same!(c.exec(&holder, &["ip", "link", "show", "net0"])?.code, 0);
    c.force(&holder)?;
    // The host's own is refused.
    b.namespace("network", Some("/proc/self/ns/net"));
    c.run(&b)?
        .refused(1, &["linux.netDevices", "is the host's"])?;
    Ok(())
}

fn userns(c: &Case) -> Res {
    let d = device(c, 'u')?;
    let mut b = c.bundle(&["true"])?;
    b.userns(100_000);
    b.set(
        &format!("/linux/netDevices/{}", d.name),
        json!({"name": "net0"}),
    );
    check!(inside(c, &mut b)?.contains(": net0"));
    Ok(())
}

fn sysctl(c: &Case) -> Res {
    let d = device(c, 'k')?;
    let mut b = c.bundle(&["cat", "/proc/sys/net/ipv4/conf/net0/forwarding"])?;
    b.set(
        &format!("/linux/netDevices/{}", d.name),
        json!({"name": "net0"}),
    )
    .set(
        "/linux/sysctl",
        json!({"net.ipv4.conf.net0.forwarding": "1"}),
    );
    same!(c.run(&b)?.ok()?.out, "1\n");
    Ok(())
}

fn refused(c: &Case) -> Res {
    let d = device(c, 'a')?;
    let mut b = c.bundle(&["true"])?;
    b.set(&format!("/linux/netDevices/{}", d.name), json!({}))
        .set("/linux/netDevices/zz-none", json!({}));
    c.run(&b)?
        .refused(1, &["linux.netDevices.zz-none: no such device (ENODEV)"])?;
    check!(exists(&d.name), "the other one was moved");
    b.del("/linux/netDevices/zz-none");
    b.set(
        &format!("/linux/netDevices/{}", d.name),
        json!({"name": "lo"}),
    );
    c.run(&b)?
        .refused(1, &["the container has a device lo already", "EEXIST"])?;
    check!(exists(&d.name));
    check!(!c.root.join(&b.id).exists() && leak::cgroups(&b.id).is_empty());
    b.share("network");
    c.run(&b)?.refused(
        1,
        &["linux.netDevices: needs {\\\"type\\\": \\\"network\\\"}"],
    )?;
    Ok(())
}

fn hooks(c: &Case) -> Res {
    let d = device(c, 'h')?;
    let mut b = c.bundle(&["true"])?;
    b.set(
        &format!("/linux/netDevices/{}", d.name),
        json!({"name": "net0"}),
    );
    let seen = c.path("seen");
    b.hook(
        "createContainer",
        &format!("cat /proc/net/dev > {}", seen.display()),
    );
    c.run(&b)?.ok()?;
    check!(std::fs::read_to_string(seen)?.contains("net0:"));
    Ok(())
}
