//! A bus that answers what a case tells it to: for what a real systemd can't be made to do.
use super::R;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

/// What the bus says to a call.
pub enum Say {
    /// An error of this name, with this text.
    Error(&'static str, &'static str),
    /// A job, and how it ends.
    Job(&'static str),
    /// The same, after somebody else has claimed that it is done.
    Disputed(&'static str),
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, and it hangs up.
    Nothing,
    /// Nothing, and it holds the line.
    Silence,
}

/// A call as it came: the name of the method, and all of its bytes as text.
pub type Called = (String, String);

/// Answers at `path`, as long as the case runs; `say` is asked about each call, `Hello` and `AddMatch` aside. With
/// `let_in` false nobody gets as far as that.
pub fn serve(
    path: &Path,
    let_in: bool,
    say: impl Fn(&str, usize) -> Say + Send + 'static,
) -> R<Receiver<Called>> {
    let listener = UnixListener::bind(path)?;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        let mut count = 0;
        for stream in listener.incoming().flatten() {
            let mut one = |name: String, text: String| {
                count += 1;
                let answer = say(&name, count);
                let _ = tell.send((name, text));
                answer
            };
            if let Some(stream) = talk(stream, let_in, &mut one) {
                held.push(stream);
            }
        }
    });
    Ok(told)
}

/// One connection; it is returned if it is to be held.
fn talk(
    mut stream: UnixStream,
    let_in: bool,
    say: &mut dyn FnMut(String, String) -> Say,
) -> Option<UnixStream> {
    let mut read: Vec<u8> = Vec::new();
    let more = |stream: &mut UnixStream, read: &mut Vec<u8>| {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).ok().filter(|length| *length > 0)?;
        read.extend(&part[..length]);
        Some(())
    };
    let begin = loop {
        if let Some(at) = find(&read, b"BEGIN\r\n") {
            break at;
        }
        more(&mut stream, &mut read)?;
    };
    let greeting: Vec<u8> = read.drain(..begin + 7).collect();
    let answer: &[u8] = match let_in && greeting == b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n" {
        true => b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n",
        false => b"REJECTED DBUS_COOKIE_SHA1\r\n",
    };
    stream.write_all(answer).ok()?;
    loop {
        let whole = loop {
            if let Some(start) = read.get(..16) {
                let length = number(start, 12).next_multiple_of(8) + 16 + number(start, 4);
                if read.len() >= length {
                    break length;
                }
            }
            more(&mut stream, &mut read)?;
        };
        let message: Vec<u8> = read.drain(..whole).collect();
        let name = member(&message);
        if name == "Hello" || name == "AddMatch" {
            continue;
        }
        let text = String::from_utf8_lossy(&message).into_owned();
        let serial = number(&message, 8) as u32;
        const JOB: &str = "/org/freedesktop/systemd1/job/7";
        let mut out = Vec::new();
        match say(name, text) {
            Say::Error(name, text) => out = error(serial, name, text),
            Say::Job(result) => {
                out.extend(answered(serial, JOB));
                out.extend(job_removed(":1.0", JOB, result));
            }
            Say::Disputed(result) => {
                out.extend(answered(serial, JOB));
                out.extend(job_removed(":1.66", JOB, "done"));
                out.extend(job_removed(
                    ":1.0",
                    "/org/freedesktop/systemd1/job/6",
                    "done",
                ));
                out.extend(job_removed(":1.0", JOB, result));
            }
            Say::Bytes(bytes) => out = bytes,
            Say::Nothing => return None,
            Say::Silence => return Some(stream),
        }
        stream.write_all(&out).ok()?;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// The field that names the method.
fn member(message: &[u8]) -> String {
    let at = find(message, b"\x03\x01s\0").unwrap_or(0) + 4;
    let length = number(message, at);
    String::from_utf8_lossy(&message[at + 4..at + 4 + length]).into_owned()
}

/// A message under construction.
struct Message(Vec<u8>);

impl Message {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_ne_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn field(&mut self, code: u8, kind: u8) {
        self.align(8);
        self.0.extend([code, 1, kind, 0]);
    }
}

fn message(kind: u8, fields: &Message, body: &Message) -> Vec<u8> {
    let order = if cfg!(target_endian = "little") {
        b'l'
    } else {
        b'B'
    };
    let mut all = Message(vec![order, kind, 1, 1]);
    all.number(body.0.len() as u32);
    all.number(9);
    all.number(fields.0.len() as u32);
    all.0.extend(&fields.0);
    all.align(8);
    all.0.extend(&body.0);
    all.0
}

fn signed(fields: &mut Message, sender: &str, signature: &str) {
    fields.field(7, b's');
    fields.text(sender);
    fields.field(8, b'g');
    fields.0.push(signature.len() as u8);
    fields.0.extend(signature.as_bytes());
    fields.0.push(0);
}

fn answered(serial: u32, job: &str) -> Vec<u8> {
    let (mut fields, mut body) = (Message(Vec::new()), Message(Vec::new()));
    fields.field(5, b'u');
    fields.number(serial);
    signed(&mut fields, ":1.0", "o");
    body.text(job);
    message(2, &fields, &body)
}

fn error(serial: u32, name: &str, text: &str) -> Vec<u8> {
    let (mut fields, mut body) = (Message(Vec::new()), Message(Vec::new()));
    fields.field(5, b'u');
    fields.number(serial);
    fields.field(4, b's');
    fields.text(name);
    signed(&mut fields, ":1.0", "s");
    body.text(text);
    message(3, &fields, &body)
}

fn job_removed(sender: &str, job: &str, result: &str) -> Vec<u8> {
    let (mut fields, mut body) = (Message(Vec::new()), Message(Vec::new()));
    for (code, kind, text) in [
        (1, b'o', "/org/freedesktop/systemd1"),
        (2, b's', "org.freedesktop.systemd1.Manager"),
        (3, b's', "JobRemoved"),
    ] {
        fields.field(code, kind);
        fields.text(text);
    }
    signed(&mut fields, sender, "uoss");
    body.number(7);
    body.text(job);
    body.text("some.scope");
    body.text(result);
    message(4, &fields, &body)
}
