//! Values as people write them in `org.systemd.property.NAME` annotations: GVariant's text (docs.gtk.org/glib/gvariant-text-format.html),
//! as much of it as there are unit properties for: `true`, `7`, `uint64 7`, `@t 0x10`, `'text'`, `['a', 'b']`, `@as []`.

use super::wire::Wire;
use crate::text::{fill, pieces};
use init::packed::Packed;

/// The words for kinds of values, and their letters in a signature.
const KINDS: &str = "\
boolean b
byte y
int16 n
uint16 q
int32 i
uint32 u
int64 x
uint64 t
string s";

/// No property is a list of lists of lists.
const DEEPEST: usize = 4;

/// Why a text is no value.
pub type Why = Packed;

const NO_VALUE: Why = packed!("expected a value such as true, uint64 7, 'text' or ['a', 'b']");
const NO_NUMBER: Why = packed!("expected a number of seconds");
const RANGE: Why = packed!("this number does not fit its type");

/// Adds the property that an annotation asks for. `name` is what stands behind `org.systemd.property.`.
///
/// The manuals have properties in seconds that end in `Sec`; over D-Bus they end in `USec` and count microseconds, so these
/// are converted.
pub fn property(name: &str, text: &str, wire: &mut Wire) -> Result<(), Why> {
    if name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(packed!(
            "expected a property's name: letters, at least three"
        ));
    }
    let mut text = Text(text);
    let seconds = name
        .strip_suffix("Sec")
        .filter(|rest| rest.as_bytes().last().is_some_and(u8::is_ascii_lowercase));
    if let Some(name) = seconds {
        let value = text.seconds()?;
        wire.property(&fill("{}USec", &[name]), "t");
        wire.number(8, value);
    } else {
        let kind = text.clone().kind(0)?;
        wire.property(name, &kind);
        text.value(&kind, wire)?;
    }
    match text.skip() {
        None => Ok(()),
        Some(_) => Err(packed!("there is more behind the value")),
    }
}

/// What is left to read.
#[derive(Clone)]
struct Text<'t>(&'t str);

