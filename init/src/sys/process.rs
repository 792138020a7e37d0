//! Calls on the calling process that rustix keeps to itself.
#![allow(unsafe_code)]

use super::check;
use crate::text::number;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use linux_raw_sys::general::CLONE_FILES;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::RawDir;
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, getpid, kill_process, waitid};
use syscalls::{Sysno, raw_syscall};

/// Ends the process at once; nothing is flushed or unwound.
#[inline(never)]
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: it doesn't return.
        let _ = unsafe { raw_syscall!(Sysno::exit_group, code) };
    }
}

/// Ends the process by SIGABRT, or with what a shell says of that where it is blocked.
pub fn abort() -> ! {
    let _ = kill_process(getpid(), Signal::ABORT);
    exit(128 + Signal::ABORT.as_raw())
}

/// Whether the kernel (5.9) can close descriptors by the range.
pub fn has_close_range() -> bool {
    // SAFETY: no descriptor has this number.
    check(unsafe { raw_syscall!(Sysno::close_range, u32::MAX, u32::MAX, 0) }).is_ok()
}

/// Closes every descriptor from `first` on that `list` has, which is the caller's /proc/self/fd.
pub fn close_listed(first: RawFd, list: &OwnedFd) {
    let mut buffer = [MaybeUninit::<u8>::uninit(); 1024];
    let mut entries = RawDir::new(list, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let fd = number(entry.file_name().to_bytes(), 10).map(|number| number as RawFd);
        if let Some(fd) = fd.filter(|fd| *fd >= first && *fd != list.as_raw_fd()) {
            // SAFETY: as below.
            let _ = unsafe { raw_syscall!(Sysno::close, fd) };
        }
    }
}

/// Closes every descriptor from `first` on; on kernels before 5.9 those that the present limit allows.
pub fn close_from(first: RawFd) {
    // SAFETY: called by the child when it uses no descriptor from there on any more.
    if check(unsafe { raw_syscall!(Sysno::close_range, first, u32::MAX, 0) }).is_ok() {
        return;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .maximum
        .unwrap_or(u64::MAX);
    for fd in first..limit.min(1 << 20) as i32 {
        // SAFETY: as above.
        let _ = unsafe { raw_syscall!(Sysno::close, fd) };
    }
}

/// Makes `fd` known as `number`, with or without close-on-exec; what had the number is closed.
pub fn duplicate_to(fd: BorrowedFd<'_>, number: RawFd, close_on_exec: bool) -> Result<(), Errno> {
    const O_CLOEXEC: u32 = linux_raw_sys::general::O_CLOEXEC;
    if fd.as_raw_fd() == number {
        // dup3(2) refuses equal numbers; the flag is what is left to change.
        let flags = if close_on_exec {
            rustix::io::FdFlags::CLOEXEC
        } else {
            rustix::io::FdFlags::empty()
        };
        return rustix::io::fcntl_setfd(fd, flags);
    }
    let flags = if close_on_exec { O_CLOEXEC } else { 0 };
    // SAFETY: only called by the child, which owns the whole descriptor table and no longer uses `number`.
    check(unsafe { raw_syscall!(Sysno::dup3, fd.as_raw_fd(), number, flags) }).map(drop)
}

/// Whether a descriptor of that number is open.
pub fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD takes no argument and changes nothing.
    check(unsafe { raw_syscall!(Sysno::fcntl, number, linux_raw_sys::general::F_GETFD) }).is_ok()
}

/// waitid(2) for a child by its pidfd; a signal doesn't end it.
#[inline(never)]
pub fn wait(pidfd: BorrowedFd<'_>, options: WaitIdOptions) -> Result<WaitIdStatus, Errno> {
    let waited = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(pidfd), options));
    // None only with NOHANG.
    waited?.ok_or(Errno::AGAIN)
}

/// unshare(2) of namespaces.
pub fn unshare(flags: u32) -> Result<(), Errno> {
    debug_assert_eq!(flags & CLONE_FILES, 0);
    // SAFETY: only namespace flags: no descriptor or memory changes its meaning.
    check(unsafe { raw_syscall!(Sysno::unshare, flags) }).map(drop)
}

