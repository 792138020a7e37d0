//! What the fuzz targets do: read any bytes, and hold that nothing panics and that what must be true of every document is.

use crate::judge::{check_place, compare};
use init::sys::arena::Arena;
use machine::Call;
use runtime::cgroup::Group;
use runtime::container::Record;
use runtime::dbus::message::{Message, START, length};
use runtime::dbus::variant::property;
use runtime::dbus::wire::Wire;
use runtime::plan::{self, Facts};
use runtime::seccomp::arch::ARCHS;
use runtime::seccomp::reach::{Worst, worst};
use serde_json::Value;
use spec_min::{Error, Process, Read, Resources, Spec};
use std::cell::RefCell;
use std::ffi::CStr;

#[path = "../../../runtime/tests/seccomp/machine.rs"]
mod machine;

/// What root on an ordinary host finds out.
pub const ROOT: Facts<'static> = Facts {
    id: c"box",
    bundle: c"/bundle",
    kcore: true,
    ..Facts::OF_DOCUMENT
};

/// What an ordinary user does.
pub const USER: Facts<'static> = Facts {
    rootless: true,
    euid: 1000,
    egid: 1000,
    ..ROOT
};

/// What the same finds out with `--systemd-cgroup`.
pub const SYSTEMD: Facts<'static> = Facts {
    systemd: true,
    ..USER
};

/// Reads a document as a `T`; an error has to lead into it.
pub fn read<'b, T: Read<'b>>(document: &[u8], buffer: &'b mut Vec<u8>) -> Result<T, Box<Error>> {
    *buffer = document.to_vec();
    spec_min::parse(buffer)
        .inspect_err(|error| check_error(error, document))
        .map_err(Box::new)
}

fn check_error(error: &Error, document: &[u8]) {
    check_place(error, document);
    assert!(!error.message.as_str().is_empty());
}

/// Any bytes as a config.json: serde_json has to agree about the syntax and the values.
pub fn parse(document: &[u8]) {
    let mut repeated = false;
    let good = compare(document, &mut repeated).is_some();
    let mut buffer = Vec::new();
    let spec = read::<Spec<'_>>(document, &mut buffer);
    if let Ok(spec) = spec {
        assert!(good || runs_into_oracle(document));
        // All lists are walked, as far down as they go.
        assert!(!format!("{spec:?}").is_empty());
    }
    // Whoever wants to hear of all errors hears of the same one first.
    let all = all_errors(document);
    all.iter().for_each(|error| check_error(error, document));
    let offset = |error: &Error| error.offset;
    assert_eq!(all.first().map(offset), spec.err().as_deref().map(offset));
    if good {
        assert_eq!(tells_of_repeated_keys(document), repeated);
    }
}

fn all_errors(document: &[u8]) -> Vec<Error> {
    let all = RefCell::new(Vec::new());
    let (mut copy, tell) = (document.to_vec(), |error| all.borrow_mut().push(error));
    let rest = spec_min::parse_all::<Spec<'_>>(&mut copy, &tell);
    // What is left can be walked like any other.
    assert!(!format!("{rest:?}").is_empty());
    all.take()
}

fn tells_of_repeated_keys(document: &[u8]) -> bool {
    let mut told = false;
    let mut slots = vec![[0; 2]; 2 * document.len() + 2];
    let tell = &mut |error: &Error| {
        check_error(error, document);
        told = true;
    };
    spec_min::repeated_keys(&mut document.to_vec(), &mut slots, 100, tell)
        .expect("a good document");
    told
}

/// Whether serde_json can't judge the document: see [`compare`].
fn runs_into_oracle(document: &[u8]) -> bool {
    String::from_utf8_lossy(document).contains("$serde_json::private")
}

/// Any bytes as a config.json of which a plan is made, for root and for an ordinary user, without and with systemd.
pub fn plan(document: &[u8]) {
    let mut buffer = Vec::new();
    let Ok(spec) = read::<Spec<'_>>(document, &mut buffer) else {
        return;
    };
    for facts in [ROOT, USER, SYSTEMD] {
        let warn = &mut |path: &str, text: &str| {
            assert!(!format!("{path}{text}").is_empty());
        };
        let accepted = with_arena(document.len(), |arena| {
            match plan::container(&spec, &facts, arena, warn) {
                Ok(plan) => {
                    check_state(&plan.state, &spec);
                    true
                }
                Err(refusal) => {
                    check_refusal(&refusal);
                    false
                }
            }
        });
        // `check` tells of all refusals, and of none only where there is none.
        with_arena(document.len(), |arena| {
            let found = RefCell::default();
            plan::check(&spec, &facts, arena, warn, false, &found);
            found.borrow().iter().for_each(check_refusal);
            assert_eq!(accepted, found.borrow().is_empty());
        });
    }
}

/// Any bytes as the documents from before 1.0.0, config.json and behind a NUL runtime.json: what they become is JSON.
pub fn legacy(document: &[u8]) {
    let mut parts = document.splitn(2, |byte| *byte == 0).map(<[u8]>::to_vec);
    let mut part = || parts.next().unwrap_or_default();
    if let Ok(text) = runtime::legacy::convert(part(), part()) {
        serde_json::from_str::<Value>(&text).expect("a current config.json is JSON");
    }
}

