//! The program: found at `create`, run at `start`.

use crate::Child;
use crate::channel::Channel;
use crate::fault::{At, Call, Fault, Step};
use crate::plan::Process;
use crate::rootfs::Rootfs;
use crate::sys::exec::execve;
use crate::text::{put, split};
use core::ffi::CStr;
use heapless::VecView;
use rustix::fs::{Access, AtFlags, CWD, FileType, OFlags, access, accessat, stat};
use rustix::io::Errno;
use rustix::process::chdir;

/// Longest path (PATH_MAX).
const PATH_MAX: usize = 4096;
/// Room for a path found.
pub type Found = heapless::Vec<u8, PATH_MAX>;

/// Goes to the working directory, makes it if missing, and checks that it is inside the root: a descriptor of
/// the host's that leaked here would make `/proc/self/fd/N` a way out (CVE-2024-21626).
pub fn enter_cwd(child: &Child<'_>) -> Result<(), Fault> {
    child.step(Step::Cwd);
    chdir(child.plan.process.cwd).at(Call::Chdir)?;
    let mut text = [0u8; PATH_MAX + 16];
    // The kernel puts `(unreachable)` before a path that doesn't lead to the root (getcwd(2)).
    match crate::sys::process::working_directory(&mut text) {
        Ok(()) if text[0] == b'/' => Ok(()),
        // A deep directory's path may be longer than any buffer; it is below the root all the same.
        Err(Errno::NAMETOOLONG | Errno::RANGE) => Ok(()),
        Ok(()) => Err(Fault::new(Call::Outside, Errno::XDEV)),
        Err(errno) => Err(Fault::new(Call::Getcwd, errno)),
    }
}

/// Makes the working directory where the image has none.
pub fn make_cwd(child: &Child<'_>, rootfs: &Rootfs) -> Result<(), Fault> {
    child.step(Step::Cwd);
    let cwd = child.plan.process.cwd;
    match rootfs.open(cwd, OFlags::PATH) {
        Err(Errno::NOENT) => rootfs.make_dir(cwd, 0o755).map(drop).at(Call::Mkdir),
        // A magic link, or what only the user may pass: chdir(2) will tell.
        _ => Ok(()),
    }
}

/// Looks `args[0]` up, as the user, in the container's PATH.
pub fn find<'b>(child: &Child<'_>, found: &'b mut Found) -> Result<&'b CStr, Fault> {
    child.step(Step::Args);
    let process = &child.plan.process;
    let name = process.args.first().unwrap_or_default().to_bytes();
    if name.contains(&b'/') {
        put(found, &[name]).and_then(executable).at(Call::Unnamed)?;
    } else {
        search(process, name, found)?;
    }
    CStr::from_bytes_with_nul(found).map_err(|_| Fault::new(Call::Unnamed, Errno::INVAL))
}

fn search(process: &Process<'_>, name: &[u8], found: &mut VecView<u8>) -> Result<(), Fault> {
    let mut why = Fault::new(Call::NotFound, Errno::NOENT);
    for dir in split(process.path.to_bytes(), b':') {
        let dir = if dir.is_empty() { b"." } else { dir };
        let Ok(path) = put(found, &[dir, b"/", name]) else {
            continue;
        };
        match executable(path) {
            Ok(()) => return Ok(()),
            Err(Errno::ACCESS) => why = Fault::new(Call::Unnamed, Errno::ACCESS),
            Err(_) => {}
        }
    }
    Err(why)
}

fn executable(path: &CStr) -> Result<(), Errno> {
    match FileType::from_raw_mode(stat(path)?.st_mode) {
        FileType::Directory => Err(Errno::ISDIR),
        // access(2) leaves out the capabilities of whoever isn't root, such as CAP_DAC_OVERRIDE, which execve(2) asks.
        _ => access(path, Access::EXEC_OK).or_else(|errno| {
            accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).map_err(|_| errno)
        }),
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
        return Fault::new(Call::Interpreter, errno);
    }
    Fault::new(Call::Unnamed, errno)
}

/// What a script's first line names (execve(2), "Interpreter scripts"), or what stands for an ELF file's loader.
fn interpreter<'b>(path: &CStr, head: &'b mut [u8; 256]) -> Option<&'b [u8]> {
    let file = crate::rootfs::open(path, OFlags::RDONLY | OFlags::NONBLOCK).ok()?;
    let length = rustix::io::read(&file, &mut head[..]).ok()?;
    let head = &head[..length];
    if head.starts_with(b"\x7fELF") {
        return Some(b"(the dynamic loader that the ELF file names)");
    }
    let line = split(head.strip_prefix(b"#!")?, b'\n')
        .next()?
        .trim_ascii_start();
    // A carriage return stays: it is the usual reason why the file isn't found.
    line.split(|byte| matches!(byte, b' ' | b'\t'))
        .next()
        .filter(|name| !name.is_empty())
}
