//! Small files of a cgroup filesystem, by directory descriptor and relative path.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{self, Errno};

/// Opens one file; a cgroup file is never a symbolic link, so none is followed.
pub fn open(dir: impl AsFd, path: &str, access: OFlags) -> Result<OwnedFd, Errno> {
    openat(
        dir,
        path,
        access | OFlags::CLOEXEC | OFlags::NOFOLLOW,
        Mode::empty(),
    )
}

/// A directory that can be listed and started from.
pub fn open_dir(dir: impl AsFd, path: &str) -> Result<OwnedFd, Errno> {
    open(dir, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Everything in the file, which must be UTF-8 (EILSEQ otherwise).
pub fn read(dir: impl AsFd, path: &str) -> Result<String, Errno> {
    String::from_utf8(read_bytes(dir, path)?).map_err(|_| Errno::ILSEQ)
}

/// Everything in the file.
pub fn read_bytes(dir: impl AsFd, path: &str) -> Result<Vec<u8>, Errno> {
    let file = open(dir, path, OFlags::RDONLY)?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match io::read(&file, &mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// One write, as the kernel's parsers of these files want it.
pub fn write(dir: impl AsFd, path: &str, text: &str) -> Result<(), Errno> {
    put(&open(dir, path, OFlags::WRONLY)?, text)
}

/// The same into a file that is open already.
pub fn put(file: &OwnedFd, text: &str) -> Result<(), Errno> {
    io::retry_on_intr(|| io::write(file, text.as_bytes())).map(drop)
}

/// The value of the line `key value` in a file of such lines.
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = |line: &'a str| line.strip_prefix(key)?.strip_prefix(' ');
    text.lines().find_map(line)
}

/// What an object that is on its way out, or gone, answers.
pub fn gone(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NODEV)
}

/// What someone without the right to change cgroups is told (promise of `--rootless`).
pub fn forbidden(errno: Errno) -> bool {
    matches!(errno, Errno::ACCESS | Errno::PERM | Errno::ROFS)
}
