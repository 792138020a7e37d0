//! A connection to a bus: made for one command, with no more messages than it takes. What can go together goes in one write.

use super::message::{self, Message};
use super::wire::{DRIVER, NO_REPLY, SYSTEMD, To, Wire, call};
use crate::error::{Error, Result};
use crate::files;
use crate::socket::{Address, unconnected};
use crate::text::pieces;
use init::sys::time::milliseconds;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::SocketType;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How many milliseconds systemd may take for what it is asked, as in runc.
const PATIENCE: i64 = 30_000;

/// What the bus is told first: it is to take the user from the socket, which is right in user namespaces too, where a
/// number of ours would mean another user to it. sd-bus does the same.
const GREETING: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

/// Where the bus of the host is, unless the variable says otherwise.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";

/// See the module.
#[derive(Debug)]
pub struct Bus {
    socket: OwnedFd,
    /// To be sent.
    out: Vec<u8>,
    /// Come in and not looked at yet.
    read: Vec<u8>,
    serial: u32,
    greeted: bool,
}

/// What a call came to that was not done.
#[derive(Debug)]
pub struct Refused {
    /// The D-Bus error's name; empty when there was no answer to understand.
    pub name: String,
    /// What there is to say.
    pub error: Error,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        let name = String::new();
        Refused { name, error }
    }
}

/// A message that came in.
#[derive(Debug)]
pub struct Incoming(Vec<u8>);

impl Incoming {
    /// Its parts.
    pub fn message(&self) -> Message<'_> {
        // It was parsed before it was kept.
        Message::parse(&self.0).unwrap_or_default()
    }
}

impl Bus {
    /// Connects to the bus of the host, or to that of the user's own systemd.
    pub fn connect(user: bool) -> Result<Bus> {
        let variable = |name| crate::host::variable(name).filter(|value| !value.is_empty());
        let address = match user {
            false => variable("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or(SYSTEM_BUS.into()),
            true => match (
                variable("DBUS_SESSION_BUS_ADDRESS"),
                variable("XDG_RUNTIME_DIR"),
            ) {
                (Some(address), _) => address,
                (None, Some(directory)) => {
                    return Bus::at(&[directory.as_bytes(), b"/bus"].concat(), false);
                }
                _ => {
                    return Err(Error::new(packed!(
                        "systemd: the user's bus is in DBUS_SESSION_BUS_ADDRESS or below XDG_RUNTIME_DIR, and neither is \
                         set; log in, or leave out --systemd-cgroup"
                    )));
                }
            },
        };
        let mut last = None;
        for one in pieces(address.to_str().unwrap_or_default(), b';') {
            let Some((path, is_abstract)) = place(one) else {
                continue;
            };
            match Bus::at(&path, is_abstract) {
                Ok(bus) => return Ok(bus),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            let why =
                packed!("systemd: D-Bus address {}: expected unix:path=... or unix:abstract=...");
            Error::fill_bytes(why, &[address.as_bytes()])
        }))
    }

    fn at(path: &[u8], is_abstract: bool) -> Result<Bus> {
        let failed = |error: Error| {
            let why = packed!("; systemd and D-Bus must run, or leave out --systemd-cgroup");
            error.under("systemd: D-Bus").and(why)
        };
        let address = match is_abstract {
            true => Address::of_abstract(path).map_err(|errno| Error::of("", path, errno)),
            false => Address::of(Path::new(OsStr::from_bytes(path))),
        };
        let address = address.map_err(failed)?;
        let socket = unconnected(SocketType::STREAM)?;
        rustix::net::connect(&socket, &address.unix)
            .map_err(|errno| failed(Error::of("", path, errno)))?;
        let mut bus = Bus {
            socket,
            out: GREETING.into(),
            read: Vec::new(),
            serial: 0,
            greeted: false,
        };
        // Its answer, our name there, is of no use to us.
        bus.put(NO_REPLY, &DRIVER, "Hello", "", &Wire::default());
        Ok(bus)
    }

    fn put(&mut self, flags: u8, to: &To, member: &str, signature: &str, body: &Wire) {
        self.serial += 1;
        let message = call(self.serial, flags, to, member, signature, body);
        self.out.extend_from_slice(&message);
    }

    /// Asks for signals that this rule matches; sent with the next call.
    pub fn listen(&mut self, rule: &str) {
        let mut body = Wire::default();
        body.text(rule);
        self.put(NO_REPLY, &DRIVER, "AddMatch", "s", &body);
    }

    /// Calls a method and waits for its answer.
    #[inline(never)]
    pub fn call(
        &mut self,
        to: &To,
        member: &str,
        signature: &str,
        body: &Wire,
    ) -> core::result::Result<Incoming, Refused> {
        self.put(0, to, member, signature, body);
        let serial = self.serial;
        let answer = self.wait(member, &mut |message| {
            message.answers == serial && matches!(message.kind, message::RETURN | message::ERROR)
        })?;
        let message = answer.message();
        if message.kind == message::RETURN {
            return Ok(answer);
        }
        let text = message.first_text().unwrap_or_default();
        let parts = ["systemd: ", member, ": ", text, " (", message.error, ")"];
        Err(Refused {
            name: message.error.into(),
            error: Error::join(&parts),
        })
    }

