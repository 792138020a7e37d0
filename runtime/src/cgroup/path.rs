//! Paths inside a hierarchy, as text: no leading slash, no `.`, no `..`; the empty text is its top. And the one way in
//! which the texts of the kernel and of the state file are taken apart.

/// The pieces of a text between marks, like `str::split`, whose code is made anew for every use.
#[derive(Clone, Debug)]
pub struct Pieces<'t> {
    rest: Option<&'t str>,
    mark: u8,
}

/// `mark` is an ASCII character.
pub fn pieces(text: &str, mark: u8) -> Pieces<'_> {
    Pieces {
        rest: Some(text),
        mark,
    }
}

impl<'t> Pieces<'t> {
    /// All that was not taken yet, further marks included.
    pub fn rest(self) -> Option<&'t str> {
        self.rest
    }

    /// Whether one of the pieces is this.
    #[inline(never)]
    pub fn has(mut self, wanted: &str) -> bool {
        self.any(|piece| piece == wanted)
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'t str> {
        let rest = self.rest?;
        let end = rest.as_bytes().iter().position(|&byte| byte == self.mark);
        self.rest = end.and_then(|end| rest.get(end + 1..));
        rest.get(..end.unwrap_or(rest.len()))
    }
}

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
        rest => rest.strip_prefix('/'),
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
