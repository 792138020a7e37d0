//! Paths inside the container's root, always from a descriptor of it, never as text for the kernel to resolve.
//!
//! Whoever made the image, or shares a volume with it, controls every name below the root, at any time. So a
//! path is resolved once, to an O_PATH descriptor, with symbolic links taken as the container would take them
//! and `..` never leading out; what follows is done to the descriptor.

use crate::procfs::fd_path;
use crate::text::is_name;
use core::ffi::CStr;
use linux_raw_sys::general::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, chownat, fstat, makedev, mkdirat,
    openat, openat2, readlinkat_raw,
};
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
    pub name: &'p CStr,
}

impl Place<'_> {
    /// An O_PATH descriptor of what is there, a link itself included.
    pub fn open(&self) -> Result<OwnedFd, Errno> {
        open_at(
            self.parent.as_fd(),
            self.name,
            OFlags::PATH | OFlags::NOFOLLOW,
        )
    }

    /// The same, after making an empty file.
    pub fn make(&self, mode: u32) -> Result<OwnedFd, Errno> {
        touch(self.parent.as_fd(), self.name, mode)?;
        self.open()
    }
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
        self.open_strictly(
            path,
            flags,
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
    }

    /// The same, but a symbolic link anywhere on the way is an error (`ELOOP`).
    pub fn open_without_links(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_strictly(
            path,
            flags,
            ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS,
        )
    }

    fn open_strictly(
        &self,
        path: &CStr,
        flags: OFlags,
        resolve: ResolveFlags,
    ) -> Result<OwnedFd, Errno> {
        match open_beneath(self.fd(), path, flags, resolve) {
            // No openat2(2) before kernel 5.6; sandboxes that don't know it say EPERM.
            Err(Errno::NOSYS | Errno::PERM) => {
                let links = if resolve.contains(ResolveFlags::NO_SYMLINKS) {
                    0
                } else {
                    LINKS_MAX
                };
                let found = self.walk(path.to_bytes(), None, links)?;
                // An O_PATH descriptor is opened for reading or writing by its entry in /proc.
                if flags.contains(OFlags::PATH) {
                    Ok(found)
                } else {
                    open(fd_path(found.as_fd()).as_c_str(), flags)
                }
            }
            result => result,
        }
    }

    /// An O_PATH descriptor of the directory, made with its parents where missing.
    pub fn make_dir(&self, path: &CStr, mode: u32) -> Result<OwnedFd, Errno> {
        match self.open(path, OFlags::PATH | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => self.walk(path.to_bytes(), Some(mode), LINKS_MAX),
            result => result,
        }
    }

    /// An O_PATH descriptor of what is there, or else of an empty file, made with its parents; where a link leads
    /// to nothing, what it names is made.
    pub fn make_file(&self, path: &CStr) -> Result<OwnedFd, Errno> {
        match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT) => self.walk(path.to_bytes(), Some(S_IFREG | 0o755), LINKS_MAX),
            result => result,
        }
    }

    /// See [`Walk`].
    #[inline(never)]
    fn walk(&self, path: &[u8], make: Option<u32>, links: u32) -> Result<OwnedFd, Errno> {
        Walk {
            root: self.fd(),
            passed: heapless::Vec::new(),
            make,
            links,
        }
        .to(path)
    }

    /// The parent directory, made where missing, and the last component of a path, which ends with a name.
    pub fn place<'p>(&self, path: &'p CStr) -> Result<Place<'p>, Errno> {
        let bytes = path.to_bytes();
        let cut = bytes
            .iter()
            .rposition(|&byte| byte == b'/')
            .map_or(0, |at| at + 1);
        let (above, name) = (&bytes[..cut], &path[cut..]);
        if !is_name(name.to_bytes()) {
            return Err(Errno::INVAL);
        }
        Ok(Place {
            parent: self.walk(above, Some(0o755), LINKS_MAX)?,
            name,
        })
    }
}

