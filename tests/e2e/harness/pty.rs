//! A terminal for the program under test: a pty pair whose master the test holds.
use super::{R, fail, patience};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, Timespec, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// See the module.
pub struct Pty {
    /// The test's end.
    pub master: OwnedFd,
    /// The program's end, absent if the pair is someone else's.
    pub slave: Option<OwnedFd>,
    /// Everything read so far.
    pub seen: String,
}

impl Pty {
    /// A new pair of 80 columns and 24 rows.
    pub fn new() -> R<Pty> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = open(name.as_c_str(), flags, Mode::empty())?;
        let pty = Pty {
            master,
            slave: Some(slave),
            seen: String::new(),
        };
        pty.resize(24, 80)?;
        Ok(pty)
    }

    /// Around a master that came over a socket.
    pub fn from_master(master: OwnedFd) -> Pty {
        Pty {
            master,
            slave: None,
            seen: String::new(),
        }
    }

    /// The program's end.
    pub fn slave(&self) -> R<&OwnedFd> {
        Ok(self.slave.as_ref().ok_or("no slave")?)
    }

    /// Sets the window's size.
    pub fn resize(&self, rows: u16, columns: u16) -> R<()> {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(&self.master, size)?)
    }

    /// Rows and columns.
    pub fn size(&self) -> R<(u16, u16)> {
        let size = tcgetwinsize(&self.master)?;
        Ok((size.ws_row, size.ws_col))
    }

    /// The terminal's settings as text, to compare before and after.
    pub fn settings(&self) -> R<String> {
        let t: Termios = tcgetattr(self.slave()?)?;
        Ok(format!(
            "{:?} {:?} {:?} {:?}",
            t.input_modes, t.output_modes, t.control_modes, t.local_modes
        ))
    }

    /// Types.
    pub fn write(&self, text: &str) -> R<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let n = rustix::io::write(&self.master, rest)?;
            rest = &rest[n..];
        }
        Ok(())
    }

    /// Reads what is there within `wait`; false at the end of the terminal.
    pub fn read(&mut self, wait: Duration) -> R<bool> {
        let limit = Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: wait.subsec_nanos().into(),
        };
        if poll(
            &mut [PollFd::new(&self.master, PollFlags::IN)],
            Some(&limit),
        )? == 0
        {
            return Ok(true);
        }
        let mut buffer = [0; 65536];
        match rustix::io::read(&self.master, &mut buffer) {
            Ok(0) | Err(rustix::io::Errno::IO) => Ok(false),
            Ok(n) => {
                self.seen += &String::from_utf8_lossy(&buffer[..n]);
                Ok(true)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Reads until `text` has been seen after what an earlier call found.
    pub fn expect(&mut self, text: &str) -> R<()> {
        let end = Instant::now() + patience(10);
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return Ok(());
            }
            if Instant::now() > end || !self.read(Duration::from_millis(200))? {
                return fail(format!("terminal: no {text:?} in {:?}", self.seen));
            }
        }
    }

    /// Reads to the end of the terminal and gives the number of bytes.
    pub fn drain(&mut self, seconds: u64) -> R<usize> {
        let end = Instant::now() + Duration::from_secs(seconds);
        while self.read(Duration::from_millis(50))? {
            if Instant::now() > end {
                break;
            }
        }
        Ok(self.seen.len())
    }
}
