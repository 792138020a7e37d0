//! bpf(2), as far as device filters of cgroup v2 need it.
#![allow(unsafe_code)]

use super::check;
use core::mem::size_of;
use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

// enum bpf_cmd, linux/bpf.h
const BPF_PROG_LOAD: u32 = 5;
const BPF_PROG_ATTACH: u32 = 8;
const BPF_PROG_DETACH: u32 = 9;
const BPF_PROG_GET_FD_BY_ID: u32 = 13;
const BPF_PROG_QUERY: u32 = 16;

const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 2;
const BPF_F_REPLACE: u32 = 4;

/// No more filters than this can be attached to one cgroup (BPF_CGROUP_MAX_PROGS, linux/bpf-cgroup.h).
pub const MOST_FILTERS: usize = 64;

/// struct bpf_insn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Class, operation and operand source.
    pub code: u8,
    registers: u8,
    /// Of a jump, in instructions; of a load, in bytes.
    pub offset: i16,
    /// The constant operand.
    pub immediate: i32,
}

impl Instruction {
    /// `to` and `from` are register numbers, 0 to 10.
    pub const fn new(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
        // Two bit fields of four bits each: the first is the low half where bytes are little-endian.
        let registers = if cfg!(target_endian = "little") {
            from << 4 | to
        } else {
            to << 4 | from
        };
        Instruction {
            code,
            registers,
            offset,
            immediate,
        }
    }

    /// The register that it changes or compares.
    pub const fn to(self) -> u8 {
        if cfg!(target_endian = "little") {
            self.registers & 15
        } else {
            self.registers >> 4
        }
    }

    /// The register that it reads.
    pub const fn from(self) -> u8 {
        if cfg!(target_endian = "little") {
            self.registers >> 4
        } else {
            self.registers & 15
        }
    }
}

// The members of union bpf_attr, up to the last field used here; the kernel takes the rest for zero.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
struct Attach {
    target: u32,
    filter: u32,
    kind: u32,
    flags: u32,
    replaced: u32,
}

#[repr(C)]
struct Query {
    target: u32,
    kind: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
}

#[repr(C)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

/// Has the kernel check and keep a BPF_PROG_TYPE_CGROUP_DEVICE program.
pub fn load_device_filter(program: &[Instruction]) -> Result<OwnedFd, Errno> {
    let mut load = Load {
        kind: BPF_PROG_TYPE_CGROUP_DEVICE,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        // Only helpers for GPL programs ask for more, and none is called.
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
    };
    // SAFETY: `load` is this command's part of the union; it points to `count` instructions and a C
    // string, which the kernel only reads, during the call.
    new_fd(unsafe { bpf(BPF_PROG_LOAD, &mut load) })
}

/// Puts a filter in force in a cgroup (its open directory), beside those there are.
pub fn attach_device_filter(cgroup: impl AsFd, filter: impl AsFd) -> Result<(), Errno> {
    attach(BPF_PROG_ATTACH, cgroup, filter, BPF_F_ALLOW_MULTI, 0)
}

/// Puts a filter in the place of another, in one step (kernel 5.6).
pub fn swap_device_filter(
    cgroup: impl AsFd,
    filter: impl AsFd,
    replaced: impl AsFd,
) -> Result<(), Errno> {
    attach(
        BPF_PROG_ATTACH,
        cgroup,
        filter,
        BPF_F_ALLOW_MULTI | BPF_F_REPLACE,
        number(replaced),
    )
}

/// Puts a filter out of force.
pub fn detach_device_filter(cgroup: impl AsFd, filter: impl AsFd) -> Result<(), Errno> {
    attach(BPF_PROG_DETACH, cgroup, filter, 0, 0)
}

/// The ids of a cgroup's own device filters; how many there are.
pub fn device_filters(cgroup: impl AsFd, ids: &mut [u32; MOST_FILTERS]) -> Result<usize, Errno> {
    let mut query = Query {
        target: number(cgroup),
        kind: BPF_CGROUP_DEVICE,
        query_flags: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: ids.len() as u32,
    };
    // SAFETY: `query` is this command's part of the union; the kernel writes at most `count` ids.
    unsafe { bpf(BPF_PROG_QUERY, &mut query) }?;
    Ok((query.count as usize).min(ids.len()))
}

/// A loaded filter by its id.
pub fn open_filter(id: u32) -> Result<OwnedFd, Errno> {
    let mut by_id = ById {
        id,
        next: 0,
        flags: 0,
    };
    // SAFETY: `by_id` is this command's part of the union and has no pointers.
    new_fd(unsafe { bpf(BPF_PROG_GET_FD_BY_ID, &mut by_id) })
}

fn attach(
    command: u32,
    cgroup: impl AsFd,
    filter: impl AsFd,
    flags: u32,
    replaced: u32,
) -> Result<(), Errno> {
    let mut attach = Attach {
        target: number(cgroup),
        filter: number(filter),
        kind: BPF_CGROUP_DEVICE,
        flags,
        replaced,
    };
    // SAFETY: `attach` is the part of the union that both commands use, and has no pointers.
    unsafe { bpf(command, &mut attach) }.map(drop)
}

/// # Safety
/// `attr` must be the member of union bpf_attr that `command` uses, and its pointers good for it.
unsafe fn bpf<T>(command: u32, attr: &mut T) -> Result<u32, Errno> {
    // SAFETY: the kernel reads, and for queries writes, within the size given; the rest is the caller's.
    check(unsafe {
        raw_syscall!(
            Sysno::bpf,
            command,
            core::ptr::from_mut(attr),
            size_of::<T>()
        )
    })
}

fn new_fd(result: Result<u32, Errno>) -> Result<OwnedFd, Errno> {
    // SAFETY: a descriptor that the kernel has just made; nobody else owns it. They are close-on-exec.
    result.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn number(fd: impl AsFd) -> u32 {
    fd.as_fd().as_raw_fd() as u32
}