/// Any bytes as exec's process.json.
pub fn process(document: &[u8]) {
    let mut buffer = Vec::new();
    let Ok(process) = read::<Process<'_>>(document, &mut buffer) else {
        return;
    };
    let mut config =
        br#"{"ociVersion": "1.0.0", "linux": {"namespaces": [{"type": "pid"}]}}"#.to_vec();
    let spec = spec_min::parse_spec(&mut config).expect("the container's own config is good");
    with_arena(document.len(), |arena| {
        let plan = plan::process(&process, &spec, &ROOT, arena, &mut |_, _| ());
        plan.err().iter().for_each(check_refusal);
    });
}

fn with_arena<T>(length: usize, work: impl FnOnce(&Arena) -> T) -> T {
    work(&Arena::new(plan::arena_size(length)).expect("memory"))
}

/// A refusal is one line about the document, never about memory: the arena is made large enough for any.
fn check_refusal(refusal: &plan::Refusal) {
    let line = refusal.to_string();
    assert!(!line.contains('\n'), "{line}");
    // What the document says is quoted.
    assert!(
        !refusal.text().starts_with("its plan needs more memory"),
        "{line}"
    );
}

/// What hooks get to read is JSON, and holds the annotations as they were written.
fn check_state(state: &init::plan::StateText<'_>, spec: &Spec<'_>) {
    if state.head.is_empty() {
        return;
    }
    let text = [state.head, b"created", state.middle, b"42", state.tail].concat();
    let value: Value = serde_json::from_slice(&text).expect("a state document is JSON");
    assert_eq!(
        (&value["status"], &value["pid"]),
        (&"created".into(), &42.into())
    );
    let text = |text: &CStr| text.to_str().expect("decoded text is UTF-8").to_owned();
    for (key, _) in spec.annotations.iter() {
        let annotation = spec.annotations.get(key).map(text);
        assert_eq!(
            value["annotations"][text(key)].as_str(),
            annotation.as_deref()
        );
    }
}

/// Any bytes as mote's own state.json: what can be read is written again and read as the same.
pub fn state(document: &[u8]) {
    let mut buffer = document.to_vec();
    let Ok(record) = spec_min::parse::<Record<'_>>(&mut buffer) else {
        return;
    };
    let mut written = record.json().into_bytes();
    let again = spec_min::parse::<Record<'_>>(&mut written).expect("mote reads what it writes");
    assert_eq!(format!("{record:?}"), format!("{again:?}"));
    // Opening its directories is left to those who need them.
    let _ = Group::load(record.cgroup.to_str().unwrap());
}

/// A byte that chooses the machine, and any others as its `linux.seccomp`: there is an error, or a program that the kernel would
/// take, which has an answer to every call.
pub fn seccomp(document: &[u8]) {
    let Some((machine, profile)) = document.split_first() else {
        return;
    };
    let machine = &ARCHS[usize::from(*machine) % ARCHS.len()];
    let document = [br#"{"linux":{"seccomp":"#, profile, b"}}"].concat();
    let mut buffer = Vec::new();
    let Ok(spec) = read::<Spec<'_>>(&document, &mut buffer) else {
        return;
    };
    with_arena(document.len(), |arena| {
        let filter = plan::filter(&spec, machine, &ROOT, arena, &mut |_, _| ());
        let filter = filter.inspect_err(check_refusal).ok().flatten();
        let Some(filter) = filter else { return };
        let program = filter.program;
        machine::check(program);
        for number in (0..600).chain([u32::MAX, 1 << 30 | 1, 4000, 5000, 6001]) {
            for (arch, argument) in [(machine.audit(), 0), (machine.audit(), u64::MAX), (0, 7)] {
                let call = Call {
                    number,
                    arch,
                    arguments: [argument; 6],
                };
                let answer = match machine::run(program, &call, false).0 & 0xffff_0000 {
                    0x7fff_0000 | 0x7ffc_0000 => Worst::Made,
                    0x0005_0000 => Worst::Answered,
                    _ => Worst::Deadly,
                };
                assert!(answer <= worst(program, number, arch), "{call:?}");
            }
        }
    });
}

/// Any bytes as the resources that `update` is given.
pub fn resources(document: &[u8]) {
    let mut buffer = Vec::new();
    if let Ok(resources) = read::<Resources<'_>>(document, &mut buffer) {
        // All lists are walked.
        assert!(!format!("{resources:?}").is_empty());
    }
}

/// Any bytes as what a bus sends; and as a name, a NUL and the value of an `org.systemd.property` annotation.
pub fn dbus(bytes: &[u8]) {
    if let Some(message) = Message::parse(bytes) {
        assert_eq!(
            bytes.first_chunk::<START>().and_then(length),
            Some(bytes.len())
        );
        assert!(bytes.ends_with(message.body));
        let _ = message.first_text();
        let mut body = message.reader();
        while body.text().is_some() {}
        while body.number().is_some() {}
    }
    let text = String::from_utf8_lossy(bytes);
    let Some((name, value)) = text.split_once('\0') else {
        return;
    };
    let mut wire = Wire::default();
    match property(name, value, &mut wire) {
        Err(why) => assert!(!why.is_empty()),
        Ok(()) => {
            // A value is no longer than eight bytes for one of its text, so the plan has room for it.
            assert!(wire.0.len() <= 64 + 2 * name.len() + 8 * value.len());
            // What is written means the same wherever it stands.
            let mut behind = Wire(vec![0; 8]);
            property(name, value, &mut behind).expect("the same text");
            assert_eq!(behind.0.get(8..), Some(&wire.0[..]));
        }
    }
}
