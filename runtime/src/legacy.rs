//! Documents from before 1.0.0 of the runtime-spec: what tells them, and a current config.json made from one.
//!
//! Until 0.2.0 a container was described by two files: config.json, which was to be portable, and runtime.json. Later
//! forms differ from 1.0.0 in where some properties are, and in what they are called.

use crate::SPEC_VERSION;
use crate::error::{Error, Result, lossy};
use crate::json::{Layout, Writer, indented};
use crate::plan::misread;
use crate::text::{decimal, fill, number, pieces, split, unpacked};
use core::mem::{forget, replace, take};
use init::packed::Packed;
use spec_min::{Any, Raw};

/// Properties and what they are called now.
const MOVES: Packed = packed!("\
linux.capabilities process.capabilities
linux.rlimits process.rlimits
linux.noNewPrivileges process.noNewPrivileges
linux.apparmorProfile process.apparmorProfile
linux.selinuxProcessLabel process.selinuxLabel
linux.cgroupsName linux.cgroupsPath
linux.resources.oomScoreAdj process.oomScoreAdj
linux.resources.disableOOMKiller linux.resources.memory.disableOOMKiller
linux.resources.network.classId linux.resources.network.classID
linux.resources.blockIO.blkioWeight linux.resources.blockIO.weight
linux.resources.blockIO.blkioLeafWeight linux.resources.blockIO.leafWeight
linux.resources.blockIO.blkioWeightDevice linux.resources.blockIO.weightDevice
linux.resources.blockIO.blkioThrottleReadBpsDevice linux.resources.blockIO.throttleReadBpsDevice
linux.resources.blockIO.blkioThrottleWriteBpsDevice linux.resources.blockIO.throttleWriteBpsDevice
linux.resources.blockIO.blkioThrottleReadIopsDevice linux.resources.blockIO.throttleReadIOPSDevice
linux.resources.blockIO.blkioThrottleReadIOPSDevice linux.resources.blockIO.throttleReadIOPSDevice
linux.resources.blockIO.blkioThrottleWriteIopsDevice linux.resources.blockIO.throttleWriteIOPSDevice
linux.resources.blockIO.blkioThrottleWriteIOPSDevice linux.resources.blockIO.throttleWriteIOPSDevice");

/// What to add to an error about a property that had another form, or another name, before 1.0.0.
#[cold]
#[inline(never)]
pub fn hint(path: &str, text: &str, document: &[u8]) -> Packed {
    let bytes = path.as_bytes();
    if bytes == b"process.capabilities" {
        packed!(
            "; a flat list is the form from before 1.0.0, replaced by one for each set: `spec --from-legacy` converts it"
        )
    } else if bytes.starts_with(b"linux.devices[")
        && bytes.ends_with(b"].type")
        && text.as_bytes().last().is_some_and(u8::is_ascii_digit)
    {
        packed!(
            "; a number is the form from before 1.0.0, replaced by a letter (c for 99): `spec --from-legacy` converts it"
        )
    } else if bytes == b"ociVersion" && has_version(document) {
        packed!(
            "; before 1.0.0 it was called version, and there was a runtime.json: `spec --from-legacy` converts them"
        )
    } else {
        packed!("")
    }
}

/// Whether the document says its version as the oldest did, and not as it is said now.
fn has_version(document: &[u8]) -> bool {
    let mut copy = document.to_vec();
    let document: Raw<'_> = spec_min::parse(&mut copy).unwrap_or_default();
    document.at(b"version").is_given() && !document.at(b"ociVersion").is_given()
}

/// A document that can be changed. Nothing of it is ever freed: the process ends when it is written.
#[derive(Default)]
enum Node {
    /// `null`, or nothing.
    #[default]
    Null,
    /// A string, with its quotation marks, a number, `true` or `false`: as JSON.
    Word(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}
use Node::{List, Null, Object, Word};

impl Node {
    fn parse(name: &str, text: &mut [u8]) -> Result<Node> {
        match spec_min::parse(text) {
            Ok(raw) => Ok(Node::read(raw)),
            Err(error) => Err(Error::new(misread(name, &error))),
        }
    }

    fn read(raw: Raw<'_>) -> Node {
        match raw.any() {
            Any::Null => Null,
            Any::Word(word) => Node::word(word),
            Any::String(text) => {
                let mut json = Writer::new(Layout::Compact);
                json.bytes(text.to_bytes());
                Word(json.finish())
            }
            Any::Array(list) => {
                let mut nodes = Vec::new();
                for raw in list.iter() {
                    nodes.push(Node::read(raw));
                }
                List(nodes)
            }
            Any::Object(members) => {
                let mut object = Object(Vec::new());
                for (key, value) in members.iter() {
                    forget(replace(
                        object.member(&lossy(key.to_bytes())),
                        Node::read(value),
                    ));
                }
                object
            }
        }
    }

    #[inline(never)]
    fn word(word: &str) -> Node {
        Word(word.into())
    }

    #[inline(never)]
    fn json(&self) -> String {
        let mut json = Writer::new(Layout::Compact);
        self.write(&mut json);
        json.finish()
    }

    fn write(&self, json: &mut Writer) {
        match self {
            Null => json.raw("null"),
            Word(word) => json.raw(word),
            List(list) => {
                json.open_array();
                for node in list {
                    node.write(json);
                }
                json.close();
            }
            Object(members) => {
                json.open_object();
                for (key, node) in members {
                    json.key(key);
                    node.write(json);
                }
                json.close();
            }
        }
    }

    /// A member of an object; it is made if there is none.
    #[inline(never)]
    fn member(&mut self, key: &str) -> &mut Node {
        if !matches!(self, Object(_)) {
            forget(replace(self, Object(Vec::new())));
        }
        let Object(members) = self else {
            return self;
        };
        let mut at = 0;
        while members.get(at).is_some_and(|(name, _)| name != key) {
            at += 1;
        }
        if at == members.len() {
            members.push((key.into(), Null));
        }
        &mut members[at].1
    }

    /// A member of a member, by the keys with dots between them.
    #[inline(never)]
    fn at(&mut self, path: &str) -> &mut Node {
        let mut node = self;
        for key in split(path.as_bytes(), b'.') {
            node = node.member(core::str::from_utf8(key).unwrap_or_default());
        }
        node
    }

    #[inline(never)]
    fn take(&mut self, path: &str) -> Node {
        take(self.at(path))
    }

    /// Puts what is something to a place.
    #[inline(never)]
    fn put(&mut self, path: &str, node: Node) {
        if !matches!(node, Null) {
            forget(replace(self.at(path), node));
        }
    }

    /// Puts all members of an object into this one.
    #[inline(never)]
    fn merge(&mut self, object: Node) {
        if let Object(members) = object {
            for (key, node) in members {
                if !matches!(node, Null) {
                    forget(replace(self.member(&key), node));
                }
            }
        }
    }

    /// The elements of a list.
    #[inline(never)]
    fn list(&mut self, path: &str) -> &mut [Node] {
        match self.at(path) {
            List(list) => list,
            _ => &mut [],
        }
    }

    /// The number there, if it is one.
    #[inline(never)]
    fn number(&mut self, path: &str) -> Option<u64> {
        match self.at(path) {
            Word(word) => number(word.as_bytes()),
            _ => None,
        }
    }

    /// Takes the members away that say nothing, which the schema doesn't want. Among the `limits` of resources 0, -1 and the
    /// greatest number said so too, but for a swappiness of 0 and the numbers of devices.
    fn clean(&mut self, limits: bool) {
        match self {
            List(list) => {
                for node in list {
                    node.clean(false);
                }
            }
            Object(members) => {
                let mut at = 0;
                while let Some((key, node)) = members.get_mut(at) {
                    node.clean(limits);
                    let stays = match node {
                        Null => false,
                        Word(word) => {
                            let none =
                                limits && pieces("0 -1 18446744073709551615", b' ').has(word);
                            word != "\"\"" && (!none || word == "0" && key == "swappiness")
                        }
                        List(_) => true,
                        Object(members) => !members.is_empty(),
                    };
                    match stays {
                        true => at += 1,
                        false => forget(members.remove(at)),
                    }
                }
            }
            _ => {}
        }
    }
}

/// A current config.json, from an old one and the runtime.json that was beside it, which may be empty.
pub fn convert(mut config: Vec<u8>, mut runtime: Vec<u8>) -> Result<String> {
    let config = Node::parse("config.json", &mut config)?;
    let mut runtime = Node::parse("runtime.json", &mut runtime)?;
    let mut new = Object(Vec::new());
    let version = || Word(fill("\"{}\"", &[SPEC_VERSION]));
    new.put("ociVersion", version());
    new.merge(config);
    new.put("ociVersion", version());
    forget((new.take("version"), new.take("platform")));
    new.put("hooks", runtime.take("hooks"));
    new.member("linux").merge(runtime.take("linux"));
    if let Null = new.at("linux.namespaces") {
        return Err(Error::new(packed!(
            "linux.namespaces is neither in config.json nor in a runtime.json beside it"
        )));
    }
    let moves = unpacked(MOVES);
    let mut names = moves.split_ascii_whitespace();
    while let (Some(from), Some(to)) = (names.next(), names.next()) {
        let node = new.take(from);
        new.put(to, node);
    }
    process(new.member("process"));
    for mount in new.list("mounts") {
        // config.json named the places, runtime.json what to mount there.
        if let Word(name) = mount.take("name") {
            let path = mount.take("path");
            mount.put("destination", path);
            match take(runtime.member("mounts").member(unquoted(&name))) {
                Null => {
                    return Err(Error::fill(
                        packed!("runtime.json: mounts: {} is missing"),
                        &[&name],
                    ));
                }
                found => mount.merge(found),
            }
        }
    }
    devices(new.member("linux"));
    for rule in new.list("linux.seccomp.syscalls") {
        // A rule was for one call.
        if let name @ Word(_) = rule.take("name") {
            rule.put("names", List(vec![name]));
        }
    }
    for group in pieces("memory cpu pids blockIO network", b' ') {
        new.at("linux.resources").member(group).clean(true);
    }
    new.clean(false);
    Ok(indented(&new.json(), "\t"))
}

/// A directory was relative to the container's root. A flat list of capabilities was for every set; but what is
/// inheritable, a later execve(2) may give to who should not have it (CVE-2022-29162).
fn process(process: &mut Node) {
    let cwd = match process.at("cwd") {
        Word(word) => unquoted(word),
        _ => "",
    };
    let slash = if cwd.as_bytes().first() == Some(&b'/') {
        ""
    } else {
        "/"
    };
    let cwd = Word(fill("\"{}{}\"", &[slash, cwd]));
    process.put("cwd", cwd);
    for name in process.list("capabilities") {
        if let Word(name) = name
            && !name.as_bytes().starts_with(b"\"CAP_")
        {
            name.insert_str(1, "CAP_");
        }
    }
    let flat = process.member("capabilities");
    if let List(_) = flat {
        let names = flat.json();
        for set in pieces("bounding effective permitted", b' ') {
            flat.put(set, Node::word(&names));
        }
    }
}

/// What is between the quotation marks of a word.
fn unquoted(word: &str) -> &str {
    word.get(1..word.len().saturating_sub(1))
        .unwrap_or_default()
}

/// A device's type was the number of its letter. Its permissions were its own, and what had none was denied.
fn devices(linux: &mut Node) {
    let mut rules = vec![Node::word("{\"allow\":false,\"access\":\"rwm\"}")];
    let mut nodes = Vec::new();
    for device in linux.list("devices") {
        if let Some(letter @ 1..127) = device.number("type") {
            let quoted = [b'"', letter as u8, b'"'];
            device.put("type", Node::word(&lossy(&quoted)));
        }
        if let Some(mode) = device.number("fileMode") {
            device.put("fileMode", Word(decimal(mode & 0o777)));
        }
        if let access @ Word(_) = device.take("permissions") {
            let mut rule = Object(Vec::new());
            rule.put("allow", Node::word("true"));
            rule.put("access", access);
            for key in pieces("type major minor", b' ') {
                if let Word(word) = device.at(key)
                    && word != "-1"
                {
                    rule.put(key, Node::word(word));
                }
            }
            rules.push(rule);
        }
        if matches!(device.at("path"), Word(path) if path != "\"\"") {
            nodes.push(take(device));
        }
    }
    if let List(devices) = linux.at("devices") {
        forget(replace(devices, nodes));
    }
    if rules.len() > 1 {
        linux.put("resources.devices", List(rules));
    }
}

#[cfg(test)]
mod tests;
