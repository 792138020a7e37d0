//! The checkout's text as the rules see it: Rust files with comments and literals blanked out, and manifests.

use crate::sh::{self, Result};
use std::fs;
use std::path::Path;

/// The crates, in the order of the arrows.
pub const CRATES: &[&str] = &[
    "targets",
    "spec-min",
    "init",
    "runtime",
    "tests",
    "tests/parser",
    "ci",
];

/// One file.
pub struct Source {
    /// Path from the checkout's top, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// For Rust: of the same length, with comments, strings and characters replaced by blanks.
    pub code: String,
}

impl Source {
    /// The code before the first `#[cfg(test)]`: what is shipped. Nothing, if the file is all tests.
    pub fn shipped(&self) -> &str {
        if self.path.contains("/tests/") || self.path.ends_with("/tests.rs") {
            return "";
        }
        self.code.split("#[cfg(test)]").next().unwrap_or_default()
    }
}

/// All that the rules read.
pub struct Tree {
    /// Every `.rs` file of every crate.
    pub rust: Vec<Source>,
    /// Every crate's `Cargo.toml`, in the order of `CRATES`, then the workspace's.
    pub manifests: Vec<Source>,
    /// README.md.
    pub readme: Source,
    /// The checkout's top.
    pub top: std::path::PathBuf,
}

impl Tree {
    /// Reads the checkout.
    pub fn read(top: &Path) -> Result<Tree> {
        let plain = |path: String| -> Result<Source> {
            let text = sh::read(&top.join(&path))?;
            Ok(Source {
                path,
                text,
                code: String::new(),
            })
        };
        let mut rust = Vec::new();
        let mut manifests = Vec::new();
        for name in CRATES {
            collect(top, name, &mut rust)?;
            manifests.push(plain(format!("{name}/Cargo.toml"))?);
        }
        manifests.push(plain("Cargo.toml".into())?);
        Ok(Tree {
            rust,
            manifests,
            readme: plain("README.md".into())?,
            top: top.to_path_buf(),
        })
    }
}

fn collect(top: &Path, dir: &str, into: &mut Vec<Source>) -> Result {
    let mut names: Vec<(String, bool)> = fs::read_dir(top.join(dir))
        .map_err(|e| format!("{dir}: {e}"))?
        .flatten()
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path().is_dir(),
            )
        })
        .collect();
    names.sort();
    for (name, is_dir) in names {
        let path = format!("{dir}/{name}");
        if is_dir && name != "target" && !CRATES.contains(&path.as_str()) {
            collect(top, &path, into)?;
        } else if name.ends_with(".rs") {
            let text = sh::read(&top.join(&path))?;
            let code = code_only(&text);
            into.push(Source { path, text, code });
        }
    }
    Ok(())
}

/// Where `word` stands alone in `code`, and is not the end of a longer path: line numbers from 1.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let part_of_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (starts, ends) = (
        part_of_name(word.chars().next()),
        part_of_name(word.chars().next_back()),
    );
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let alone = line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !(starts && (part_of_name(before) || before == Some(':'))
                || ends && part_of_name(after))
        });
        if alone {
            found.push(number + 1);
        }
    }
    found
}

/// Blanks comments, strings and character literals, keeping every newline and the length in bytes.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = end_of_blank(bytes, at);
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The strings as they are written, with the quotation marks.
pub fn strings(text: &str) -> Vec<&str> {
    let (bytes, mut at, mut found) = (text.as_bytes(), 0, Vec::new());
    while at < bytes.len() {
        let end = end_of_blank(bytes, at);
        if end > at && matches!(bytes[at], b'"' | b'r') {
            found.extend(text.get(at..end));
        }
        at = end.max(at + 1);
    }
    found
}

/// The end of a comment, string or character that begins here.
fn end_of_blank(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        b'/' if bytes[at..].starts_with(b"//") => end_of_line(bytes, at),
        b'/' if bytes[at..].starts_with(b"/*") => end_of_comment(bytes, at),
        b'"' => end_of_string(bytes, at),
        b'r' if !continues_name(bytes, at) => end_of_raw_string(bytes, at).unwrap_or(at),
        b'\'' => end_of_character(bytes, at),
        _ => at,
    }
}

fn continues_name(bytes: &[u8], at: usize) -> bool {
    at > 0
        && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
        && bytes[at - 1] != b'b'
        && bytes[at - 1] != b'c'
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(bytes.len(), |n| at + n)
}

fn end_of_comment(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

fn end_of_raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = at + hashes + 2;
    let length = bytes[body..]
        .windows(close.len())
        .position(|window| window == close);
    Some(length.map_or(bytes.len(), |n| body + n + close.len()))
}

/// The end of a character literal; a lifetime is left as it is.
fn end_of_character(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes
            .get(at + 3..)
            .and_then(|rest| rest.iter().position(|&byte| byte == b'\''));
        return close.map_or(bytes.len(), |n| at + 3 + n + 1);
    }
    // One character, of up to four bytes, then the quote.
    let rest = String::from_utf8_lossy(&bytes[at + 1..bytes.len().min(at + 6)]).into_owned();
    let Some(character) = rest.chars().next() else {
        return at;
    };
    let close = at + 1 + character.len_utf8();
    if bytes.get(close) == Some(&b'\'') {
        close + 1
    } else {
        at
    }
}

#[cfg(test)]
mod tests {
    use super::{code_only, lines_with};

    #[test]
    fn only_code_is_left() {
        let rows = [
            ("a // unsafe\nb", "a          \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            ("f(\"unsafe \\\" x\", y)", "f(             , y)"),
            ("f(r#\"a \" b\"#, y)", "f(          , y)"),
            ("fn f<'a>(x: &'a u8)", "fn f<'a>(x: &'a u8)"),
            ("match c { 'x' => '\\'', _ }", "match c {     =>     , _ }"),
            ("for r in rows", "for r in rows"),
        ];
        for (text, expected) in rows {
            assert_eq!(code_only(text), expected, "{text}");
        }
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(
            lines_with("unsafe_code\nunsafe {\nx(unsafe)", "unsafe"),
            [2, 3]
        );
        assert_eq!(
            lines_with("a std::fs::read\nstd::fsx\ncore::std::fs", "std::fs"),
            [1]
        );
    }
}