/// setns(2) with a namespace's file and its one flag, or a pidfd and any flags (5.8).
pub fn set_namespaces(fd: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { raw_syscall!(Sysno::setns, fd.as_raw_fd(), flags) }).map(drop)
}

/// SIGKILL to every process that may be sent one, except the caller (kill(2), pid -1).
pub fn kill_all() -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { raw_syscall!(Sysno::kill, -1i32, linux_raw_sys::general::SIGKILL) }).map(drop)
}

/// Gives back the pages of mote's own code and constants that were needed up to now, for a process that stays and
/// does little from here on. Those that it needs after all come back by themselves, from the file (madvise(2)).
pub fn forget_code() {
    unsafe extern "C" {
        // The linker's names for the ends of what is loaded and never changed.
        static __executable_start: u8;
        static etext: u8;
    }
    // SAFETY: only the addresses are used. Between them lie private mappings of a file that nothing writes to, whose
    // pages are read again when they are touched.
    unsafe {
        let (start, end) = (&raw const __executable_start, &raw const etext);
        let length = end as usize - start as usize;
        let _ = raw_syscall!(
            Sysno::madvise,
            start,
            length,
            linux_raw_sys::general::MADV_DONTNEED
        );
    }
}

/// setgroups(2).
pub fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the kernel reads `len` ids of 32 bits.
    check(unsafe { raw_syscall!(Sysno::setgroups, groups.len(), groups.as_ptr()) }).map(drop)
}

/// Descriptors 0 to 2 of a process that has nothing else on them.
pub fn standard_streams() -> [BorrowedFd<'static>; 3] {
    // SAFETY: the child never closes these numbers; at worst a call on one that the caller closed fails.
    [0, 1, 2].map(|number| unsafe { BorrowedFd::borrow_raw(number) })
}

/// personality(2).
pub fn set_personality(persona: u32) -> Result<(), Errno> {
    // SAFETY: it changes how later execve(2)s behave; this program uses nothing that it alters.
    check(unsafe { raw_syscall!(Sysno::personality, persona) }).map(drop)
}

/// getcwd(2) into `text`, with a NUL.
pub fn working_directory(text: &mut [u8]) -> Result<(), Errno> {
    // SAFETY: the kernel writes at most `len` bytes to the buffer.
    check(unsafe { raw_syscall!(Sysno::getcwd, text.as_mut_ptr(), text.len()) }).map(drop)
}

/// execveat(2) of an open file.
pub fn execute_file(
    file: BorrowedFd<'_>,
    args: &super::exec::Vector<'_>,
    env: &super::exec::Vector<'_>,
) -> Errno {
    let empty: &CStr = c"";
    // SAFETY: an empty C string and two null-ended arrays, read only, alive during the call.
    let result = check(unsafe {
        raw_syscall!(
            Sysno::execveat,
            file.as_raw_fd(),
            empty.as_ptr(),
            args.as_ptr(),
            env.as_ptr(),
            linux_raw_sys::general::AT_EMPTY_PATH
        )
    });
    result.err().unwrap_or(Errno::IO)
}

/// Takes a descriptor by its number: one that another process with the same table has opened for this one and
/// left to it, or one that was just put there by [`duplicate_to`].
pub fn adopt(number: RawFd) -> rustix::fd::OwnedFd {
    use rustix::fd::FromRawFd;
    // SAFETY: nobody else owns the number, by the condition above.
    unsafe { rustix::fd::OwnedFd::from_raw_fd(number) }
}

/// The `CLONE_NEW*` flag of an open namespace file (ioctl_nsfs(2)).
pub fn namespace_type(fd: BorrowedFd<'_>) -> Result<u32, Errno> {
    /// `_IO(0xb7, 0x3)` of linux/nsfs.h, on machines where _IO adds nothing, or its own direction bits.
    const NS_GET_NSTYPE: u32 = targets::IOCTL_NONE | 0xb703;
    // SAFETY: this ioctl takes no argument; a file that isn't a namespace refuses it.
    check(unsafe { raw_syscall!(Sysno::ioctl, fd.as_raw_fd(), NS_GET_NSTYPE) })
}
