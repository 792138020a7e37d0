//! Messages that came in: nothing in them is believed before it was looked at.

use super::wire::ORDER;

/// No message that is waited for is nearly so long; a longer one is a fault.
pub const LONGEST: usize = 1 << 16;

/// How long the part is that tells how long the message is.
pub const START: usize = 16;

/// The type of an answer.
pub const RETURN: u8 = 2;

/// The type of a refusal.
pub const ERROR: u8 = 3;

/// The type of what nobody called for.
pub const SIGNAL: u8 = 4;

/// One message. Texts that it has not are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'m> {
    /// [`RETURN`], [`ERROR`], [`SIGNAL`], or a call.
    pub kind: u8,
    /// The serial of the call that it answers; 0 for none.
    pub answers: u32,
    /// The signal's or method's name.
    pub member: &'m str,
    /// The error's name.
    pub error: &'m str,
    /// The unique name of who sent it, put there by the bus.
    pub sender: &'m str,
    /// What the body holds.
    pub signature: &'m str,
    /// The body's bytes.
    pub body: &'m [u8],
}

/// How long a message is that begins so, itself included; none if it can't be one, or is too long.
#[inline(never)]
pub fn length(start: &[u8; START]) -> Option<usize> {
    let mut fixed = Reader {
        bytes: start,
        at: 4,
    };
    let (body, serial, fields) = (fixed.number()?, fixed.number()?, fixed.number()?);
    let good = start[0] == ORDER && start[3] == 1 && serial != 0;
    let head = (START as u64 + u64::from(fields)).next_multiple_of(8);
    let whole = head + u64::from(body);
    (good && whole <= LONGEST as u64).then_some(whole as usize)
}

impl<'m> Message<'m> {
    /// Takes apart a message of the right [`length`].
    #[inline(never)]
    pub fn parse(bytes: &'m [u8]) -> Option<Message<'m>> {
        let start: &[u8; START] = bytes.first_chunk()?;
        if length(start)? != bytes.len() {
            return None;
        }
        let mut fixed = Reader { bytes, at: 4 };
        let (body, _, fields) = (fixed.number()?, fixed.number()?, fixed.number()?);
        let mut message = Message {
            kind: bytes[1],
            ..Message::default()
        };
        let mut fields = Reader {
            bytes: bytes.get(..START + fields as usize)?,
            at: START,
        };
        while fields.at < fields.bytes.len() {
            fields.align(8)?;
            let code = fields.byte()?;
            let kind = fields.signature()?;
            let (mut text, mut number) = ("", 0);
            match kind {
                "s" | "o" => text = fields.text()?,
                "g" => text = fields.signature()?,
                "u" => number = fields.number()?,
                _ => return None,
            }
            match (code, kind) {
                (3, "s") => message.member = text,
                (4, "s") => message.error = text,
                (5, "u") => message.answers = number,
                (7, "s") => message.sender = text,
                (8, "g") => message.signature = text,
                // Whose object and interface it is does not matter here; what isn't known is to be passed over.
                (3..=5 | 7 | 8, _) => return None,
                _ => {}
            }
        }
        message.body = bytes.get(bytes.len() - body as usize..)?;
        Some(message)
    }

    /// The body's parts, from the first.
    pub fn reader(&self) -> Reader<'m> {
        Reader {
            bytes: self.body,
            at: 0,
        }
    }

    /// The first part, if that is a text.
    pub fn first_text(&self) -> Option<&'m str> {
        match self.signature.as_bytes() {
            [b's' | b'o', ..] => self.reader().text(),
            _ => None,
        }
    }
}

/// Goes from value to value.
#[derive(Clone, Debug)]
pub struct Reader<'m> {
    bytes: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    #[inline(never)]
    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    /// Padding is zeros.
    #[inline(never)]
    fn align(&mut self, to: usize) -> Option<()> {
        let padding = self.take(self.at.next_multiple_of(to) - self.at)?;
        padding.iter().all(|byte| *byte == 0).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// An unsigned number of 4 bytes.
    #[inline(never)]
    pub fn number(&mut self) -> Option<u32> {
        self.align(4)?;
        let bytes: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    }

    /// A string or an object's path.
    #[inline(never)]
    pub fn text(&mut self) -> Option<&'m str> {
        let length = self.number()?;
        self.ended(length as usize)
    }

    /// A signature.
    #[inline(never)]
    pub fn signature(&mut self) -> Option<&'m str> {
        let length = self.byte()?;
        self.ended(length.into())
    }

    /// Text without a NUL in it and with one behind it.
    fn ended(&mut self, length: usize) -> Option<&'m str> {
        let (end, text) = self.take(length.checked_add(1)?)?.split_last()?;
        let good = *end == 0 && !text.contains(&0);
        core::str::from_utf8(text).ok().filter(|_| good)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{DRIVER, Wire, call};
    use super::*;

    fn signal() -> Vec<u8> {
        let mut body = Wire::default();
        body.number(4, 77);
        body.text("/org/freedesktop/systemd1/job/77");
        body.text("runc-box.scope");
        body.text("done");
        call(9, 0, &DRIVER, "JobRemoved", "uoss", &body)
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = signal();
        assert_eq!(length(bytes.first_chunk().unwrap()), Some(bytes.len()));
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.kind, message.answers), (1, 0));
        assert_eq!((message.member, message.signature), ("JobRemoved", "uoss"));
        let mut body = message.reader();
        assert_eq!(body.number(), Some(77));
        assert_eq!(body.text(), Some("/org/freedesktop/systemd1/job/77"));
        assert_eq!(body.text(), Some("runc-box.scope"));
        assert_eq!(body.text(), Some("done"));
        assert_eq!(body.text(), None);
        assert_eq!(message.first_text(), None);
    }

    #[test]
    fn damage_is_noticed() {
        let whole = signal();
        for end in 0..whole.len() {
            assert_eq!(Message::parse(&whole[..end]), None, "{end}");
        }
        let broken = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            Message::parse(&bytes).is_none()
        };
        let other_order = if ORDER == b'l' { b'B' } else { b'l' };
        assert!(broken(0, other_order) && broken(3, 2));
        // A number where the member's name belongs; a text that does not end; padding that is not zero.
        let at = whole.windows(4).position(|part| part == b"\x03\x01s\0");
        assert!(broken(at.unwrap() + 2, b'u'));
        let at = whole.windows(11).position(|part| part == b"JobRemoved\0");
        assert!(broken(at.unwrap() + 10, b'x') && broken(at.unwrap() + 11, 1));
        assert!(broken(at.unwrap() + 3, 0) && broken(at.unwrap() + 3, 0xff));
        let mut long = whole.clone();
        long[4..8].copy_from_slice(&(LONGEST as u32).to_ne_bytes());
        assert_eq!(length(long.first_chunk().unwrap()), None);
    }
}
