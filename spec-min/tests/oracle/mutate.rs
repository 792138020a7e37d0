//! What goes wrong with documents: one table of ways to change a good one.

use crate::generate::{NUMBERS, Random, any, damage};

/// Changes a document; most changes make it a bad one, some don't.
type Mutation = fn(&mut Random, &mut Vec<u8>);

/// Every kind of change, by name.
pub const MUTATIONS: &[(&str, Mutation)] = &[
    ("bytes replaced, removed, inserted, repeated", damage),
    ("a bit flipped", |random, document| {
        if let Some(at) = place(random, document) {
            document[at] ^= 1 << random.below(8);
        }
    }),
    ("two tokens swapped", |random, document| {
        let tokens = tokens(document);
        if tokens.len() > 1 {
            let (mut one, mut other) = (random.below(tokens.len()), random.below(tokens.len()));
            if one > other {
                (one, other) = (other, one);
            }
            let (one, other) = (tokens[one].clone(), tokens[other].clone());
            let (left, right) = (
                document[one.clone()].to_vec(),
                document[other.clone()].to_vec(),
            );
            document.splice(other, left);
            document.splice(one, right);
        }
    }),
    ("a token removed", |random, document| {
        replace(random, document, |_, _| Vec::new())
    }),
    ("a token twice", |random, document| {
        replace(random, document, |_, token| [token, token].concat())
    }),
    ("a value that is null", |random, document| {
        replace(random, document, |_, _| b"null".to_vec())
    }),
    ("a huge number", |random, document| {
        replace(random, document, |random, _| {
            random.pick(NUMBERS).as_bytes().to_vec()
        });
    }),
    ("any value in a token's place", |random, document| {
        replace(random, document, |random, _| {
            let mut value = String::new();
            any(random, 2, &mut value);
            value.into_bytes()
        });
    }),
    ("a value in many brackets", |random, document| {
        replace(random, document, |random, token| {
            let depth = random.below(140);
            [&b"[".repeat(depth), token, &b"]".repeat(depth)].concat()
        });
    }),
    ("an escape", |random, document| {
        const ESCAPES: &[&str] = &[
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\ud83d",
            "\\ude00",
            "\\ud83d\\u0041",
            "\\u0000",
            "\\u12",
            "\\x41",
            "\\n",
            "\\",
        ];
        insert(random, document, |random| {
            random.pick(ESCAPES).as_bytes().to_vec()
        });
    }),
    ("bytes that aren't UTF-8", |random, document| {
        const SEQUENCES: &[&[u8]] = &[
            b"\xff",
            b"\xc3",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            "é".as_bytes(),
            "😀".as_bytes(),
        ];
        insert(random, document, |random| {
            SEQUENCES[random.below(SEQUENCES.len())].to_vec()
        });
    }),
    ("a NUL", |random, document| {
        insert(random, document, |_| vec![0])
    }),
    ("text behind the end", |random, document| {
        document.extend(
            random
                .pick(&["}", " x", "{}", "\0", ",", "\n\n", "null"])
                .bytes(),
        );
    }),
    ("a byte order mark", |_, document| {
        drop(document.splice(0..0, *b"\xef\xbb\xbf"))
    }),
    ("the end missing", |random, document| {
        document.truncate(random.below(document.len() + 1))
    }),
    ("nothing at all", |random, document| {
        if random.below(10) == 0 {
            document.clear();
        }
    }),
];

/// One of the changes.
pub fn mutate(random: &mut Random, document: &mut Vec<u8>) {
    let (_, mutation) = MUTATIONS[random.below(MUTATIONS.len())];
    mutation(random, document);
}

fn place(random: &mut Random, document: &[u8]) -> Option<usize> {
    (!document.is_empty()).then(|| random.below(document.len()))
}

/// Where a document's strings, words and punctuation marks are.
fn tokens(document: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(&byte) = document.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'"' => {
                while at < document.len() && document[at] != b'"' {
                    at += if document[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(document.len());
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => {}
            _ => {
                let word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                at += document[at..].iter().take_while(word).count();
            }
        }
        tokens.push(start..at);
    }
    tokens
}

fn replace(
    random: &mut Random,
    document: &mut Vec<u8>,
    by: impl Fn(&mut Random, &[u8]) -> Vec<u8>,
) {
    let tokens = tokens(document);
    if tokens.is_empty() {
        return;
    }
    let token = tokens[random.below(tokens.len())].clone();
    let new = by(random, &document[token.clone()]);
    document.splice(token, new);
}

fn insert(random: &mut Random, document: &mut Vec<u8>, what: impl Fn(&mut Random) -> Vec<u8>) {
    // Into a string, most of the time: that is where it matters.
    let strings: Vec<_> = tokens(document)
        .into_iter()
        .filter(|token| document[token.start] == b'"')
        .collect();
    let at = match strings.is_empty() || random.below(5) == 0 {
        true => random.below(document.len() + 1),
        false => {
            let string = &strings[random.below(strings.len())];
            string.start + 1 + random.below(string.len().max(2) - 1)
        }
    };
    let new = what(random);
    document.splice(at.min(document.len())..at.min(document.len()), new);
}
