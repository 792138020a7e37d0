//! The crate and module that a mangled Rust symbol belongs to, as near as the name tells. Legacy and v0 mangling.

/// The crate's name and the modules and names that follow it, or `None` for a C symbol.
pub fn path_of(symbol: &str) -> Option<Vec<String>> {
    match symbol.strip_prefix("_R") {
        Some(rest) => v0(rest.as_bytes()),
        None => legacy(symbol.strip_prefix("_ZN")?),
    }
}

/// v0: tags, each with what follows it, until the crate root `C`. An impl's first path is the crate that wrote it.
fn v0(mut rest: &[u8]) -> Option<Vec<String>> {
    loop {
        let (&tag, after) = rest.split_first()?;
        rest = match tag {
            b'N' => after.get(1..)?,
            b'M' | b'X' => disambiguator(after)?,
            b'I' | b'Y' | b'R' | b'Q' | b'P' | b'O' | b'S' | b'A' | b'0'..=b'9' => after,
            b'C' => {
                let mut path = Vec::new();
                let mut rest = after;
                while let Some((name, after)) = disambiguator(rest).and_then(identifier) {
                    path.push(name);
                    rest = after;
                }
                return (!path.is_empty()).then_some(path);
            }
            _ => return None,
        };
    }
}

/// `<length>[_]<bytes>`; a closure has a length of 0.
fn identifier(text: &[u8]) -> Option<(String, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length: usize = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    let text = &text[digits..];
    let text = text.strip_prefix(b"_").unwrap_or(text);
    let name = if length == 0 {
        "{closure}".into()
    } else {
        String::from_utf8_lossy(text.get(..length)?).into_owned()
    };
    Some((name, &text[length..]))
}

/// Skips `s<base 62>_`, when it is there.
fn disambiguator(text: &[u8]) -> Option<&[u8]> {
    if text.first() != Some(&b's') {
        return Some(text);
    }
    let end = text.iter().position(|&byte| byte == b'_')?;
    text.get(end + 1..)
}

/// Legacy: `<length><component>...`, a hash last; an impl's component is the type itself, `_$LT$alloc..vec..Vec...`.
fn legacy(rest: &str) -> Option<Vec<String>> {
    let (first, mut rest) = identifier(rest.as_bytes())?;
    let mut path = vec![owner(&first)];
    while let Some((name, after)) = identifier(rest) {
        path.push(name);
        rest = after;
    }
    if path.len() > 1 {
        path.pop();
    }
    Some(path)
}

/// The crate of a legacy symbol's first component.
fn owner(mut name: &str) -> String {
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
    if primitive {
        "core".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn names_lead_to_crates() {
        let rows = [
            (
                "_RNvNtCsdMHEDF4wQP2_4core3fmt5write",
                Some("core::fmt::write"),
            ),
            (
                "_RNvXs1_NtCs1a_5alloc3vecINtB5_3VecpENtNtCsb_4core3fmt5Debug3fmt",
                Some("alloc::vec"),
            ),
            ("_RINvCs4fqI2P2rA04_7runtime4mainE", Some("runtime::main")),
            (
                "_ZN4core3fmt5write17h0123456789abcdefE",
                Some("core::fmt::write"),
            ),
            (
                "_ZN39_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$GT$4drop2hEE",
                Some("alloc::drop"),
            ),
            ("memcpy", None),
            ("_R", None),
            ("_ZN99999x", None),
        ];
        for (symbol, expected) in rows {
            let path = path_of(symbol).map(|path| path.join("::"));
            assert_eq!(path.as_deref(), expected, "{symbol}");
        }
    }
}
