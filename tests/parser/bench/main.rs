//! What `cargo ci bench parse` measures with: reads one document over and over and prints the time of each reading.
//!
//! `bench SUBJECT FILE SAMPLES` prints nanoseconds, a line each; `bench stack FILE` prints bytes of stack; `bench documents
//! DIR` writes the documents.

mod stack;

use init::sys::arena::Arena;
#[cfg(target_env = "musl")]
use init::sys::heap::Heap;
use parser::large::{ENGINES, grown, synthetic};
use parser::owned;
use parser::target::ROOT;
use runtime::plan;
use rustix::mm::{MlockAllFlags, mlockall, munlockall};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::time::Duration;

/// mote's own, where this is built as mote is.
#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: Heap = Heap::new();

/// A sample is so long that the clock's own time is nothing in it.
const SAMPLE: Duration = Duration::from_micros(500);

/// Reads the document once, and gives the time that the reading itself took. All work in memory that they had before,
/// serde_json's heap as well: the arena is the plan's.
type Subject = fn(&[u8], &mut Arena) -> Duration;

/// The processor's time that this thread had: what others have meanwhile is no part of it.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const SUBJECTS: &[(&str, Subject)] = &[
    ("parse", |document, _| {
        let mut buffer = document.to_vec();
        let start = now();
        let good = black_box(spec_min::parse_spec(black_box(&mut buffer))).is_ok();
        let time = now() - start;
        assert!(good);
        time
    }),
    ("plan", parse_and_plan),
    ("memory", |document, _| {
        munlockall().expect("memory was locked");
        let start = now();
        parse_and_plan(document, &mut arena(document.len()));
        now() - start
    }),
    ("serde_json", |document, _| {
        let start = now();
        let spec = serde_json::from_slice::<owned::Spec>(document).expect("a good document");
        let time = now() - start;
        drop(black_box(spec));
        time
    }),
];

/// Reads and plans a copy, as mote does: the document itself is kept with the container.
fn parse_and_plan(document: &[u8], arena: &mut Arena) -> Duration {
    arena.clear();
    let arena = &*arena;
    let buffer = arena.bytes(document.len()).expect("memory");
    let start = now();
    buffer.copy_from_slice(document);
    let spec = spec_min::parse_spec(buffer).expect("a good document");
    let plan = black_box(plan::container(&spec, &ROOT, arena, &mut |_, _| ()));
    let time = now() - start;
    assert!(plan.is_ok());
    time
}

/// Less than mote reserves, since all of it is made to be there; these documents need no more. A filter may take a megabyte.
fn arena(length: usize) -> Arena {
    Arena::new(4 * length + (64 << 10) + (1 << 20)).expect("memory")
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["documents", dir] => write_documents(dir),
        ["stack", file] => println!("{}", stack::touched(&std::fs::read(file).expect(file))),
        [subject, file, samples] => {
            let (_, subject) = SUBJECTS
                .iter()
                .find(|(name, _)| *name == subject)
                .expect("a subject");
            // Memory is there as soon as it is mapped: the kernel's time is in no figure but that of `memory`.
            mlockall(MlockAllFlags::FUTURE).expect("the right to lock memory");
            measure(
                *subject,
                &std::fs::read(file).expect(file),
                samples.parse().expect("a number"),
            );
        }
        _ => panic!("bench SUBJECT FILE SAMPLES | bench stack FILE | bench documents DIR"),
    }
}

/// Prints samples, after a few that don't count.
fn measure(subject: Subject, document: &[u8], samples: usize) {
    const WARM_UP: usize = 3;
    let mut arena = arena(document.len());
    for sample in 0..samples + WARM_UP {
        let (mut time, mut count) = (Duration::ZERO, 0);
        while time < SAMPLE {
            time += subject(document, &mut arena);
            count += 1;
        }
        if sample >= WARM_UP {
            println!("{}", time.as_nanos() / count);
        }
    }
}

fn write_documents(dir: &str) {
    let write = |name: &str, text: String| {
        let path = format!("{dir}/{name}.json");
        std::fs::write(&path, text).expect(&path);
    };
    for (name, document) in ENGINES {
        write(name, grown(document, 100 << 10).to_string());
    }
    for mebibytes in [1, 2, 4, 8] {
        let text = synthetic(12_500 * mebibytes, 1_250 * mebibytes);
        write(&format!("synthetic-{mebibytes}"), text);
    }
}
