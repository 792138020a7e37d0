//! What a config asks of the kernel and the host, whether it is there, and what would give it. Nothing is made or
//! changed to find out: files are looked at, and calls are made that fail on purpose.

use super::Findings;
use crate::cgroup::Hierarchies;
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::host::Host;
use crate::plan::{CAPABILITIES, NAMESPACES};
use crate::tend::{in_path, raised};
use crate::text::{c, decimal, fill, has_word, number, split, unpacked};
use crate::verb::create::check_root;
use crate::verb::list::user;
use core::ffi::CStr;
use init::packed::Packed;
use init::plan::{IdMap, Plan, Source};
use init::sys::{capability, mount};
use linux_raw_sys::general::{CAP_SYS_RESOURCE, CLONE_NEWUSER};
use rustix::fs::Access;
use rustix::process::{getegid, geteuid};
use spec_min::{Raw, Spec};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Rows of what is asked for, where it shows, and what gives it. A letter says how to look:
///
/// - `n`: a new namespace needs a file; these are first, in the order of [`NAMESPACES`];
/// - `0`: a new user namespace needs a number in a file that isn't 0;
/// - `?`: one of an ordinary user needs a text at the start of a file, which not every kernel has;
/// - `f`: the property is given, and needs a file, with a text at its start if there is one in the row;
/// - `c`: the property is given, and needs a cgroup controller of one of two names;
/// - `s`: the profile has this action of seccomp.
///
const ROWS: Packed = packed!("\
namespace pid|n/proc/self/ns/pid|CONFIG_PID_NS
namespace network|n/proc/self/ns/net|CONFIG_NET_NS
namespace mount|n/proc/self/ns/mnt|Linux
namespace ipc|n/proc/self/ns/ipc|CONFIG_IPC_NS
namespace uts|n/proc/self/ns/uts|CONFIG_UTS_NS
namespace user|n/proc/self/ns/user|CONFIG_USER_NS
namespace cgroup|n/proc/self/ns/cgroup|CONFIG_CGROUPS
namespace time|n/proc/self/ns/time|CONFIG_TIME_NS
user namespaces|0/proc/sys/user/max_user_namespaces|sysctl user.max_user_namespaces above 0
user namespaces for all|?/proc/sys/kernel/unprivileged_userns_clone 1|sysctl kernel.unprivileged_userns_clone=1
user namespaces without a profile|?/proc/sys/kernel/apparmor_restrict_unprivileged_userns 0|sysctl kernel.apparmor_restrict_unprivileged_userns=0
linux.resources.memory|cmemory|CONFIG_MEMCG, and no cgroup_disable=memory at boot
linux.resources.cpu|ccpu|CONFIG_CGROUP_SCHED and CONFIG_CFS_BANDWIDTH
linux.resources.cpu.cpus|ccpuset|CONFIG_CPUSETS
linux.resources.cpu.mems|ccpuset|CONFIG_CPUSETS
linux.resources.pids|cpids|CONFIG_CGROUP_PIDS
linux.resources.blockIO|cblkio io|CONFIG_BLK_CGROUP
linux.resources.hugepageLimits|chugetlb|CONFIG_CGROUP_HUGETLB
linux.resources.rdma|crdma|CONFIG_CGROUP_RDMA
linux.resources.network.classID|cnet_cls|CONFIG_CGROUP_NET_CLASSID, and cgroup v1
linux.resources.network.priorities|cnet_prio|CONFIG_CGROUP_NET_PRIO, and cgroup v1
linux.resources.devices|cdevices|CONFIG_CGROUP_DEVICE, or cgroup v2
process.apparmorProfile|f/sys/module/apparmor/parameters/enabled Y|CONFIG_SECURITY_APPARMOR, and apparmor in the boot option lsm=
process.selinuxLabel|f/sys/fs/selinux/enforce|CONFIG_SECURITY_SELINUX, selinux in the boot option lsm=, and a policy
linux.mountLabel|f/sys/fs/selinux/enforce|CONFIG_SECURITY_SELINUX, selinux in the boot option lsm=, and a policy
linux.seccomp|f/proc/sys/kernel/seccomp/actions_avail|CONFIG_SECCOMP_FILTER
linux.intelRdt|f/sys/fs/resctrl/info|CONFIG_X86_CPU_RESCTRL, and resctrl mounted on /sys/fs/resctrl
linux.memoryPolicy|f/sys/devices/system/node|CONFIG_NUMA
SCMP_ACT_KILL|skill_thread|Linux 4.14
SCMP_ACT_KILL_THREAD|skill_thread|Linux 4.14
SCMP_ACT_KILL_PROCESS|skill_process|Linux 4.14
SCMP_ACT_TRAP|strap|Linux 4.14
SCMP_ACT_ERRNO|serrno|Linux 4.14
SCMP_ACT_TRACE|strace|Linux 4.14
SCMP_ACT_LOG|slog|Linux 4.14
SCMP_ACT_NOTIFY|suser_notif|Linux 5.0");

/// The options of file systems whose option isn't CONFIG_NAME_FS.
const FILE_SYSTEMS: Packed = packed!(
    "bpf BPF_SYSCALL debugfs DEBUG_FS devpts UNIX98_PTYS hugetlbfs HUGETLBFS mqueue POSIX_MQUEUE \
    securityfs SECURITYFS squashfs SQUASHFS sysfs SYSFS tmpfs TMPFS tracefs TRACING"
);

/// Tells of everything that a config asks for, as far as it has a plan.
pub fn needs(
    host: &Host,
    document: Raw<'_>,
    spec: &Spec<'_>,
    plan: &Plan<'_>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let mut list = List(findings);
    let why = check_root(plan).err();
    let why = why.as_ref().map_or("", Error::text);
    list.add(
        "root file system",
        plan.root.path.to_bytes(),
        why.is_empty(),
        why,
    );
    list.rows(
        &Hierarchies::discover(host.procfs.fd())?,
        document,
        spec,
        plan,
    );
    list.namespaces(plan);
    list.mounts(plan);
    list.process(plan);
    for (name, _) in spec.linux.net_devices.iter() {
        let there = exists(&[b"/sys/class/net/", name.to_bytes()].concat());
        list.add(
            "network device",
            name.to_bytes(),
            there,
            "a device of that name",
        );
    }
    Ok(())
}

/// Whether the profile has a rule, or a default, with this action.
fn acts(spec: &Spec<'_>, action: &[u8]) -> bool {
    let is = |asked: Option<&CStr>| asked.is_some_and(|asked| asked.to_bytes() == action);
    let Some(profile) = spec.linux.seccomp.get() else {
        return false;
    };
    is(profile.default_action) || profile.syscalls.iter().any(|rule| is(rule.action))
}

/// The first three fields of a line.
#[inline(never)]
fn fields(line: &[u8], end: u8) -> [&[u8]; 3] {
    let mut fields = split(line, end);
    [(); 3].map(|()| fields.next().unwrap_or_default())
}

/// All the text of a file, none if it can't be read.
#[inline(never)]
fn text(path: &[u8]) -> Vec<u8> {
    files::read(Path::new(OsStr::from_bytes(path))).unwrap_or_default()
}

#[inline(never)]
fn exists(path: &[u8]) -> bool {
    allows(&c(&[path]), Access::EXISTS)
}

#[inline(never)]
fn allows(path: &CStr, access: Access) -> bool {
    rustix::fs::access(path, access).is_ok()
}

struct List<'f, 'g>(&'f mut Findings<'g>);

impl List<'_, '_> {
    #[inline(never)]
    fn add(&mut self, what: &str, name: &[u8], given: bool, remedy: &str) {
        let space = if name.is_empty() || what.is_empty() {
            ""
        } else {
            " "
        };
        self.0
            .need(&[what, space, &lossy(name)].concat(), given, remedy);
    }

    /// Those of [`ROWS`] that are asked for. Devices need no controller in v2.
    fn rows(&mut self, cgroups: &Hierarchies, document: Raw<'_>, spec: &Spec<'_>, plan: &Plan<'_>) {
        let made = plan.namespaces.new | plan.namespaces.late;
        for (at, row) in ROWS.split(b'\n').enumerate() {
            let row = unpacked(row);
            let [name, place, remedy] = fields(row.as_bytes(), b'|');
            let [first, second, _] = fields(&place[1..], b' ');
            let asked = match place[0] {
                b'n' => NAMESPACES
                    .numbers()
                    .get(at)
                    .is_some_and(|flag| made & flag != 0),
                b'0' => made & CLONE_NEWUSER != 0,
                b'?' => made & CLONE_NEWUSER != 0 && !geteuid().is_root() && exists(first),
                b's' => acts(spec, name),
                _ => document.at(name).is_given() && (first != b"devices" || !cgroups.is_unified()),
            };
            if !asked {
                continue;
            }
            let given = match place[0] {
                b'c' => cgroups.control(first) || cgroups.control(second),
                b's' => has_word(&text(b"/proc/sys/kernel/seccomp/actions_avail"), first),
                b'0' => !text(first).starts_with(b"0"),
                _ => exists(first) && text(first).starts_with(second),
            };
            self.add("", name, given, &lossy(remedy));
        }
    }

    /// Those that others have made; and for an ordinary user the ids of others, which newuidmap(1) and newgidmap(1) map if
    /// /etc/subuid and /etc/subgid allow it.
    fn namespaces(&mut self, plan: &Plan<'_>) {
        let namespaces = &plan.namespaces;
        for join in namespaces.join {
            let there = allows(join.path, Access::EXISTS);
            self.add(
                "namespace",
                join.path.to_bytes(),
                there,
                "a namespace that somebody has made",
            );
        }
        let me = geteuid().as_raw();
        if me == 0 {
            return;
        }
        let name = user(me);
        for (helper, file, own, lines) in [
            ("newuidmap", "/etc/subuid", me, namespaces.uid_map),
            (
                "newgidmap",
                "/etc/subgid",
                getegid().as_raw(),
                namespaces.gid_map,
            ),
        ] {
            let table = text(file.as_bytes());
            for line in lines
                .iter()
                .filter(|line| line.count != 1 || line.outside != own)
            {
                let given = grants(&table, &name, me, line) && in_path(helper).is_some();
                let remedy = fill("{}(1), and a line for {} in {}", &[helper, &name, file]);
                self.add(
                    "another's id, from",
                    decimal(line.outside.into()).as_bytes(),
                    given,
                    &remedy,
                );
            }
        }
    }

    fn mounts(&mut self, plan: &Plan<'_>) {
        let known = text(b"/proc/filesystems");
        let mut new_calls = false;
        for mount in plan.mounts {
            new_calls |= mount.set_recursive | mount.clear_recursive != 0 || mount.ids.is_some();
            match &mount.source {
                Source::Bind { path, .. } => {
                    let there = allows(path, Access::EXISTS);
                    self.add("bind mount of", path.to_bytes(), there, "something there");
                }
                Source::Filesystem(filesystem) => {
                    self.file_system(&known, filesystem.kind.to_bytes())
                }
                Source::Cgroup | Source::Remount => {}
            }
        }
        if new_calls {
            let remedy = &unpacked(packed!(
                "Linux 5.12, and a sandbox that lets mount_setattr(2) through"
            ));
            self.add(
                "recursive or idmapped mounts",
                b"",
                mount::has_new_calls(),
                remedy,
            );
        }
    }

    /// A file system may also be in a module, which the kernel loads when it is mounted.
    fn file_system(&mut self, known: &[u8], kind: &[u8]) {
        // One with subtypes is known by its first name (fuse.sshfs).
        let [name, ..] = fields(kind, b'.');
        let release = rustix::system::uname();
        let modules = text(
            &[
                b"/lib/modules/",
                release.release().to_bytes(),
                b"/modules.dep",
            ]
            .concat(),
        );
        let module = [b"/", name, b".ko"].concat();
        let given =
            has_word(known, name) || modules.windows(module.len()).any(|part| part == module);
        let options = unpacked(FILE_SYSTEMS);
        let mut words = split(options.as_bytes(), b' ').skip_while(|word| *word != name);
        let option = match words.nth(1) {
            Some(option) => option.to_vec(),
            None => [&name.to_ascii_uppercase(), &b"_FS"[..]].concat(),
        };
        self.add(
            "file system",
            kind,
            given,
            &lossy(&[b"CONFIG_", &option[..]].concat()),
        );
    }

    fn process(&mut self, plan: &Plan<'_>) {
        let process = &plan.process;
        let held = capability::held().unwrap_or_default();
        for limit in process.rlimits {
            let given = held.effective >> CAP_SYS_RESOURCE & 1 != 0 || raised(limit).is_none();
            let remedy = &unpacked(packed!(
                "CAP_SYS_RESOURCE, or as high a hard limit of the caller's"
            ));
            self.add("rlimit", limit.name.to_bytes(), given, remedy);
        }
        // In a user namespace of its own a container has them all.
        let asked = match plan.namespaces.new & CLONE_NEWUSER {
            0 => process.capabilities.bounding | process.capabilities.permitted,
            _ => 0,
        };
        for (bit, name) in CAPABILITIES.names().enumerate() {
            if asked >> bit & 1 != 0 {
                self.add(
                    name,
                    b"",
                    held.permitted >> bit & 1 != 0,
                    "a caller who has it",
                );
            }
        }
        let hooks = &plan.hooks;
        for kind in [
            hooks.prestart,
            hooks.create_runtime,
            hooks.create_container,
            hooks.poststart,
            hooks.poststop,
        ] {
            for hook in kind {
                let runs = allows(hook.path, Access::EXEC_OK);
                self.add(
                    "hook",
                    hook.path.to_bytes(),
                    runs,
                    "a program there that may be run",
                );
            }
        }
    }
}

/// Whether a line of /etc/subuid or /etc/subgid (subuid(5)) gives all these ids to a user, by name or number.
fn grants(table: &[u8], name: &str, uid: u32, asked: &IdMap) -> bool {
    split(table, b'\n').any(|line| {
        let [owner, first, count] = fields(line, b':');
        let before = |first| u64::from(asked.outside).checked_sub(first);
        let inside = number(first).and_then(before).zip(number(count));
        (owner == name.as_bytes() || number(owner) == Some(uid.into()))
            && inside.is_some_and(|(before, count)| before + u64::from(asked.count) <= count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_what_asks() {
        let rows = unpacked(ROWS);
        let rows: Vec<Vec<&str>> = rows
            .split('\n')
            .map(|row| row.split('|').collect())
            .collect();
        for (row, kind) in rows.iter().zip(NAMESPACES.names()) {
            assert_eq!(row[0], format!("namespace {kind}"));
        }
        assert!(rows.iter().all(|row| row.len() == 3));
        let letters: String = rows.iter().map(|row| &row[1][..1]).collect();
        assert_eq!(letters, "nnnnnnnn0??cccccccccccffffffssssssss");
    }

    #[test]
    fn subuid() {
        let table = b"# comment\nother:100000:65536\nme:200000:10\n1000:300000:65536\nme:5\nme:x:1\nme:400000:18446744073709551615\n";
        for (outside, count, granted) in [
            (200000, 10, true),
            (200001, 10, false),
            (199999, 1, false),
            (300000, 65536, true),
            (300000, 65537, false),
            (100000, 1, false),
            (400000, u32::MAX, true),
            (0, 1, false),
        ] {
            let asked = IdMap {
                inside: 0,
                outside,
                count,
            };
            assert_eq!(
                grants(table, "me", 1000, &asked),
                granted,
                "{outside} {count}"
            );
        }
    }
}