    /// Sends what is to be sent and waits for a message; all others are dropped.
    #[inline(never)]
    pub fn wait(
        &mut self,
        step: &str,
        wanted: &mut dyn FnMut(&Message<'_>) -> bool,
    ) -> Result<Incoming> {
        let until = milliseconds() + PATIENCE;
        let failed = |errno| Error::of("systemd: D-Bus", step.as_bytes(), errno);
        let out = core::mem::take(&mut self.out);
        files::write_all(self.socket.as_fd(), &out).map_err(failed)?;
        loop {
            while let Some(whole) = self.next(step)? {
                if wanted(&whole.message()) {
                    return Ok(whole);
                }
            }
            let left = until - milliseconds();
            let left = Timespec {
                tv_sec: left.max(0) / 1000,
                tv_nsec: (left.max(0) % 1000) * 1_000_000,
            };
            let ready = rustix::io::retry_on_intr(|| {
                poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&left))
            });
            if ready.map_err(failed)? == 0 {
                let why = ": no answer within 30 seconds";
                return Err(Error::fill(packed!("systemd: {}{}"), &[step, why]));
            }
            let mut part = [0; 4096];
            match rustix::io::retry_on_intr(|| rustix::io::read(&self.socket, &mut part)) {
                Ok(0) => return Err(failed(Errno::CONNRESET)),
                Ok(length) => self.read.extend(part.iter().take(length)),
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// The next whole message, if it is there.
    fn next(&mut self, step: &str) -> Result<Option<Incoming>> {
        let odd = || {
            Error::fill(
                packed!("systemd: D-Bus: {}: this is not a D-Bus answer"),
                &[step],
            )
        };
        if !self.greeted {
            // `DATA`, the question for a name that we leave to the socket, then `OK` and the bus's id.
            let end = |text: &[u8]| text.windows(2).position(|two| two == b"\r\n");
            let first = end(&self.read);
            let second = first.and_then(|first| end(self.read.get(first + 2..)?));
            let Some((first, second)) = first.zip(second) else {
                return match self.read.len() < 1024 && !self.read.starts_with(b"REJECTED") {
                    true => Ok(None),
                    false => Err(Error::new(packed!(
                        "systemd: the bus does not let this user in"
                    ))),
                };
            };
            if !self.read.starts_with(b"DATA\r\nOK ") {
                return Err(Error::new(packed!(
                    "systemd: the bus does not let this user in"
                )));
            }
            self.read.drain(..first + second + 4);
            self.greeted = true;
        }
        let Some(start) = self.read.first_chunk() else {
            return Ok(None);
        };
        let length = message::length(start).ok_or_else(odd)?;
        if self.read.len() < length {
            return Ok(None);
        }
        let rest = self.read.split_off(length);
        let whole = core::mem::replace(&mut self.read, rest);
        match Message::parse(&whole) {
            Some(_) => Ok(Some(Incoming(whole))),
            None => Err(odd()),
        }
    }

    /// The user whom the systemd of this bus works for, as the bus knows users.
    pub fn owner(&mut self) -> Option<u32> {
        let mut body = Wire::default();
        body.text(SYSTEMD[0]);
        let answer = self.call(&DRIVER, "GetConnectionUnixUser", "s", &body);
        let answer = answer.ok()?;
        let message = answer.message();
        (message.signature == "u").then(|| message.reader().number())?
    }
}

/// The path in one address, or the abstract name: `unix:path=/run/bus,guid=...`, with `%XX` for what isn't plain.
fn place(address: &str) -> Option<(Vec<u8>, bool)> {
    let keys = address.strip_prefix("unix:")?;
    for key in pieces(keys, b',') {
        let mut parts = pieces(key, b'=');
        let is_abstract = match parts.next()? {
            "path" => false,
            "abstract" => true,
            _ => continue,
        };
        let mut text = parts.rest()?.bytes();
        let mut path = Vec::new();
        while let Some(byte) = text.next() {
            let mut digit = || char::from(text.next()?).to_digit(16);
            path.push(match byte {
                b'%' => (digit()? << 4 | digit()?) as u8,
                byte => byte,
            });
        }
        return Some((path, is_abstract));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |address: &str| {
            place(address).map(|(path, kind)| (String::from_utf8(path).unwrap(), kind))
        };
        let is = |path: &str, kind| Some((path.to_string(), kind));
        assert_eq!(
            of("unix:path=/run/user/1/bus"),
            is("/run/user/1/bus", false)
        );
        assert_eq!(of("unix:guid=12,path=/a%20b%2c"), is("/a b,", false));
        assert_eq!(of("unix:abstract=/tmp/x,guid=1"), is("/tmp/x", true));
        for bad in [
            "",
            "tcp:host=x",
            "unix:",
            "unix:guid=1",
            "unix:path=/a%2",
            "unix:path=/%zz",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
