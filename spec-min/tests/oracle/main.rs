//! A hundred thousand generated and damaged documents, judged by serde_json too.

mod generate;
mod judge;
mod mutate;
mod zoo;

use generate::{Random, any};
use judge::{check_place, compare};
use mutate::{MUTATIONS, mutate};
use spec_min::parse;
use zoo::Zoo;

/// How many documents are judged: together a hundred thousand.
const SYNTAX: usize = 60_000;
const TYPES: usize = 40_000;

#[test]
fn syntax() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for round in 0..SYNTAX {
        let mut document = String::new();
        any(&mut random, 5, &mut document);
        let mut document = document.into_bytes();
        if round % 3 > 0 {
            mutate(&mut random, &mut document);
        }
        match compare(&document, &mut false) {
            Some(_) => good += 1,
            None => bad += 1,
        }
    }
    println!("{SYNTAX} documents: {good} good, {bad} bad");
    assert!(good > SYNTAX / 4 && bad > SYNTAX / 4);
}

/// Each kind of change alone, on one real document: the verdict has to be the oracle's.
#[test]
fn mutations() {
    let whole = include_bytes!("../data/full.json");
    let mut random = Random(0x1234_5678_9abc_def1);
    for (name, mutation) in MUTATIONS {
        let mut bad = 0;
        for _ in 0..100 {
            let mut document = whole.to_vec();
            mutation(&mut random, &mut document);
            bad += usize::from(compare(&document, &mut false).is_none());
        }
        println!("{name}: {bad} of 100 are bad");
    }
}

/// Every beginning of a good document is bad, and none of its bytes may become a NUL or a 0xff.
#[test]
fn pieces() {
    let whole = include_bytes!("../data/full.json").trim_ascii();
    let part = &whole[..2000];
    for length in 0..part.len() {
        assert!(compare(&part[..length], &mut false).is_none());
    }
    for at in (0..whole.len()).step_by(7) {
        for byte in [0, 0xff] {
            let mut document = whole.to_vec();
            document[at] = byte;
            assert!(compare(&document, &mut false).is_none());
        }
    }
}

#[test]
fn types() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut good, mut bad) = (0, 0);
    for round in 0..TYPES {
        let mut document = zoo::document(&mut random).into_bytes();
        if round % 3 == 0 {
            mutate(&mut random, &mut document);
        }
        let mut repeated = false;
        let Some(value) = compare(&document, &mut repeated) else {
            continue;
        };
        let mut buf = document.clone();
        let read = parse::<Zoo>(&mut buf);
        // Of repeated keys serde_json keeps the last one, and can't tell about the other: a wrong value that we refuse,
        // or the one that stays behind a null.
        let null = || document.windows(4).any(|word| word == b"null");
        if repeated && (read.is_err() || null()) {
            continue;
        }
        if let Err(error) = &read {
            check_place(error, &document);
        }
        assert_eq!(
            read.as_ref().ok().map(zoo::shown),
            zoo::model(&value),
            "{}",
            String::from_utf8_lossy(&document)
        );
        match read {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
    }
    println!("{TYPES} documents: {good} of the right types, {bad} not");
    assert!(good > TYPES / 10 && bad > TYPES / 10);
}
