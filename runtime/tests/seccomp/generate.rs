//! Random profiles and calls, the same again for the same seed.

use super::machine::Call;
use super::oracle::{ACTIONS, ARCHS, OPERATORS, Oracle, audit};
use serde_json::{Value, json};

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// What libseccomp 2.6 doesn't know, at least not for every architecture that has it: that makes other calls the newest.
/// It knows one that the kernel doesn't (PARISC64's _llseek), and runc refuses some rules about write.
const LEFT_OUT: [&str; 10] = [
    "_llseek",
    "write",
    "open_tree_attr",
    "file_getattr",
    "file_setattr",
    "listns",
    "rseq_slice_yield",
    "fchroot",
    "uprobe",
    "memfd_secret",
];

/// Values at which comparisons of halves go wrong.
const VALUES: [u64; 18] = [
    0,
    1,
    2,
    3,
    5,
    0x80,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x1_ffff_ffff,
    0x2_0000_0005,
    0x8000_0000_0000_0000,
    0xffff_ffff_0000_0000,
    u64::MAX,
];

fn value(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => random.next(),
        1 => 1 << random.below(64),
        _ => *random.pick(&VALUES),
    }
}

fn name(random: &mut Random) -> String {
    const LIKELY: [&str; 12] = [
        "socket",
        "socketcall",
        "ipc",
        "shmat",
        "semtimedop",
        "connect",
        "personality",
        "clone",
        "read",
        "execve",
        "accept4",
        "set_tls",
    ];
    match random.below(12) {
        0 => "no_such_call".to_owned(),
        1..=4 => (*random.pick(&LIKELY)).to_owned(),
        _ => loop {
            let id = 1 + random.below(runtime::seccomp::syscalls::COUNT) as u16;
            let name = runtime::seccomp::syscalls::name(id);
            if !LEFT_OUT.contains(&&*name) {
                break name;
            }
        },
    }
}

fn action(random: &mut Random, rule: bool) -> (&'static str, Option<u64>) {
    loop {
        let (name, _) = *random.pick(&ACTIONS);
        if name == "SCMP_ACT_NOTIFY" && !rule {
            continue;
        }
        let errno = matches!(name, "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE") && !random.one_in(4);
        return (name, errno.then(|| random.below(200) as u64));
    }
}

fn condition(random: &mut Random, index: usize) -> Value {
    let op = *random.pick(&OPERATORS);
    let mut condition = json!({"index": index, "op": op, "value": value(random)});
    if op == "SCMP_CMP_MASKED_EQ" {
        condition["valueTwo"] = json!(value(random));
    }
    condition
}

/// A profile, the machine that it is for, and all architectures that its filter has. If `mixed`, its rules may contradict
/// each other.
pub fn profile(random: &mut Random, mixed: bool) -> (Value, &'static str, Vec<&'static str>) {
    let machine = random.pick(&ARCHS);
    let mut archs = vec![machine.0];
    // libseccomp has no filter for both kinds of endianness, nor for x32 alone.
    for other in ARCHS
        .iter()
        .filter(|other| other.2 == machine.2 && other.0 != machine.0)
    {
        if random.one_in(8) {
            archs.push(other.0);
        }
    }
    let (default, errno) = action(random, false);
    let common = action(random, true);
    let rules: Vec<Value> = (0..1 + random.below(12))
        .map(|_| {
            let (action, errno) = if mixed { action(random, true) } else { common };
            let names: Vec<String> = (0..1 + random.below(6)).map(|_| name(random)).collect();
            let mut args = Vec::new();
            if random.one_in(2) {
                for index in 0..6 {
                    if random.one_in(4) {
                        args.push(condition(random, index));
                    }
                }
                if random.one_in(4) {
                    args.push(condition(random, 0));
                }
                if args.is_empty() {
                    args.push(condition(random, 1));
                }
            }
            let mut rule = json!({"names": names, "action": action, "args": args});
            if let Some(errno) = errno {
                rule["errnoRet"] = json!(errno);
            }
            rule
        })
        .collect();
    let list: Vec<String> = archs
        .iter()
        .map(|name| format!("SCMP_ARCH_{name}"))
        .collect();
    let mut profile = json!({
        "defaultAction": default, "architectures": list, "syscalls": rules, "listenerPath": "/run/x"
    });
    if let Some(errno) = errno {
        profile["defaultErrnoRet"] = json!(errno);
    }
    (profile, machine.0, archs)
}

/// Calls that the profile may mean.
pub fn calls(
    random: &mut Random,
    profile: &Value,
    tokens: &[u32],
    oracle: &mut Oracle,
) -> Vec<(u32, Call)> {
    let mut values = VALUES.to_vec();
    let mut calls = Vec::new();
    let rules = profile["syscalls"].as_array().unwrap();
    for arg in rules
        .iter()
        .flat_map(|rule| rule["args"].as_array().unwrap())
    {
        for key in ["value", "valueTwo"] {
            let value = arg[key].as_u64().unwrap_or(0);
            values.extend([
                value,
                value.wrapping_add(1),
                value.wrapping_sub(1),
                value ^ 1 << 32,
                value & 0xffff_ffff,
            ]);
        }
    }
    for &token in tokens {
        let mut numbers = vec![0, 1, 102, 117, 4102, 5000, 999, 1 << 30, u32::MAX];
        for name in rules
            .iter()
            .flat_map(|rule| rule["names"].as_array().unwrap())
        {
            let number = oracle.number(token, name.as_str().unwrap());
            if let Ok(number) = u32::try_from(number) {
                numbers.extend([number, number + 1]);
            }
        }
        for number in numbers {
            for _ in 0..12 {
                let mut arguments = [0; 6];
                for argument in &mut arguments {
                    *argument = *random.pick(&values);
                }
                let call = Call {
                    number,
                    arch: audit(token),
                    arguments,
                };
                calls.push((token, call));
            }
        }
    }
    calls
}
