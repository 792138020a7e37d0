//! A hundred thousand generated and damaged documents, judged by serde_json too.

mod generate;
mod judge;
mod zoo;

use generate::{Random, any, damage};
use judge::{check_place, compare};
use spec_min::parse;
use zoo::Zoo;

#[test]
fn syntax() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for round in 0..6000 {
        let mut document = String::new();
        any(&mut random, 5, &mut document);
        let mut document = document.into_bytes();
        if round % 3 > 0 {
            damage(&mut random, &mut document);
        }
        match compare(&document, &mut false) {
            Some(_) => good += 1,
            None => bad += 1,
        }
    }
    assert!(good > 1500 && bad > 1500, "{good} good, {bad} bad");
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
    for round in 0..8000 {
        let mut document = zoo::document(&mut random).into_bytes();
        if round % 4 == 0 {
            damage(&mut random, &mut document);
        }
        let mut repeated = false;
        let Some(value) = compare(&document, &mut repeated) else {
            continue;
        };
        // Of repeated keys serde_json keeps one, and can't tell about the other.
        if repeated {
            continue;
        }
        let mut buf = document.clone();
        let read = parse::<Zoo>(&mut buf);
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
    assert!(good > 1000 && bad > 1000, "{good} good, {bad} bad");
}