impl Text<'_> {
    /// The next byte that is not blank.
    fn skip(&mut self) -> Option<u8> {
        self.0 = self.0.trim_ascii_start();
        self.0.bytes().next()
    }

    #[inline(never)]
    fn take(&mut self, word: &str) -> bool {
        self.skip();
        let rest = self.0.strip_prefix(word);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// The kind that is named here, with its name taken.
    #[inline(never)]
    fn named(&mut self) -> Option<String> {
        let end = |text: &str| {
            text.bytes()
                .position(|byte| byte.is_ascii_whitespace() || byte == b'[')
        };
        if self.take("@") {
            let (kind, rest) = self.0.split_at(end(self.0).unwrap_or(self.0.len()));
            self.0 = rest;
            return Some(kind.into());
        }
        let word = self.0.get(..end(self.0)?)?;
        for row in pieces(KINDS, b'\n') {
            if let Some(letter) = row.strip_prefix(word).and_then(|row| row.strip_prefix(" ")) {
                self.0 = self.0.get(word.len()..)?;
                return Some(letter.into());
            }
        }
        None
    }

    /// The signature of the value that comes next.
    fn kind(&mut self, depth: usize) -> Result<String, Why> {
        if let Some(kind) = self.named() {
            let known = kind
                .as_bytes()
                .split_last()
                .is_some_and(|(letter, arrays)| {
                    b"bynqiuxts".contains(letter) && arrays.iter().all(|byte| *byte == b'a')
                });
            return match known && kind.len() <= DEEPEST {
                true => Ok(kind),
                false => Err(packed!("no unit property has a value of this type")),
            };
        }
        match self.skip() {
            Some(b'[') if depth < DEEPEST - 1 => {
                self.take("[");
                if self.skip() == Some(b']') {
                    return Err(packed!("an empty list needs its type, such as @as []"));
                }
                self.kind(depth + 1).map(|kind| fill("a{}", &[&kind]))
            }
            Some(b'\'' | b'"') => Ok("s".into()),
            Some(b'0'..=b'9' | b'-' | b'+') => Ok("i".into()),
            Some(b't' | b'f') => Ok("b".into()),
            _ => Err(NO_VALUE),
        }
    }

    /// Reads a value of this kind and writes it.
    fn value(&mut self, kind: &str, wire: &mut Wire) -> Result<(), Why> {
        if self.named().is_some_and(|named| named != kind) {
            return Err(packed!("the elements of a list must be of one type"));
        }
        match kind.as_bytes() {
            [b'a', ..] => self.list(kind.get(1..).unwrap_or_default(), wire),
            b"s" => self.quoted().map(|text| wire.text(&text)),
            b"b" => {
                let yes = self.take("true");
                if !yes && !self.take("false") {
                    return Err(NO_VALUE);
                }
                wire.number(4, yes.into());
                Ok(())
            }
            kind => {
                let (bits, signed) = bits(kind);
                let value = self.number()?;
                let least = if signed { -1 << (bits - 1) } else { 0 };
                let most: i128 = (1 << (bits - u32::from(signed))) - 1;
                if !(least..=most).contains(&value) {
                    return Err(RANGE);
                }
                wire.number(bits as usize / 8, value as u64);
                Ok(())
            }
        }
    }

    fn list(&mut self, element: &str, wire: &mut Wire) -> Result<(), Why> {
        if !self.take("[") {
            return Err(packed!("expected a list in brackets"));
        }
        let align = match element.as_bytes() {
            [b'a' | b's' | b'b', ..] => 4,
            kind => bits(kind).0 as usize / 8,
        };
        let mut read = Ok(());
        wire.array(align, &mut |wire| read = self.elements(element, wire));
        read
    }

    fn elements(&mut self, kind: &str, wire: &mut Wire) -> Result<(), Why> {
        if self.take("]") {
            return Ok(());
        }
        loop {
            self.value(kind, wire)?;
            if self.take("]") {
                return Ok(());
            }
            if !self.take(",") {
                return Err(packed!("expected , or ] in the list"));
            }
        }
    }

    /// Decimal, octal behind a 0, or hexadecimal behind 0x.
    #[inline(never)]
    fn number(&mut self) -> Result<i128, Why> {
        let minus = self.take("-");
        let base = match self.0.as_bytes() {
            _ if !minus && self.take("+") => 10,
            [b'0', b'x', ..] => 16,
            [b'0', b'0'..=b'9', ..] => 8,
            _ => 10,
        };
        if base == 16 {
            self.take("0x");
        }
        let mut value = None;
        while let Some(digit) = self.0.chars().next().and_then(|c| c.to_digit(base)) {
            let more: u64 = value.unwrap_or(0);
            let more = more.checked_mul(base.into());
            let more = more.and_then(|more| more.checked_add(digit.into()));
            value = Some(more.ok_or(RANGE)?);
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        if self
            .0
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(NO_VALUE);
        }
        let value = i128::from(value.ok_or(NO_VALUE)?);
        Ok(if minus { -value } else { value })
    }

    /// Seconds, also with a fraction, as microseconds.
    fn seconds(&mut self) -> Result<u64, Why> {
        let kind = self.named().unwrap_or("d".into());
        if !matches!(kind.as_bytes(), [letter] if b"ynqiuxtd".contains(letter)) {
            return Err(NO_NUMBER);
        }
        let whole = self.number().map_err(|_| NO_NUMBER)?;
        let mut micros = u64::try_from(whole)
            .ok()
            .and_then(|whole| whole.checked_mul(1_000_000))
            .ok_or(RANGE)?;
        if kind == "d" && self.0.starts_with(".") {
            let mut unit = 1_000_000;
            self.take(".");
            while let Some(digit) = self.0.chars().next().and_then(|c| c.to_digit(10)) {
                unit /= 10;
                micros = micros.saturating_add(unit * u64::from(digit));
                self.0 = self.0.get(1..).unwrap_or_default();
            }
        }
        Ok(micros)
    }

    /// A string in quotes of either kind.
    #[inline(never)]
    fn quoted(&mut self) -> Result<String, Why> {
        const OPEN: Why = packed!("expected a text in quotes");
        self.skip();
        let mut left = self.0.chars();
        let quote = left
            .next()
            .filter(|c| matches!(c, '\'' | '"'))
            .ok_or(OPEN)?;
        let mut text = String::new();
        loop {
            let mut next = || left.next().ok_or(OPEN);
            let character = match next()? {
                end if end == quote => break,
                '\\' => match next()? {
                    'a' => '\x07',
                    'b' => '\x08',
                    'f' => '\x0c',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    '\n' => continue,
                    long @ ('u' | 'U') => {
                        let mut code = 0;
                        for _ in 0..if long == 'u' { 4 } else { 8 } {
                            let digit = next()?.to_digit(16).ok_or(OPEN)?;
                            code = code << 4 | digit;
                        }
                        char::from_u32(code).ok_or(OPEN)?
                    }
                    other => other,
                },
                other => other,
            };
            if character == '\0' {
                return Err(packed!("a text can't hold NUL"));
            }
            text.push(character);
        }
        self.0 = left.as_str();
        Ok(text)
    }
}

