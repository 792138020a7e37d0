//! The seccomp compiler against libseccomp, on a machine for its programs that shares no code with either.

mod generate;
mod machine;
mod meaning;
mod oracle;
mod third;

use init::plan::Instruction;
use init::sys::arena::Arena;
use machine::{Call, check};
use oracle::{ARCHS, ENOSYS, Oracle, audit, big, token};
use runtime::plan::{self, Facts};
use runtime::seccomp::arch::called;
use serde_json::{Value, json};

/// An engine's default profile.
fn engine() -> Value {
    serde_json::from_str(include_str!("engine.json")).unwrap()
}

/// Our program for a profile on a machine, or why there is none.
fn compile(profile: &Value, machine: &str) -> Result<Vec<Instruction>, String> {
    let mut text = json!({"ociVersion": "1.2.0", "linux": {"seccomp": profile}})
        .to_string()
        .into_bytes();
    let arena = Arena::new(plan::arena_size(text.len()) + (1 << 20)).unwrap();
    let spec = spec_min::parse_spec(&mut text).unwrap();
    let machine = called(machine.as_bytes()).unwrap();
    match plan::filter(&spec, machine, &Facts::OF_DOCUMENT, &arena, &mut |_, _| {}) {
        Ok(filter) => Ok(filter.unwrap().program.to_vec()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// Where libseccomp 2.6 has other numbers than the kernel's headers: _llseek is one of 32 bits only, and memfd_secret came to
/// loongarch later.
const DIFFERENT: [(&str, u32); 2] = [("PARISC64", 140), ("LOONGARCH64", 447)];

/// Compares on one call.
fn compare(
    ours: &[Instruction],
    theirs: &oracle::Filter,
    call: &Call,
    big: bool,
    what: &dyn Fn() -> String,
) {
    let (ours, _) = machine::run(ours, call, big);
    let (theirs, _) = theirs.run(call);
    assert_eq!(
        format!("{ours:#x}"),
        format!("{theirs:#x}"),
        "{call:x?} of {}",
        what()
    );
}

/// Each of the 23 architectures has the same numbers for the same names as libseccomp.
#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn numbers() {
    let mut oracle = Oracle::start();
    let arena = Arena::new(1 << 20).unwrap();
    let mut compared = 0;
    let numbers = runtime::seccomp::syscalls::Numbers::unpack(&arena, 17).unwrap();
    for (name, token, _, wide) in ARCHS {
        let arch = called(name.as_bytes()).unwrap();
        assert_eq!((arch.audit(), arch.wide()), (audit(token), wide), "{name}");
        let table = numbers.of(arch.table());
        for id in 1..=runtime::seccomp::syscalls::COUNT as u16 {
            let call = runtime::seccomp::syscalls::name(id);
            let ours = table
                .iter()
                .position(|other| *other == id)
                .map(|at| arch.number(at) as i32);
            match oracle.number(token, &call) {
                // Newer than libseccomp, or behind a multiplexer, or not of this architecture.
                ..=-1 => {}
                theirs if DIFFERENT.contains(&(name, theirs as u32)) => {}
                theirs => {
                    compared += 1;
                    assert_eq!(ours, Some(theirs), "{name} {call}");
                }
            }
        }
    }
    assert!(compared > 8000, "{compared}");
}

#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn engine_profile_on_every_architecture() {
    let mut oracle = Oracle::start();
    for (name, token, big, _) in ARCHS {
        let mut profile = engine();
        profile["defaultErrnoRet"] = json!(7);
        profile["architectures"] = json!([format!("SCMP_ARCH_{name}")]);
        let ours = compile(&profile, name).unwrap();
        check(&ours);
        let theirs = oracle.filter(&profile, &[token], 1).unwrap();
        for base in [
            0,
            1000,
            4000,
            5000,
            6000,
            0xf0000,
            1 << 30,
            u32::MAX - 600,
            u32::MAX - 599,
        ] {
            for more in 0..600 {
                let number = base + more;
                if DIFFERENT.contains(&(name, number)) {
                    continue;
                }
                for argument in [
                    0,
                    1,
                    2,
                    8,
                    9,
                    0x20000,
                    0x20008,
                    0xffff_ffff,
                    1 << 32,
                    u64::MAX,
                ] {
                    let arguments = [argument, 0, 0, 0, 0, 0];
                    for arch in [audit(token), 0x1234] {
                        let call = Call {
                            number,
                            arch,
                            arguments,
                        };
                        compare(&ours, &theirs, &call, big, &|| name.to_owned());
                    }
                }
            }
        }
    }
}

#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn engine_profile_as_it_is() {
    let mut oracle = Oracle::start();
    let profile = engine();
    let ours = compile(&profile, "X86_64").unwrap();
    check(&ours);
    let archs = ["X86_64", "X86", "X32"].map(token);
    let theirs = [1, 2].map(|optimize| oracle.filter(&profile, &archs, optimize).unwrap());
    for arch in archs {
        for base in [0, 1 << 30, u32::MAX - 1000] {
            for number in base..=base + 1000 {
                let call = Call {
                    number,
                    arch: audit(arch),
                    arguments: [0x20000, 2, 3, 4, 5, 6],
                };
                for theirs in &theirs {
                    compare(&ours, theirs, &call, false, &|| {
                        "the engine's profile".into()
                    });
                }
            }
        }
    }
    println!("{} instructions", ours.len());
}

