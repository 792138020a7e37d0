//! Whole files, read and written with the system calls alone.
//!
//! The standard library's `File` does the same behind an error type of its own and a good deal of code.

use crate::text::c;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, mkdir, openat};
use rustix::io::Errno;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as system calls take it.
pub fn c_path(path: &Path) -> CString {
    c(&[path.as_os_str().as_bytes()])
}

/// What a system call gave.
pub type Result<T> = core::result::Result<T, Errno>;

/// How much of a file is read at a time; what mote reads is mostly shorter.
const PART: usize = 4096;

/// open(2) with `O_CLOEXEC`; a new file gets the mode less the umask.
#[inline(never)]
pub fn open(path: &Path, flags: OFlags, mode: u32) -> Result<OwnedFd> {
    openat(
        CWD,
        &*c_path(path),
        flags | OFlags::CLOEXEC,
        Mode::from_raw_mode(mode),
    )
}

/// openat(2), the same way. It takes nothing from the heap: `events` reads its files again and again.
#[inline(never)]
pub fn open_at(dir: BorrowedFd<'_>, name: &str, flags: OFlags, mode: u32) -> Result<OwnedFd> {
    openat(
        dir,
        name,
        flags | OFlags::CLOEXEC,
        Mode::from_raw_mode(mode),
    )
}

/// All that the file holds.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    rest(open(path, OFlags::RDONLY, 0)?.as_fd())
}

/// The same for a file below an open directory.
pub fn read_at(dir: BorrowedFd<'_>, name: &str) -> Result<Vec<u8>> {
    rest(open_at(dir, name, OFlags::RDONLY, 0)?.as_fd())
}

/// All that can be read from here to the end.
pub fn rest(file: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    append(file, &mut text).map(|()| text)
}

/// The same behind what is there already.
#[inline(never)]
pub fn append(file: BorrowedFd<'_>, text: &mut Vec<u8>) -> Result<()> {
    // Not read into the vector itself: most files are much shorter, and fresh memory costs a page fault.
    let mut part = [0; PART];
    loop {
        let got = rustix::io::retry_on_intr(|| rustix::io::read(file, &mut part))?;
        if got == 0 {
            return Ok(());
        }
        text.extend_from_slice(part.get(..got).unwrap_or_default());
    }
}

/// Writes all of it.
#[inline(never)]
pub fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(file, bytes))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Writes a file that is there already, as the kernel's are, in one write.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_all(open(path, OFlags::WRONLY, 0)?.as_fd(), bytes)
}

/// `write` for a file below an open directory.
pub fn write_at(dir: BorrowedFd<'_>, name: &str, bytes: &[u8]) -> Result<()> {
    write_all(open_at(dir, name, OFlags::WRONLY, 0)?.as_fd(), bytes)
}

/// mkdir(2), with the directories above where those are missing; one that is there is as good.
pub fn make_directories(path: &[u8], mode: u32) -> Result<()> {
    let make = |path: &[u8]| match mkdir(c(&[path]).as_c_str(), Mode::from_raw_mode(mode)) {
        Err(Errno::EXIST) => Ok(()),
        result => result,
    };
    match make(path) {
        Err(Errno::NOENT) => {}
        result => return result,
    }
    for (at, byte) in path.iter().enumerate().skip(1) {
        if *byte == b'/' {
            let _ = make(&path[..at]);
        }
    }
    make(path)
}

/// Hands over every entry of an open directory but `.` and `..`.
#[inline(never)]
pub fn entries(dir: BorrowedFd<'_>, visit: &mut dyn FnMut(&CStr, FileType)) -> Result<()> {
    let mut buffer = [MaybeUninit::uninit(); PART];
    let mut entries = RawDir::new(dir, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            visit(entry.file_name(), entry.file_type());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_length() {
        let dir = std::env::temp_dir().join(format!("mote-files-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("f");
        let directory = open(&dir, OFlags::PATH, 0).unwrap();
        for length in [0, 1, PART - 1, PART, PART + 1, 3 * PART] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            std::fs::write(&path, "").unwrap();
            write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), bytes);
            assert_eq!(read_at(directory.as_fd(), "f").unwrap(), bytes);
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        write_at(directory.as_fd(), "f", b"x").unwrap();
        assert_eq!(read(&dir.join("g")), Err(Errno::NOENT));
        assert_eq!(write(&dir.join("g"), b""), Err(Errno::NOENT));
        assert_eq!(read(&dir), Err(Errno::ISDIR));
        let mut found = Vec::new();
        let directory = open(&dir, OFlags::RDONLY, 0).unwrap();
        entries(directory.as_fd(), &mut |name, kind| {
            found.push((name.to_owned(), kind))
        })
        .unwrap();
        assert_eq!(found, [(c"f".to_owned(), FileType::RegularFile)]);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
