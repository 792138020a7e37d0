//! `cargo ci fragments`: the fragments of packed texts (init/src/packed.rs), chosen by what the texts have most of.
//!
//! This is byte pair encoding: of all pairs of neighbours, characters or fragments, the most frequent becomes a fragment, again and
//! again.

use crate::sh::{self, Result};
use crate::tidy::source::{Tree, strings};
use std::collections::HashMap;

/// Where they stand.
const PATH: &str = "init/src/packed/fragments.rs";
/// How many there are: the bytes that are no ASCII, and those before the blank but the line feed.
const COUNT: usize = 159;

/// The task: writes the list.
pub fn run(_: &[String]) -> Result {
    let mut fragments = choose(texts()?);
    fragments.sort();
    let mut list = String::new();
    let mut line = String::from("   ");
    for fragment in &fragments {
        let word = format!(" {fragment:?},");
        if line.len() + word.len() > 118 {
            list += &(line + "\n");
            line = "   ".into();
        }
        line += &word;
    }
    let text = format!(
        "//! The fragments of packed texts, as `cargo ci fragments` has found them in the texts that there are.\n\n\
         /// In the order of their bytes; each is made of two others, or of characters.\n\
         #[rustfmt::skip]\npub const FRAGMENTS: [&str; {COUNT}] = [\n{list}{line}\n];\n"
    );
    sh::write(&sh::top().join(PATH), text)
}

/// The texts of files in which texts are packed: a string with a blank is for people or a table. Lines and fields are packed each
/// for itself.
fn texts() -> Result<Vec<String>> {
    let tree = Tree::read(&sh::top())?;
    let packing = |path: &str| path.starts_with("init/src/") || path.starts_with("runtime/src/");
    let mut texts = Vec::new();
    for source in &tree.rust {
        if !packing(&source.path) || !source.shipped().contains("packed") || source.path == PATH {
            continue;
        }
        // `shipped` ends where the tests begin.
        for string in strings(&source.text[..source.shipped().len()]) {
            let text = meaning(string);
            if text.contains(' ') && text.is_ascii() {
                texts.extend(text.split(['\n', '|']).map(str::to_owned));
            }
        }
    }
    texts.sort();
    texts.dedup();
    Ok(texts)
}

/// What a string says.
fn meaning(string: &str) -> String {
    let plain = string.starts_with('"');
    let inner = string.trim_start_matches(['r', '#']).trim_end_matches('#');
    let inner = &inner[1..inner.len() - 1];
    if !plain {
        return inner.into();
    }
    let mut text = String::new();
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                // A line that goes on.
                Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

fn choose(texts: Vec<String>) -> Vec<String> {
    let characters = |text: String| text.chars().map(String::from).collect();
    let mut texts: Vec<Vec<String>> = texts.into_iter().map(characters).collect();
    let mut fragments = Vec::new();
    while fragments.len() < COUNT {
        let mut counts: HashMap<[&str; 2], usize> = HashMap::new();
        for pair in texts.iter().flat_map(|text| text.windows(2)) {
            *counts.entry([&pair[0], &pair[1]]).or_default() += 1;
        }
        // Of several the first by name, so that the list is the same each time.
        let best = counts
            .iter()
            .max_by(|one, two| one.1.cmp(two.1).then(two.0.cmp(one.0)));
        let Some((pair, _)) = best else {
            break;
        };
        let (pair, fragment) = (pair.map(str::to_owned), pair.concat());
        for text in &mut texts {
            join(text, &pair, &fragment);
        }
        if !fragments.contains(&fragment) {
            fragments.push(fragment);
        }
    }
    fragments
}

fn join(text: &mut Vec<String>, pair: &[String; 2], fragment: &str) {
    let mut at = 0;
    while at + 1 < text.len() {
        if text[at..at + 2] == *pair {
            text.splice(at..at + 2, [fragment.to_owned()]);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_most_is_chosen_first() {
        let fragments = choose(vec!["the other there".into(), "a theory".into()]);
        assert_eq!(fragments[..2], ["he", "the"]);
        assert_eq!(meaning("\"a \\\"b\\\"\\n\\\n   c\""), "a \"b\"\nc");
        assert_eq!(meaning("r#\"a \"b\"#"), "a \"b");
    }
}
