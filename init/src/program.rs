//! The program: found at `create`, run at `start`.

use crate::channel::Channel;
use crate::fault::{At, Fault, Step};
use crate::plan::Process;
use crate::rootfs::Rootfs;
use crate::sys::exec::execve;
use core::ffi::CStr;
use rustix::fs::{Access, FileType, Mode, OFlags, access, stat};
use rustix::io::Errno;
use rustix::process::chdir;

/// Longest path (PATH_MAX).
const PATH_MAX: usize = 4096;
/// Room for a path found.
pub type Found = heapless::Vec<u8, PATH_MAX>;

/// Goes to the working directory, makes it if missing, and checks that it is inside the root: a descriptor of
/// the host's that leaked here would make `/proc/self/fd/N` a way out (CVE-2024-21626).
pub fn enter_cwd(cwd: &CStr) -> Result<(), Fault> {
    chdir(cwd).at(Step::Cwd, 0, &"chdir")?;
    let mut text = [0u8; PATH_MAX + 16];
    // The kernel puts `(unreachable)` before a path that doesn't lead to the root (getcwd(2)).
    let result = working_directory(&mut text);
    match result {
        Ok(path) if path.first() == Some(&b'/') => Ok(()),
        // A deep directory's path may be longer than any buffer; it is below the root all the same.
        Err(Errno::NAMETOOLONG | Errno::RANGE) => Ok(()),
        Ok(_) => Err(Fault::new(Step::Cwd, 0, &"it is outside the container's root", Errno::XDEV)),
        Err(errno) => Err(Fault::new(Step::Cwd, 0, &"getcwd", errno)),
    }
}

fn working_directory(text: &mut [u8]) -> Result<&[u8], Errno> {
    let length = crate::sys::process::working_directory(text)?;
    Ok(&text[..length.saturating_sub(1)])
}

/// Makes the working directory where the image has none.
pub fn make_cwd(rootfs: &Rootfs, cwd: &CStr) -> Result<(), Fault> {
    match rootfs.open(cwd, OFlags::PATH) {
        Err(Errno::NOENT) => rootfs.make_dir(cwd, 0o755).map(drop).at(Step::Cwd, 0, &"mkdir"),
        // A magic link, or what only the user may pass: chdir(2) will tell.
        _ => Ok(()),
    }
}

/// Looks `args[0]` up, as the user, in the container's PATH.
pub fn find<'b>(process: &Process<'_>, found: &'b mut Found) -> Result<&'b CStr, Fault> {
    let name = process.args.first().unwrap_or(c"");
    let refuse = |call, errno| Fault::new(Step::Args, 0, call, errno);
    if name.to_bytes().contains(&b'/') {
        let path = put(found, &[name.to_bytes()]).map_err(|errno| refuse(&"", errno))?;
        return executable(path).map(|()| path).map_err(|errno| refuse(&"", errno));
    }
    let mut denied = None;
    let mut hit = None;
    for dir in process.path.to_bytes().split(|&byte| byte == b':') {
        let dir = if dir.is_empty() { b"." } else { dir };
        let Ok(path) = put(found, &[dir, b"/", name.to_bytes()]) else { continue };
        match executable(path) {
            Ok(()) => {
                hit = Some(dir);
                break;
            }
            Err(Errno::ACCESS) => denied = Some(Errno::ACCESS),
            Err(_) => {}
        }
    }
    let dir = hit.ok_or_else(|| match denied {
        Some(errno) => refuse(&"", errno),
        None => refuse(&"executable file not found in $PATH", Errno::NOENT),
    })?;
    put(found, &[dir, b"/", name.to_bytes()]).map_err(|errno| refuse(&"", errno))
}

fn put<'b>(found: &'b mut Found, parts: &[&[u8]]) -> Result<&'b CStr, Errno> {
    found.clear();
    for part in parts {
        found.extend_from_slice(part).map_err(|_| Errno::NAMETOOLONG)?;
    }
    found.push(0).map_err(|_| Errno::NAMETOOLONG)?;
    CStr::from_bytes_until_nul(found).map_err(|_| Errno::INVAL)
}

fn executable(path: &CStr) -> Result<(), Errno> {
    let kind = FileType::from_raw_mode(stat(path)?.st_mode);
    match kind {
        FileType::Directory => Err(Errno::ISDIR),
        _ => access(path, Access::EXEC_OK),
    }
}

/// Runs the program; returns only with the reason why not.
pub fn run(process: &Process<'_>, path: &CStr, channel: &Channel) -> Fault {
    let errno = execve(path, &process.args, &process.env);
    let mut head = [0u8; 256];
    // The file was there a moment ago: it is its interpreter that isn't.
    if errno == Errno::NOENT
        && let Some(interpreter) = interpreter(path, &mut head)
    {
        channel.note(interpreter);
        return Fault::new(Step::Args, 0, &"its interpreter", errno);
    }
    Fault::new(Step::Args, 0, &"", errno)
}

/// What a script's first line names (execve(2), "Interpreter scripts"), or what stands for an ELF file's loader.
fn interpreter<'b>(path: &CStr, head: &'b mut [u8; 256]) -> Option<&'b [u8]> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let length = rustix::io::read(&file, &mut head[..]).ok()?;
    let head = &head[..length];
    if head.starts_with(b"\x7fELF") {
        return Some(b"(the dynamic loader that the ELF file names)");
    }
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?.trim_ascii_start();
    // A carriage return stays: it is the usual reason why the file isn't found.
    line.split(|byte| matches!(byte, b' ' | b'\t')).next().filter(|name| !name.is_empty())
}
