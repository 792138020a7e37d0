//! A container's output: a pipe that is never at its end, and the log at the other side of it.

use super::Path;
use crate::text::put;
use core::ffi::CStr;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fstat, open, rename};
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};

/// See the module.
#[derive(Debug)]
pub struct Log {
    /// What the container writes to. It stays open here, so that the other end says nothing while nobody writes.
    sink: OwnedFd,
    source: OwnedFd,
    file: Option<OwnedFd>,
    size: u64,
    /// Whether the last write failed.
    broken: bool,
}

impl Log {
    /// Makes the pipe. The log is opened when there is something to write.
    pub fn new() -> Result<Log, Errno> {
        let (source, sink) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&source, true)?;
        Ok(Log {
            sink,
            source,
            file: None,
            size: 0,
            broken: false,
        })
    }

    /// What the container writes to.
    pub fn sink(&self) -> BorrowedFd<'_> {
        self.sink.as_fd()
    }

    /// Polls as readable when there is output.
    pub fn source(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }

    /// Moves a part of what the pipe has to the log; false when there was nothing. An error is the log's, and said
    /// once: the output is lost until it is better, for the container is not to wait for a disk that is full.
    pub fn take(&mut self, directory: &CStr, id: &CStr, limit: u64) -> Result<bool, Errno> {
        let mut buffer = [0u8; 4096];
        let Ok(length @ 1..) = read(&self.source, &mut buffer[..]) else {
            return Ok(false);
        };
        let written = self.write(&buffer[..length], directory, id, limit);
        let known = core::mem::replace(&mut self.broken, written.is_err());
        written.or_else(|errno| if known { Ok(()) } else { Err(errno) })?;
        Ok(true)
    }

    fn write(
        &mut self,
        mut bytes: &[u8],
        directory: &CStr,
        id: &CStr,
        limit: u64,
    ) -> Result<(), Errno> {
        let mut flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY;
        let full = self.size > 0 && self.size + bytes.len() as u64 > limit;
        let file = match self.file.take() {
            Some(file) if !full => file,
            before => {
                let mut text = Path::new();
                let mut old = Path::new();
                let parts = [directory.to_bytes(), b"/", id.to_bytes(), b".log"];
                let path = put(&mut text, &parts)?;
                let old = put(&mut old, &[path.to_bytes(), b".1"])?;
                if before.is_some() && rename(path, old).is_err() {
                    flags |= OFlags::TRUNC;
                }
                let file = open(path, flags, Mode::from_raw_mode(0o640))?;
                self.size = fstat(&file)?.st_size as u64;
                file
            }
        };
        while !bytes.is_empty() {
            let written = rustix::io::retry_on_intr(|| write(&file, bytes))?;
            bytes = bytes.get(written..).unwrap_or_default();
            self.size += written as u64;
        }
        self.file = Some(file);
        Ok(())
    }
}