/// How many bits a number of this kind has, and whether one is for the sign.
fn bits(kind: &[u8]) -> (u32, bool) {
    match kind {
        b"y" => (8, false),
        b"n" => (16, true),
        b"q" => (16, false),
        b"i" => (32, true),
        b"u" => (32, false),
        b"x" => (64, true),
        _ => (64, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, text: &str) -> Result<Vec<u8>, Why> {
        let mut wire = Wire::default();
        property(name, text, &mut wire).map(|()| wire.0)
    }

    fn wanted(name: &str, kind: &str, fill: impl Fn(&mut Wire)) -> Result<Vec<u8>, Why> {
        let mut wire = Wire::default();
        wire.property(name, kind);
        fill(&mut wire);
        Ok(wire.0)
    }

    #[test]
    fn numbers() {
        const ROWS: [(&str, &str, usize, u64); 14] = [
            ("7", "i", 4, 7),
            ("-7", "i", 4, -7i64 as u64),
            ("+7", "i", 4, 7),
            ("byte 255", "y", 1, 255),
            ("int16 -32768", "n", 2, 0x8000),
            ("uint16 0xffff", "q", 2, 0xffff),
            ("uint32 4294967295", "u", 4, 0xffff_ffff),
            ("int64 -1", "x", 8, u64::MAX),
            ("uint64 18446744073709551615", "t", 8, u64::MAX),
            ("@t  017", "t", 8, 15),
            ("@t 0", "t", 8, 0),
            (" uint64\t3 ", "t", 8, 3),
            ("true", "b", 4, 1),
            ("boolean false", "b", 4, 0),
        ];
        for (text, kind, size, value) in ROWS {
            let want = wanted("TasksMax", kind, |wire| wire.number(size, value));
            assert_eq!(made("TasksMax", text), want, "{text}");
        }
        for text in [
            "",
            " ",
            "byte 256",
            "byte -1",
            "int16 32768",
            "uint64 18446744073709551616",
            "2147483648",
            "1.5",
            "08",
            "0x",
            "1e3",
            "7 8",
            "7,",
            "double 1",
            "@d 1",
            "@tt 1",
            "@ 1",
            "uint64",
            "uint64 true",
            "-",
            "truely",
            "b'a'",
            "<7>",
            "{'a': 7}",
            "(1, 2)",
            "@aaaaai []",
            "maybe",
            "nothing",
            "5s",
        ] {
            assert!(made("TasksMax", text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts() {
        for (text, value) in [
            ("'inactive-or-failed'", "inactive-or-failed"),
            ("\"it's\"", "it's"),
            (r#"'a\'b\n\\ \u00e9\U0001F600'"#, "a'b\n\\ \u{e9}\u{1f600}"),
            ("string ''", ""),
        ] {
            let want = wanted("CollectMode", "s", |wire| wire.text(value));
            assert_eq!(made("CollectMode", text), want, "{text}");
        }
        for text in [
            "'",
            "'a",
            "a",
            r"'\u00'",
            r"'\u0000'",
            r"'\ud800'",
            r"'\",
            "'a'b",
            "objectpath '/'",
            "@g 's'",
        ] {
            assert!(made("CollectMode", text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists() {
        let texts = |wire: &mut Wire| {
            wire.array(4, &mut |list| {
                list.text("a.service");
                list.text("b.service");
            });
        };
        for text in [
            "['a.service', 'b.service']",
            "@as ['a.service',\"b.service\"]",
            "[string 'a.service', 'b.service' ]",
        ] {
            assert_eq!(made("After", text), wanted("After", "as", texts), "{text}");
        }
        let empty = |wire: &mut Wire| wire.array(8, &mut |_| {});
        assert_eq!(made("Some", "@at []"), wanted("Some", "at", empty));
        let nested = |wire: &mut Wire| {
            wire.array(4, &mut |list| {
                list.array(1, &mut |bytes| bytes.0.extend([1, 2]));
                list.array(1, &mut |bytes| bytes.0.push(3));
            });
        };
        assert_eq!(
            made("Some", "[[byte 1, 2], [3]]"),
            wanted("Some", "aay", nested)
        );
        for text in [
            "[]",
            "[1",
            "[1,]",
            "[1 2]",
            "['a', 1]",
            "[1, uint64 2]",
            "[[1], 2]",
            "[[[[1]]]]",
            "@ai 7",
            "]",
        ] {
            assert!(made("After", text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_become_microseconds() {
        for (text, micros) in [
            ("1", 1_000_000),
            ("uint64 90", 90_000_000),
            ("0.5", 500_000),
            ("@d 2.0000019", 2_000_001),
        ] {
            let want = wanted("TimeoutStopUSec", "t", |wire| wire.number(8, micros));
            assert_eq!(made("TimeoutStopSec", text), want, "{text}");
        }
        for text in [
            "-1",
            "'1'",
            "true",
            "uint64 1.5",
            "18446744073709551615",
            "[1]",
            "1.5s",
            ".5",
        ] {
            assert!(made("TimeoutStopSec", text).is_err(), "{text}");
        }
        // These are no seconds.
        let as_is = |name| made(name, "uint64 5") == wanted(name, "t", |wire| wire.number(8, 5));
        assert!(as_is("TimeoutStopUSec") && as_is("RuntimeMaxSecx") && as_is("ASec"));
    }

    #[test]
    fn names() {
        for name in [
            "",
            "ab",
            "Memory_Max",
            "Memory.Max",
            "Memory1",
            "M\u{e9}moire",
            "a b",
        ] {
            assert!(made(name, "true").is_err(), "{name}");
        }
    }
}
