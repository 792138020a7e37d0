//! The crate that a mangled Rust symbol belongs to, as near as the name tells. Legacy and v0 mangling.

/// The crate's name, or `None` for a C symbol.
pub fn crate_of(symbol: &str) -> Option<String> {
    if let Some(rest) = symbol.strip_prefix("_R") {
        return v0(rest.as_bytes());
    }
    legacy(symbol.strip_prefix("_ZN")?)
}

/// v0: tags, each with what follows it, until the crate root `C`. An impl's first path is the crate that wrote it.
fn v0(mut rest: &[u8]) -> Option<String> {
    loop {
        let (&tag, after) = rest.split_first()?;
        rest = match tag {
            b'N' => after.get(1..)?,
            b'M' | b'X' => disambiguator(after)?,
            b'I' | b'Y' | b'R' | b'Q' | b'P' | b'O' | b'S' | b'A' | b'0'..=b'9' => after,
            b'C' => {
                let name = disambiguator(after)?;
                let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let length: usize = std::str::from_utf8(&name[..digits]).ok()?.parse().ok()?;
                let name = &name[digits..];
                let name = name.strip_prefix(b"_").unwrap_or(name);
                return Some(String::from_utf8_lossy(name.get(..length)?).into_owned());
            }
            _ => return None,
        };
    }
}

/// Skips `s<base 62>_`, when it is there.
fn disambiguator(text: &[u8]) -> Option<&[u8]> {
    if text.first() != Some(&b's') {
        return Some(text);
    }
    let end = text.iter().position(|&byte| byte == b'_')?;
    text.get(end + 1..)
}

/// Legacy: `<length><first component>`; an impl's component is the type itself, `_$LT$alloc..vec..Vec...`.
fn legacy(rest: &str) -> Option<String> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let length: usize = rest[..digits].parse().ok()?;
    let mut name = rest.get(digits..digits + length)?;
    for prefix in [
        "_$LT$",
        "$LT$",
        "$RF$",
        "$u5b$",
        "mut$u20$",
        "$BP$",
        "const$u20$",
        "dyn$u20$",
    ] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let end = name
        .find("..")
        .or_else(|| name.find('$'))
        .unwrap_or(name.len());
    let name = &name[..end];
    // A primitive type or a type parameter: its impl is core's in all but a few cases.
    let primitive = name.len() < 3
        || matches!(
            name,
            "str" | "bool" | "char" | "u16" | "u32" | "u64" | "usize" | "i32" | "i64" | "isize"
        );
    Some(if primitive {
        "core".to_owned()
    } else {
        name.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::crate_of;

    #[test]
    fn names_lead_to_crates() {
        let rows = [
            ("_RNvNtCsdMHEDF4wQP2_4core3fmt5write", Some("core")),
            (
                "_RNvXs1_NtCs1a_5alloc3vecINtB5_3VecpENtNtCsb_4core3fmt5Debug3fmt",
                Some("alloc"),
            ),
            ("_RINvCs4fqI2P2rA04_7runtime4mainE", Some("runtime")),
            ("_ZN4core3fmt5write17h0123456789abcdefE", Some("core")),
            (
                "_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17hE",
                Some("alloc"),
            ),
            ("memcpy", None),
            ("_R", None),
            ("_ZN99999x", None),
        ];
        for (symbol, expected) in rows {
            assert_eq!(crate_of(symbol).as_deref(), expected, "{symbol}");
        }
    }
}