/// openat2(2) until no rename interferes (EAGAIN).
pub fn open_beneath(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    // A loser of many races in a row is being played with.
    for _ in 0..128 {
        match openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// openat(2) of what is there, close-on-exec.
#[inline(never)]
pub fn open_at(dir: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(dir, name, flags | OFlags::CLOEXEC, Mode::empty())
}

/// Opens an absolute path of the process's own root.
pub fn open(path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    open_at(CWD, path, flags)
}

/// Opens a file for writing, made where missing; not through a link.
pub fn create_at(
    dir: BorrowedFd<'_>,
    name: &CStr,
    flags: OFlags,
    mode: u32,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
    openat(dir, name, flags, Mode::from_raw_mode(mode))
}

/// Makes an empty file where none is.
fn touch(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> Result<(), Errno> {
    create_at(dir, name, OFlags::NOCTTY | OFlags::NONBLOCK, mode).map(drop)
}

/// A walk one component at a time, for making directories and for kernels without openat2(2). The descriptors
/// of all directories passed are kept, so that `..` goes back to where it came from, not where it is now.
struct Walk<'r> {
    root: BorrowedFd<'r>,
    passed: heapless::Vec<OwnedFd, DEPTH_MAX>,
    /// Permissions of directories to make; none makes none. With S_IFREG the last component is made as a file.
    make: Option<u32>,
    links: u32,
}

impl Walk<'_> {
    fn here(&self) -> BorrowedFd<'_> {
        self.passed.last().map_or(self.root, |fd| fd.as_fd())
    }

    fn to(&mut self, path: &[u8]) -> Result<OwnedFd, Errno> {
        // What is still to walk, its end at the buffer's end, so that a link's text can be put before it. The
        // last byte stays NUL, and so does every slash that was passed: a component is a C string.
        let mut buffer = [0u8; PATH_MAX + 1];
        let mut start = put_before(&mut buffer, PATH_MAX, path)?;
        while start < PATH_MAX {
            let rest = &mut buffer[start..];
            let length = rest
                .iter()
                .position(|&byte| byte == b'/')
                .unwrap_or(rest.len() - 1);
            rest[length] = 0;
            let name = CStr::from_bytes_with_nul(&rest[..=length]).map_err(|_| Errno::INVAL)?;
            start += length + 1;
            match name.to_bytes() {
                b"" | b"." => {}
                b".." => drop(self.passed.pop()),
                _ => {
                    let fd = self.enter(name, start >= PATH_MAX)?;
                    if kind(fd.as_fd())? == S_IFLNK {
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

    fn enter(&self, name: &CStr, last: bool) -> Result<OwnedFd, Errno> {
        let parent = self.here();
        let open = || open_at(parent, name, OFlags::PATH | OFlags::NOFOLLOW);
        match (open(), self.make) {
            (Err(Errno::NOENT), Some(mode)) => {
                let made = if last && mode & S_IFREG != 0 {
                    touch(parent, name, mode)
                } else {
                    mkdirat(parent, name, Mode::from_raw_mode(mode))
                };
                match made {
                    Ok(()) | Err(Errno::EXIST) => open(),
                    Err(errno) => Err(errno),
                }
            }
            (result, _) => result,
        }
    }

    fn follow(
        &mut self,
        link: &OwnedFd,
        buffer: &mut [u8; PATH_MAX + 1],
        end: usize,
    ) -> Result<usize, Errno> {
        self.links = self.links.checked_sub(1).ok_or(Errno::LOOP)?;
        let mut text = [0u8; PATH_MAX];
        let length = readlinkat_raw(link, c"", &mut text[..])?;
        let text = &text[..length];
        if text.first() == Some(&b'/') {
            self.passed.clear();
        }
        let end = if end < PATH_MAX {
            put_before(buffer, end, b"/")?
        } else {
            PATH_MAX
        };
        put_before(buffer, end, text)
    }
}

/// Copies `text` to end just before `end`; its start.
fn put_before(buffer: &mut [u8; PATH_MAX + 1], end: usize, text: &[u8]) -> Result<usize, Errno> {
    let start = end.checked_sub(text.len()).ok_or(Errno::NAMETOOLONG)?;
    buffer[start..end].copy_from_slice(text);
    Ok(start)
}

/// fstat(2).
#[inline(never)]
pub fn status(fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
    fstat(fd)
}

/// The file's type, a bit pattern below `S_IFMT`, whatever it was opened for.
#[inline(never)]
pub fn kind(fd: BorrowedFd<'_>) -> Result<u32, Errno> {
    Ok(status(fd)?.st_mode & S_IFMT)
}

/// Whether this is a directory.
pub fn is_dir(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(kind(fd)? == S_IFDIR)
}

/// Whether a file's mode, as in [`Stat`] or for mknod(2), says that it is a device.
pub fn is_device(mode: u32) -> bool {
    matches!(mode & S_IFMT, S_IFCHR | S_IFBLK)
}

/// Whether this is the character device of that number.
pub fn is_character_device(stat: &Stat, major: u32, minor: u32) -> bool {
    stat.st_mode & S_IFMT == S_IFCHR && stat.st_rdev == makedev(major, minor)
}

/// Gives `fd`'s file an owner; not through a link.
pub fn own(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<(), Errno> {
    own_at(fd, c"", uid, gid)
}

/// The same for a name in a directory.
#[inline(never)]
pub fn own_at(dir: BorrowedFd<'_>, name: &CStr, uid: u32, gid: u32) -> Result<(), Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    chownat(
        dir,
        name,
        Some(Uid::from_raw(uid)),
        Some(Gid::from_raw(gid)),
        flags,
    )
}
