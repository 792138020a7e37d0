//! Paths inside the container's root, always from a descriptor of it, never as text for the kernel to resolve.
//!
//! Whoever made the image, or shares a volume with it, controls every name below the root, at any time. So a
//! path is resolved once, to an O_PATH descriptor, with symbolic links taken as the container would take them
//! and `..` never leading out; what follows is done to the descriptor.

use core::ffi::CStr;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2, readlinkat_raw};
use rustix::io::Errno;

/// Longest path that the kernel takes (PATH_MAX, linux/limits.h).
const PATH_MAX: usize = 4096;
/// Longest chain of links that the kernel follows (MAXSYMLINKS, linux/namei.h).
const LINKS_MAX: u32 = 40;
/// Deepest path that the walk holds descriptors for.
const DEPTH_MAX: usize = 64;

/// The root of the container's files.
#[derive(Debug)]
pub struct Rootfs {
    root: OwnedFd,
}

/// What a path leads to, and the parent's descriptor to make things in.
#[derive(Debug)]
pub struct Place<'p> {
    /// The directory.
    pub parent: OwnedFd,
    /// The last component.
    pub name: &'p [u8],
}

impl Rootfs {
    /// The root is the directory that `root` is open on.
    pub fn new(root: OwnedFd) -> Rootfs {
        Rootfs { root }
    }

    /// The root itself.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens what is there, following links inside the root.
    pub fn open(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_strictly(path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    /// The same, but a symbolic link anywhere on the way is an error (`ELOOP`).
    pub fn open_without_links(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_strictly(path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS)
    }

    fn open_strictly(&self, path: &CStr, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
        match open_beneath(self.fd(), path, flags, resolve) {
            // No openat2(2) before kernel 5.6; sandboxes that don't know it say EPERM.
            Err(Errno::NOSYS | Errno::PERM) => {
                let links = if resolve.contains(ResolveFlags::NO_SYMLINKS) { 0 } else { LINKS_MAX };
                let found = Walk::new(self.fd(), None, links).to(path.to_bytes())?;
                if flags.contains(OFlags::PATH) { Ok(found) } else { reopen(found.as_fd(), flags) }
            }
            result => result,
        }
    }

    /// An O_PATH descriptor of the directory, made with its parents where missing.
    pub fn make_dir(&self, path: &CStr, mode: u32) -> Result<OwnedFd, Errno> {
        match self.open(path, OFlags::PATH | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => Walk::new(self.fd(), Some(mode), LINKS_MAX).to(path.to_bytes()),
            result => result,
        }
    }

    /// An O_PATH descriptor of what is there, or else of an empty file, made with its parents.
    pub fn make_file(&self, path: &CStr) -> Result<OwnedFd, Errno> {
        match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT) => {
                let place = self.place(path)?;
                let flags = OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
                drop(openat(&place.parent, place.name, flags, Mode::from_raw_mode(0o755))?);
                openat(&place.parent, place.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            }
            result => result,
        }
    }

    /// The parent directory, made where missing, and the last component of a path.
    pub fn place<'p>(&self, path: &'p CStr) -> Result<Place<'p>, Errno> {
        let bytes = trim_slashes(path.to_bytes());
        let cut = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
        let name = &bytes[cut..];
        if name.is_empty() || name == b"." || name == b".." {
            return Err(Errno::INVAL);
        }
        let parent = Walk::new(self.fd(), Some(0o755), LINKS_MAX).to(&bytes[..cut])?;
        Ok(Place { parent, name })
    }
}

/// openat2(2) until no rename interferes (EAGAIN).
pub fn open_beneath(dir: BorrowedFd<'_>, path: &CStr, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    // A loser of many races in a row is being played with.
    for _ in 0..128 {
        match openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens an O_PATH descriptor for reading or writing, by its entry in /proc.
fn reopen(fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
    let path = crate::procfs::fd_path(fd);
    rustix::fs::open(path.as_c_str(), flags | OFlags::CLOEXEC, Mode::empty())
}

fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    &path[..end]
}

/// A walk one component at a time, for making directories and for kernels without openat2(2). The descriptors
/// of all directories passed are kept, so that `..` goes back to where it came from, not where it is now.
struct Walk<'r> {
    root: BorrowedFd<'r>,
    passed: heapless::Vec<OwnedFd, DEPTH_MAX>,
    /// Permissions of directories to make; none makes none.
    make: Option<u32>,
    links: u32,
}

impl<'r> Walk<'r> {
    fn new(root: BorrowedFd<'r>, make: Option<u32>, links: u32) -> Walk<'r> {
        Walk { root, passed: heapless::Vec::new(), make, links }
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.passed.last().map_or(self.root, |fd| fd.as_fd())
    }

    fn to(mut self, path: &[u8]) -> Result<OwnedFd, Errno> {
        // What is still to walk, its end at the buffer's end, so that a link's text can be put before it.
        let mut buffer = [0u8; PATH_MAX];
        let mut start = put_before(&mut buffer, PATH_MAX, path)?;
        while start < PATH_MAX {
            let rest = &buffer[start..];
            let length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            let mut name = [0u8; 256];
            if length > 255 {
                return Err(Errno::NAMETOOLONG);
            }
            name[..length].copy_from_slice(&rest[..length]);
            start = (start + length + 1).min(PATH_MAX);
            match &name[..length] {
                b"" | b"." => {}
                b".." => drop(self.passed.pop()),
                name => {
                    let fd = self.enter(name)?;
                    if FileType::from_raw_mode(fstat(&fd)?.st_mode) == FileType::Symlink {
                        start = self.follow(&fd, &mut buffer, start)?;
                    } else {
                        self.passed.push(fd).map_err(|_| Errno::NAMETOOLONG)?;
                    }
                }
            }
        }
        match self.passed.pop() {
            Some(fd) => Ok(fd),
            None => rustix::io::fcntl_dupfd_cloexec(self.root, 3),
        }
    }

    fn enter(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match (openat(self.here(), name, flags, Mode::empty()), self.make) {
            (Err(Errno::NOENT), Some(mode)) => {
                match mkdirat(self.here(), name, Mode::from_raw_mode(mode)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno),
                }
                openat(self.here(), name, flags, Mode::empty())
            }
            (result, _) => result,
        }
    }

    fn follow(&mut self, link: &OwnedFd, buffer: &mut [u8; PATH_MAX], start: usize) -> Result<usize, Errno> {
        self.links = self.links.checked_sub(1).ok_or(Errno::LOOP)?;
        let mut text = [0u8; PATH_MAX];
        let length = readlinkat_raw(link, c"", &mut text[..])?;
        let text = &text[..length];
        if text.first() == Some(&b'/') {
            self.passed.clear();
        }
        let start = if start < PATH_MAX { put_before(buffer, start, b"/")? } else { start };
        put_before(buffer, start, text)
    }
}

/// Copies `text` to end just before `end`; its start.
fn put_before(buffer: &mut [u8; PATH_MAX], end: usize, text: &[u8]) -> Result<usize, Errno> {
    let start = end.checked_sub(text.len()).ok_or(Errno::NAMETOOLONG)?;
    buffer[start..end].copy_from_slice(text);
    Ok(start)
}

/// Whether this is a directory, whatever it was opened for.
pub fn is_dir(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::Directory)
}

/// Gives `fd`'s file an owner; not through a link.
pub fn own(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<(), Errno> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    rustix::fs::chownat(fd, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}
