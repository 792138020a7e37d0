//! Documents by chance: well-formed ones, and what damage makes of them.

/// xorshift64: the same documents in every run.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

const BLANKS: &[&str] = &["", "", "", " ", "\n", "\t", "\r\n", "  \n\t"];
const PIECES: &[&str] = &[
    "a",
    "key",
    "/proc/self",
    "é",
    "日本",
    "😀",
    "\u{7f}",
    "\\n",
    "\\\"",
    "\\\\",
    "\\/",
    "\\u00e9",
    "\\u0001",
    "\\uD83D\\uDE00",
    "\\ud83d",
    "\\u0000",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "longer than eight bytes",
    "\\t\\b\\f\\r",
    "=",
];
/// Numbers, the first five of which every integer type holds but for the sign.
pub const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "42",
    "1.5",
    "-2e3",
    "1E+2",
    "0.0",
    "65535",
    "65536",
    "-2147483648",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
];

/// Any document.
pub fn any(random: &mut Random, depth: usize, out: &mut String) {
    out.push_str(random.pick(BLANKS));
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 => out.push_str(random.pick(&["true", "false", "null"])),
        1 => out.push_str(random.pick(NUMBERS)),
        2..5 => string(random, out),
        5 | 6 => sequence(random, out, "[]", |random, out| any(random, depth - 1, out)),
        _ => sequence(random, out, "{}", |random, out| {
            string(random, out);
            out.push_str(random.pick(BLANKS));
            out.push(':');
            any(random, depth - 1, out);
        }),
    }
    out.push_str(random.pick(BLANKS));
}

/// Members between brackets.
pub fn sequence(
    random: &mut Random,
    out: &mut String,
    brackets: &str,
    mut member: impl FnMut(&mut Random, &mut String),
) {
    out.push_str(&brackets[..1]);
    for at in 0..random.below(5) {
        if at > 0 {
            out.push(',');
        }
        out.push_str(random.pick(BLANKS));
        member(random, out);
        out.push_str(random.pick(BLANKS));
    }
    out.push_str(&brackets[1..]);
}

/// A string, rarely one that is refused.
pub fn string(random: &mut Random, out: &mut String) {
    out.push('"');
    for _ in 0..random.below(4) {
        // The two that no document may have are rare, or hardly any document would be good.
        let piece = match random.pick(PIECES) {
            "\\ud83d" | "\\u0000" if random.below(20) > 0 => "x",
            piece => piece,
        };
        out.push_str(piece);
    }
    out.push('"');
}

/// Changes a few bytes, or removes, inserts or repeats some.
pub fn damage(random: &mut Random, document: &mut Vec<u8>) {
    const BYTES: &[u8] =
        b"{}[]\",:\\u0123456789eE+-. \n\t\0\x01\x1f\x7f\x80\xc3\xa9\xed\xff/tfnlrdD";
    for _ in 0..=random.below(3) {
        let at = random.below(document.len() + 1);
        let until = (at + random.below(6)).min(document.len());
        let byte = BYTES[random.below(BYTES.len())];
        match random.below(4) {
            0 => document.insert(at, byte),
            1 if at < document.len() => document[at] = byte,
            2 => drop(document.drain(at..until)),
            _ => document
                .splice(at..at, document[at..until].to_vec())
                .for_each(drop),
        }
    }
}