/// Rules that agree with each other: every answer is right, and so is libseccomp's, but for its own mistakes.
#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn random_profiles() {
    let mut oracle = Oracle::start();
    let found = random(&mut oracle, 5000, false);
    // It keeps the accumulator's state for each block, and loses it where blocks are shared or left half-way.
    assert!(found.different * 500 < found.calls && found.refused == 0);
}

/// Rules that contradict each other: every answer is that of a rule that holds, and mostly of the one that libseccomp
/// asks first. Of rules whose conditions differ only in parts it refuses some, and mixes others up.
#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn random_contradictions() {
    let mut oracle = Oracle::start();
    let found = random(&mut oracle, 2000, true);
    assert!(found.different * 200 < found.calls && found.refused * 4 < 2000);
}

/// seccompiler agrees on all that it can express.
#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn random_profiles_for_seccompiler() {
    let mut oracle = Oracle::start();
    let mut compared = 0;
    for seed in 1..3000 {
        let mut random = generate::Random::new(seed);
        let (mut profile, machine, _) = generate::profile(&mut random, false);
        let token = token(machine);
        let Some(theirs) = third::filter(&profile, token, &mut oracle) else {
            continue;
        };
        profile["architectures"] = json!([]);
        profile["defaultAction"] = json!("SCMP_ACT_ALLOW");
        profile.as_object_mut().unwrap().remove("defaultErrnoRet");
        for rule in profile["syscalls"].as_array_mut().unwrap() {
            rule["action"] = json!("SCMP_ACT_ERRNO");
            rule["errnoRet"] = json!(77);
        }
        let ours = compile(&profile, machine).unwrap();
        for (_, call) in generate::calls(&mut random, &profile, &[token], &mut oracle) {
            if third::knows(&call) {
                compared += 1;
                let (mine, yours) = (
                    machine::run(&ours, &call, false).0,
                    machine::run(&theirs, &call, false).0,
                );
                assert_eq!(
                    format!("{mine:#x}"),
                    format!("{yours:#x}"),
                    "{call:x?}, seed {seed}: {profile}"
                );
            }
        }
    }
    println!("{compared} calls");
    assert!(compared > 10_000);
}

#[derive(Default)]
struct Found {
    calls: usize,
    different: usize,
    refused: usize,
}

