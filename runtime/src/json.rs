//! A writer for the JSON that other programs read from mote: `state`, `list`, `ps`, `spec`, `features`, logs.
//!
//! Values are written in the order of the calls, so the caller decides the order of keys, as the programs that
//! compare text expect. Strings are escaped the way Go's encoder does it, for those same programs.

use crate::text;

/// How a document is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// No white space at all.
    Compact,
    /// See [`indented`].
    Indented(&'static str),
}

/// Collects one JSON document.
///
/// The calls must pair up by themselves: every `open_*` has its `close`, and inside an object every value follows
/// a [`key`](Writer::key).
pub struct Writer {
    text: String,
    layout: Layout,
    /// The closing brackets of the open arrays and objects.
    open: Vec<char>,
    /// A comma belongs before the next value or key.
    filled: bool,
}

impl Writer {
    /// An empty document.
    #[inline(never)]
    pub fn new(layout: Layout) -> Writer {
        Writer {
            text: String::new(),
            layout,
            open: Vec::new(),
            filled: false,
        }
    }

    /// The document's text, without a line feed at its end; what is still open stays so.
    pub fn finish(self) -> String {
        match self.layout {
            Layout::Compact => self.text,
            Layout::Indented(indent) => indented(&self.text, indent),
        }
    }

    /// The document in one line, with a line feed at its end.
    pub fn line(&mut self) -> &str {
        self.text.push('\n');
        &self.text
    }

    /// Forgets the document, but keeps its memory for the next one.
    pub fn restart(&mut self) {
        self.text.clear();
        self.filled = false;
    }

    /// Starts an object.
    pub fn open_object(&mut self) {
        self.open('{', '}');
    }

    /// Starts an array.
    pub fn open_array(&mut self) {
        self.open('[', ']');
    }

    /// Ends the innermost object or array.
    pub fn close(&mut self) {
        if let Some(bracket) = self.open.pop() {
            self.text.push(bracket);
        }
        self.filled = true;
    }

    /// The name of the next value.
    pub fn key(&mut self, name: &str) {
        self.string(name);
        self.text.push(':');
        self.filled = false;
    }

    /// A string value.
    pub fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// A string value from the operating system; what isn't UTF-8 in it becomes U+FFFD.
    pub fn bytes(&mut self, value: &[u8]) {
        self.begin();
        self.text.push('"');
        for chunk in value.utf8_chunks() {
            for character in chunk.valid().chars() {
                escape(&mut self.text, character);
            }
            if !chunk.invalid().is_empty() {
                self.text.push_str("\\ufffd");
            }
        }
        self.text.push('"');
    }

    /// A number that is never negative.
    pub fn unsigned(&mut self, value: u64) {
        self.begin();
        text::push(&mut self.text, value, 1);
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// A value whose text is there already.
    pub fn raw(&mut self, text: &str) {
        self.begin();
        self.text.push_str(text);
    }

    /// A whole array of strings under a key.
    pub fn strings(&mut self, key: &str, values: &mut dyn Iterator<Item = &str>) {
        self.key(key);
        self.open_array();
        for value in values {
            self.string(value);
        }
        self.close();
    }

    /// A string under a key.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    /// `true` or `false` under a key.
    pub fn switch(&mut self, key: &str, value: bool) {
        self.key(key);
        self.boolean(value);
    }

    fn open(&mut self, opening: char, closing: char) {
        self.begin();
        self.text.push(opening);
        self.open.push(closing);
        self.filled = false;
    }

    /// What stands between the previous value and this one.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.filled, true) {
            self.text.push(',');
        }
    }
}

/// A document with a line for every value, indented by this text once per level. White space that was there goes.
#[inline(never)]
pub fn indented(document: &str, indent: &str) -> String {
    let mut text = Vec::new();
    let mut depth = 0usize;
    // Inside a string; after a backslash in it; after an opening bracket.
    let (mut string, mut escape, mut opened) = (false, false, false);
    let new_line = |text: &mut Vec<u8>, depth: usize| {
        text.push(b'\n');
        for _ in 0..depth {
            text.extend_from_slice(indent.as_bytes());
        }
    };
    for &byte in document.as_bytes() {
        if string {
            text.push(byte);
            string = escape || byte != b'"';
            escape = !escape && byte == b'\\';
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        match byte {
            b' ' | b'\n' => continue,
            _ if closes => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Nothing stands between the brackets of what is empty.
        if closes != opened {
            new_line(&mut text, depth);
        }
        opened = false;
        text.push(byte);
        match byte {
            b'"' => string = true,
            b':' => text.push(b' '),
            b',' => new_line(&mut text, depth),
            b'{' | b'[' => (depth, opened) = (depth + 1, true),
            _ => {}
        }
    }
    String::from_utf8(text).unwrap_or_default()
}

/// Go writes `<`, `>` and `&` as escapes too, so that its output is safe inside HTML; the JSON value is the same.
fn escape(text: &mut String, character: char) {
    let short = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            return text::escape(text, character);
        }
        _ => return text.push(character),
    };
    text.push_str(short);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(layout: Layout) -> String {
        let mut writer = Writer::new(layout);
        writer.open_object();
        writer.text("a", "x");
        writer.key("b");
        writer.open_array();
        writer.unsigned(u64::MAX);
        writer.close();
        writer.key("c");
        writer.open_object();
        writer.close();
        writer.strings("d", &mut [].into_iter());
        writer.switch("e", false);
        writer.close();
        writer.finish()
    }

    #[test]
    fn layouts() {
        assert_eq!(
            sample(Layout::Compact),
            r#"{"a":"x","b":[18446744073709551615],"c":{},"d":[],"e":false}"#
        );
        assert_eq!(
            sample(Layout::Indented("  ")),
            "{\n  \"a\": \"x\",\n  \"b\": [\n    18446744073709551615\n  ],\n  \"c\": {},\n  \"d\": [],\n  \"e\": false\n}"
        );
    }

    #[test]
    fn escapes_as_go_does() {
        let rows: [(&[u8], &str); 8] = [
            (b"plain \xc3\xa9", "\"plain \u{e9}\""),
            (b"\"\\", r#""\"\\""#),
            (b"\n\r\t\x08\x0c", r#""\n\r\t\b\f""#),
            (b"\x00\x1f\x7f", "\"\\u0000\\u001f\u{7f}\""),
            (b"<a&b>", r#""\u003ca\u0026b\u003e""#),
            (b"\xe2\x80\xa8", r#""\u2028""#),
            (b"a\xffb", r#""a\ufffdb""#),
            (b"", r#""""#),
        ];
        for (value, expected) in rows {
            let mut writer = Writer::new(Layout::Compact);
            writer.bytes(value);
            assert_eq!(writer.finish(), expected);
        }
    }

    #[test]
    fn white_space_in_strings_stays() {
        let document = " {\n\"a: [\\\"\\\\\" :[ ] }";
        assert_eq!(indented(document, "\t"), "{\n\t\"a: [\\\"\\\\\": []\n}");
    }
}
