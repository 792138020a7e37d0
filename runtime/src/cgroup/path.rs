//! Paths inside a hierarchy, as text: no leading slash, no `.`, no `..`; the empty text is its top.

pub use crate::text::pieces;

/// Cleans `path` without looking at any filesystem; a `..` at the top stays at the top.
#[inline(never)]
pub fn clean(path: &str) -> String {
    let mut out = String::new();
    for name in pieces(path, b'/') {
        match name {
            "" | "." => {}
            ".." => out.truncate(parent(&out).len()),
            _ => push(&mut out, name),
        }
    }
    out
}

/// Whether a component says `..`.
pub fn climbs(path: &str) -> bool {
    pieces(path, b'/').has("..")
}

/// The directory that holds it; the top is its own parent.
#[inline(never)]
pub fn parent(path: &str) -> &str {
    let at = path.as_bytes().iter().rposition(|&byte| byte == b'/');
    path.get(..at.unwrap_or(0)).unwrap_or_default()
}

/// `below` under `base`, both clean.
#[inline(never)]
pub fn join(base: &str, below: &str) -> String {
    let mut out = String::from(base);
    push(&mut out, below);
    out
}

/// What is left of `path` inside `base`; None when it lies elsewhere. Both clean.
#[inline(never)]
pub fn inside<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    if base.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(base)? {
        "" => Some(""),
        rest => rest.strip_prefix("/"),
    }
}

/// `path` and every directory above it, from the highest one below the top.
pub fn steps(path: &str) -> impl Iterator<Item = &str> {
    let mut end = 0;
    pieces(path, b'/').filter_map(move |name| {
        let step = path.get(..end + name.len());
        end += name.len() + 1;
        step
    })
}

#[inline(never)]
fn push(path: &mut String, name: &str) {
    if !path.is_empty() && !name.is_empty() {
        path.push('/');
    }
    path.push_str(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning() {
        const ROWS: [(&str, &str); 9] = [
            ("", ""),
            ("/", ""),
            ("/a/b", "a/b"),
            ("a//b/./c/", "a/b/c"),
            ("../../etc", "etc"),
            ("/a/../../b", "b"),
            ("a/b/../..", ""),
            ("...", "..."),
            ("a/..b", "a/..b"),
        ];
        for (from, to) in ROWS {
            assert_eq!(clean(from), to, "{from}");
        }
    }

    #[test]
    fn relations() {
        assert_eq!(parent("a/b/c"), "a/b");
        assert_eq!(parent("a"), "");
        assert_eq!(parent(""), "");
        assert_eq!(join("", "a"), "a");
        assert_eq!(join("a", ""), "a");
        assert_eq!(join("a", "b/c"), "a/b/c");
        assert_eq!(inside("a/b", "a"), Some("b"));
        assert_eq!(inside("ab", "a"), None);
        assert_eq!(inside("a", "a"), Some(""));
        assert_eq!(inside("a", ""), Some("a"));
        assert!(steps("a/b/c").eq(["a", "a/b", "a/b/c"]));
        assert!(climbs("a/../b") && !climbs("a/..b"));
    }
}