/// Compares on so many profiles; `MOTE_PROFILES` and `MOTE_SEED` choose others.
fn random(oracle: &mut Oracle, count: u64, mixed: bool) -> Found {
    let given = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let count = given("MOTE_PROFILES").unwrap_or(count);
    let seed = given("MOTE_SEED").unwrap_or(1);
    let mut found = Found::default();
    for at in seed..seed + count {
        let mut random = generate::Random::new(at);
        let (profile, machine, archs) = generate::profile(&mut random, mixed);
        let tokens: Vec<u32> = archs.iter().map(|name| token(name)).collect();
        let ours = compile(&profile, machine).unwrap();
        check(&ours);
        let theirs = oracle.filter(&profile, &tokens, 1).ok();
        found.refused += usize::from(theirs.is_none());
        for (token, call) in generate::calls(&mut random, &profile, &tokens, oracle) {
            found.calls += 1;
            let (mine, _) = machine::run(&ours, &call, big(tokens[0]));
            let same = theirs
                .as_ref()
                .is_some_and(|theirs| theirs.run(&call).0 == mine);
            found.different += usize::from(theirs.is_some() && !same);
            // Being of one mind with libseccomp is enough for most.
            if same && found.calls % 64 != 0 {
                continue;
            }
            let newer = mine == ENOSYS && theirs.as_ref().is_none_or(|theirs| theirs.newer(&call));
            let right = meaning::of(&profile, &tokens, token, &call, oracle);
            assert!(
                newer || right.contains(&mine),
                "{mine:#x} for {call:x?}, seed {at}: {profile}"
            );
        }
    }
    println!(
        "{count} profiles, {} calls, of which libseccomp answers {} otherwise; it refuses {} profiles",
        found.calls, found.different, found.refused
    );
    found
}

/// What most programs ask for all the time.
const USUAL: [&str; 20] = [
    "read",
    "write",
    "close",
    "fstat",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "rt_sigaction",
    "rt_sigprocmask",
    "ioctl",
    "writev",
    "poll",
    "recvfrom",
    "sendto",
    "futex",
    "epoll_wait",
    "openat",
    "newfstatat",
    "clock_nanosleep",
];

/// How many instructions the usual calls take.
#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn usual_calls_take_fewer_instructions() {
    let mut oracle = Oracle::start();
    let ours = compile(&engine(), "X86_64").unwrap();
    let archs = ["X86_64", "X86", "X32"].map(token);
    let theirs = [1, 2].map(|optimize| oracle.filter(&engine(), &archs, optimize).unwrap());
    let mut sums = [0; 3];
    for name in USUAL {
        let call = Call {
            number: oracle.number(archs[0], name) as u32,
            arch: archs[0],
            arguments: [0; 6],
        };
        let steps = [
            machine::run(&ours, &call, false).1,
            theirs[0].run(&call).1,
            theirs[1].run(&call).1,
        ];
        println!("{name:16} {steps:?}");
        for (sum, steps) in sums.iter_mut().zip(steps) {
            *sum += steps;
        }
        // Five are the least there can be: two words, a question about each, and the answer.
        assert!(steps[0] <= steps[1] && steps[0] < steps[2]);
    }
    println!("ours, libseccomp's, its tree: {sums:?}");
    assert!(sums[0] < sums[1] && sums[0] < sums[2]);
}

/// How long a filter takes to make. Only an optimized build says anything.
#[test]
#[cfg_attr(
    not(feature = "libseccomp"),
    ignore = "compares with libseccomp: cargo ci test"
)]
fn time() {
    let mut oracle = Oracle::start();
    let archs = ["X86_64", "X86", "X32"].map(token);
    let theirs = [1, 2].map(|optimize| oracle.time(&engine(), &archs, optimize, 20));
    let document = json!({"ociVersion": "1.2.0", "linux": {"seccomp": engine()}}).to_string();
    let machine = called(b"X86_64").unwrap();
    let mut ours = u128::MAX;
    for _ in 0..200 {
        let mut text = document.clone().into_bytes();
        let spec = spec_min::parse_spec(&mut text).unwrap();
        let arena = Arena::new(plan::arena_size(document.len()) + (1 << 20)).unwrap();
        let start = std::time::Instant::now();
        let filter = plan::filter(&spec, machine, &Facts::OF_DOCUMENT, &arena, &mut |_, _| {});
        ours = ours.min(start.elapsed().as_nanos());
        assert!(filter.is_ok());
    }
    println!("nanoseconds: ours {ours}, libseccomp's and its tree {theirs:?}");
    if !cfg!(debug_assertions) {
        assert!(ours < 150_000 && u64::try_from(ours).unwrap() * 10 < theirs[0].min(theirs[1]));
    }
}
