//! Integers, exact to the last of 64 bits, and judged as serde-json-core judges them.

use spec_min::{Read, parse};

fn read<T: for<'a> Read<'a>>(json: &str) -> Result<T, String> {
    parse(&mut json.as_bytes().to_vec()).map_err(|error| error.to_string())
}

/// Numbers around every limit of every type.
fn candidates() -> Vec<String> {
    let mut all: Vec<String> = vec!["0".into(), "7".into(), "-7".into()];
    for bits in [8, 15, 16, 31, 32, 53, 62, 63, 64, 65, 100] {
        for offset in -2i128..=2 {
            let value = (1i128 << bits) + offset;
            all.extend([value.to_string(), (-value).to_string()]);
        }
    }
    all.extend([
        "9".repeat(30),
        format!("-{}", "9".repeat(30)),
        format!("1{}", "0".repeat(200)),
    ]);
    all
}

macro_rules! agrees {
    ($($int:ident)*) => {$(
        #[test]
        fn $int() {
            for text in candidates() {
                let ours = read::<$int>(&text);
                let exact = text.parse::<$int>().map_err(|_| {
                    let (min, max) = ($int::MIN, $int::MAX);
                    let shown = if text.len() > 48 { format!("{}...", &text[..48]) } else { text.clone() };
                    format!("1:1: expected an integer from {min} to {max}, found {shown}")
                });
                assert_eq!(ours, exact, "{text}");
                let other = serde_json_core::from_str::<$int>(&text).map(|(value, _)| value);
                assert_eq!(ours.ok(), other.ok(), "{text}");
            }
        }
    )*};
}

agrees!(u16 u32 u64 i32 i64);

#[test]
fn whole_but_not_integers() {
    for text in [
        "1.0",
        "1.5",
        "1e3",
        "1E0",
        "-1e-1",
        "0.0",
        "0e0",
        "18446744073709551616.0",
    ] {
        assert_eq!(
            read::<i64>(text),
            Err(format!("1:1: expected an integer, found {text}"))
        );
        assert_eq!(
            read::<u16>(text),
            Err(format!("1:1: expected an integer, found {text}"))
        );
    }
    assert_eq!(read::<u64>("-0"), Ok(0));
    assert_eq!(read::<i64>("-0"), Ok(0));
}

#[test]
fn options() {
    // Only in an object is it the same as nothing.
    assert!(read::<Option<u64>>("null").is_err());
    assert_eq!(
        read::<Option<u64>>(" 18446744073709551615 "),
        Ok(Some(u64::MAX))
    );
    assert_eq!(read::<Option<bool>>("false"), Ok(Some(false)));
    assert!(read::<u64>("null").is_err());
    assert!(read::<bool>("null").is_err());
}
