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
use std::hint::black_box;
use std::time::{Duration, Instant};

/// mote's own, where this is built as mote is.
#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: Heap = Heap::new();

/// A sample is so long that the clock's own time is nothing in it.
const SAMPLE: Duration = Duration::from_micros(500);

/// Reads the document once, and gives the time that the reading itself took.
type Subject = fn(&[u8]) -> Duration;

const SUBJECTS: &[(&str, Subject)] = &[
    ("parse", |document| {
        let mut buffer = document.to_vec();
        let start = Instant::now();
        let good = black_box(spec_min::parse_spec(black_box(&mut buffer))).is_ok();
        let time = start.elapsed();
        assert!(good);
        time
    }),
    ("plan", parse_and_plan),
    ("memory", |document| {
        munlockall().expect("memory was locked");
        let start = Instant::now();
        parse_and_plan(document);
        start.elapsed()
    }),
    ("serde_json", |document| {
        let start = Instant::now();
        let spec = serde_json::from_slice::<owned::Spec>(document).expect("a good document");
        let time = start.elapsed();
        drop(black_box(spec));
        time
    }),
];

/// Reads and plans a copy, as mote does: the document itself is kept with the container.
fn parse_and_plan(document: &[u8]) -> Duration {
    // Less than mote reserves, since all of it is made to be there; these documents need no more. The engines' have filters,
    // which take some.
    let filter = (12 * document.len()).min(1 << 20);
    let arena = Arena::new(4 * document.len() + (64 << 10) + filter).expect("memory");
    let buffer = arena.bytes(document.len()).expect("memory");
    let start = Instant::now();
    buffer.copy_from_slice(document);
    let spec = spec_min::parse_spec(buffer).expect("a good document");
    let plan = black_box(plan::container(&spec, &ROOT, &arena, &mut |_, _| ()));
    let time = start.elapsed();
    assert!(plan.is_ok());
    time
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
    for sample in 0..samples + WARM_UP {
        let (mut time, mut count) = (Duration::ZERO, 0);
        while time < SAMPLE {
            time += subject(document);
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
