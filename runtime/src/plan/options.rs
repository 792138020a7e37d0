//! Mount options: one table of what each word does; every other word is data for the file system.

use super::words::{Names, Words, packed, room};
use Effect::*;
use core::ffi::CStr;
use linux_raw_sys::general::{
    MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME, MOUNT_ATTR_STRICTATIME, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE,
    MS_UNBINDABLE,
};
use spec_min::{List, Text};

/// What an option does.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// Says what is so anyway.
    Nothing,
    /// Sets a `MOUNT_ATTR_*`.
    Set(u32),
    /// Clears it.
    Clear(u32),
    /// Puts one of the three values in the field of access times.
    Atime(u32),
    /// `Set` for the whole tree of mounts below.
    SetAll(u32),
    /// `Clear` for the whole tree.
    ClearAll(u32),
    /// `Atime` for the whole tree.
    AtimeAll(u32),
    /// Sets a flag of the file system itself, a bit for [`SUPERBLOCK_FLAGS`].
    Superblock(u8),
    /// Clears it.
    NotSuperblock(u8),
    /// Changes the propagation, `MS_*`.
    Propagate(u32),
    /// Makes it a bind mount.
    Bind,
    /// Makes it a bind mount of a whole tree.
    BindAll,
    /// Only changes what is mounted.
    Remount,
    /// tmpfs: starts with a copy of what it covers.
    CopyUp,
    /// An idmapped mount, perhaps with all below.
    IdMap {
        /// With all below.
        recursive: bool,
    },
}

const RO: u32 = MOUNT_ATTR_RDONLY;
const SYNC: u8 = 1;
const DIRSYNC: u8 = 2;
const LAZYTIME: u8 = 4;
const MAND: u8 = 8;
/// The file system as a whole is read-only, not only this mount of it.
pub const SUPERBLOCK_READONLY: u8 = 16;

/// The names that fsconfig(2) has for the flags of a file system.
pub const SUPERBLOCK_FLAGS: [(u8, &CStr); 5] = [
    (SUPERBLOCK_READONLY, c"ro"),
    (SYNC, c"sync"),
    (DIRSYNC, c"dirsync"),
    (LAZYTIME, c"lazytime"),
    (MAND, c"mand"),
];

/// Every option that is not data. `norelatime` asks for what no kernel since 2.6.30 does, and
/// `iversion`, `silent` and their opposites for what file systems decide themselves.
const TABLE: [(&str, Effect); 62] = [
    ("async", NotSuperblock(SYNC)),
    ("atime", Atime(MOUNT_ATTR_RELATIME)),
    ("bind", Bind),
    ("defaults", Nothing),
    ("dev", Clear(MOUNT_ATTR_NODEV)),
    ("diratime", Clear(MOUNT_ATTR_NODIRATIME)),
    ("dirsync", Superblock(DIRSYNC)),
    ("exec", Clear(MOUNT_ATTR_NOEXEC)),
    ("idmap", IdMap { recursive: false }),
    ("iversion", Nothing),
    ("lazytime", Superblock(LAZYTIME)),
    ("loud", Nothing),
    ("mand", Superblock(MAND)),
    ("noatime", Atime(MOUNT_ATTR_NOATIME)),
    ("nodev", Set(MOUNT_ATTR_NODEV)),
    ("nodiratime", Set(MOUNT_ATTR_NODIRATIME)),
    ("noexec", Set(MOUNT_ATTR_NOEXEC)),
    ("noiversion", Nothing),
    ("nolazytime", NotSuperblock(LAZYTIME)),
    ("nomand", NotSuperblock(MAND)),
    ("norelatime", Nothing),
    ("nostrictatime", Atime(MOUNT_ATTR_RELATIME)),
    ("nosuid", Set(MOUNT_ATTR_NOSUID)),
    ("nosymfollow", Set(MOUNT_ATTR_NOSYMFOLLOW)),
    ("private", Propagate(MS_PRIVATE)),
    ("ratime", AtimeAll(MOUNT_ATTR_RELATIME)),
    ("rbind", BindAll),
    ("rdev", ClearAll(MOUNT_ATTR_NODEV)),
    ("rdiratime", ClearAll(MOUNT_ATTR_NODIRATIME)),
    ("relatime", Atime(MOUNT_ATTR_RELATIME)),
    ("remount", Remount),
    ("rexec", ClearAll(MOUNT_ATTR_NOEXEC)),
    ("ridmap", IdMap { recursive: true }),
    ("rnoatime", AtimeAll(MOUNT_ATTR_NOATIME)),
    ("rnodev", SetAll(MOUNT_ATTR_NODEV)),
    ("rnodiratime", SetAll(MOUNT_ATTR_NODIRATIME)),
    ("rnoexec", SetAll(MOUNT_ATTR_NOEXEC)),
    ("rnorelatime", Nothing),
    ("rnostrictatime", AtimeAll(MOUNT_ATTR_RELATIME)),
    ("rnosuid", SetAll(MOUNT_ATTR_NOSUID)),
    ("rnosymfollow", SetAll(MOUNT_ATTR_NOSYMFOLLOW)),
    ("ro", Set(RO)),
    ("rprivate", Propagate(MS_PRIVATE | MS_REC)),
    ("rrelatime", AtimeAll(MOUNT_ATTR_RELATIME)),
    ("rro", SetAll(RO)),
    ("rrw", ClearAll(RO)),
    ("rshared", Propagate(MS_SHARED | MS_REC)),
    ("rslave", Propagate(MS_SLAVE | MS_REC)),
    ("rstrictatime", AtimeAll(MOUNT_ATTR_STRICTATIME)),
    ("rsuid", ClearAll(MOUNT_ATTR_NOSUID)),
    ("rsymfollow", ClearAll(MOUNT_ATTR_NOSYMFOLLOW)),
    ("runbindable", Propagate(MS_UNBINDABLE | MS_REC)),
    ("rw", Clear(RO)),
    ("shared", Propagate(MS_SHARED)),
    ("silent", Nothing),
    ("slave", Propagate(MS_SLAVE)),
    ("strictatime", Atime(MOUNT_ATTR_STRICTATIME)),
    ("suid", Clear(MOUNT_ATTR_NOSUID)),
    ("symfollow", Clear(MOUNT_ATTR_NOSYMFOLLOW)),
    ("sync", Superblock(SYNC)),
    ("tmpcopyup", CopyUp),
    ("unbindable", Propagate(MS_UNBINDABLE)),
];

/// The options of the table by name: what `features` lists.
pub fn names() -> Names {
    NAMES.names()
}

/// What an option does; none if it is data.
pub fn effect(option: &[u8]) -> Option<Effect> {
    let ends = ends(option);
    let at = usize::from(PLACES[slot(ends)]).checked_sub(1)?;
    // No two texts of the same length have the same ends, up to eight bytes.
    let (length, name) = PACKED[usize::from(STARTS[at])..].split_first()?;
    let same = ENDS[at] == ends && usize::from(*length) == option.len();
    (same && (option.len() <= 8 || name.starts_with(option))).then(|| EFFECTS[at])
}

// The table column by column: with a reference to each name it would take twice the room.

const LIST: [&str; TABLE.len()] = {
    let (mut list, mut at) = ([""; TABLE.len()], 0);
    while at < TABLE.len() {
        list[at] = TABLE[at].0;
        at += 1;
    }
    list
};

static PACKED: [u8; room(&LIST)] = packed(&LIST);
static NAMES: Words = Words::new(&PACKED, &[]);

/// Where each name has its length in [`PACKED`].
static STARTS: [u16; TABLE.len()] = {
    let (mut starts, mut at) = ([0; TABLE.len()], 1);
    while at < TABLE.len() {
        starts[at] = starts[at - 1] + 1 + LIST[at - 1].len() as u16;
        at += 1;
    }
    starts
};

static EFFECTS: [Effect; TABLE.len()] = {
    let (mut effects, mut at) = ([Nothing; TABLE.len()], 0);
    while at < TABLE.len() {
        effects[at] = TABLE[at].1;
        at += 1;
    }
    effects
};

/// The ends of each name in the table.
const ENDS: [u64; TABLE.len()] = {
    let (mut all, mut at) = ([0; TABLE.len()], 0);
    while at < TABLE.len() {
        all[at] = ends(TABLE[at].0.as_bytes());
        at += 1;
    }
    all
};

/// Which option of the table can be in a slot, from 1; 0 is none. Looking for one costs a multiplication and one comparison.
const PLACES: [u8; 256] = {
    let (mut places, mut at) = ([0; 256], 0);
    while at < TABLE.len() {
        let slot = slot(ENDS[at]);
        assert!(
            places[slot] == 0,
            "two options in one slot: another MULTIPLIER has to be found"
        );
        at += 1;
        places[slot] = at as u8;
    }
    places
};

/// One of those that give each option of the table a slot of its own; about one in a thousand does.
const MULTIPLIER: u64 = 0x8696_27d6_8248_10b7;

const fn slot(ends: u64) -> usize {
    (ends.wrapping_mul(MULTIPLIER) >> 56) as usize
}

/// The first four bytes and the last four; of a shorter text the first, the middle one and the last.
#[inline(always)]
const fn ends(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u32::from_le_bytes(*first) as u64) << 32 | u32::from_le_bytes(*last) as u64;
    }
    match text {
        [] => 0,
        [first, .., last] => {
            (*first as u64) << 16 | (text[text.len() / 2] as u64) << 8 | *last as u64
        }
        [one] => *one as u64,
    }
}

/// How a mount comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// Of a new file system.
    New,
    /// Of what is mounted elsewhere, with or without what is mounted below that.
    Bind {
        /// With it.
        recursive: bool,
    },
    /// It is there already.
    Remount,
}

/// All options of one mount together; of two that contradict each other the last one counts.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// How it comes to be.
    pub making: Making,
    /// `MOUNT_ATTR_*` to set and to clear.
    pub own: Attributes,
    /// The same for the whole tree.
    pub tree: Attributes,
    /// Bits for [`SUPERBLOCK_FLAGS`].
    pub superblock: u8,
    /// `tmpcopyup`.
    pub copy_up: bool,
    /// `idmap` or `ridmap`, and whether it is the latter.
    pub id_map: Option<bool>,
    /// Number of changes of propagation.
    pub propagations: usize,
    /// The last of them, `MS_*`.
    pub propagation: u32,
    /// Number of data options, those inside one text counted apart.
    pub data: usize,
}

/// Attributes to set and to clear, no bit in both but for the field of access times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// To set.
    pub set: u32,
    /// To clear.
    pub clear: u32,
}

impl Attributes {
    fn set(&mut self, bits: u32) {
        self.set |= bits;
        self.clear &= !bits;
    }

    fn clear(&mut self, bits: u32) {
        self.clear |= bits;
        self.set &= !bits;
    }

    fn atime(&mut self, value: u32) {
        self.set = self.set & !MOUNT_ATTR__ATIME | value;
        self.clear |= MOUNT_ATTR__ATIME;
    }
}

impl Sum {
    /// That of no options.
    pub const NONE: Sum = Sum {
        making: Making::New,
        own: Attributes { set: 0, clear: 0 },
        tree: Attributes { set: 0, clear: 0 },
        superblock: 0,
        copy_up: false,
        id_map: None,
        propagations: 0,
        propagation: 0,
        data: 0,
    };
}

/// Adds up the options of a mount, `sum` being [`Sum::NONE`].
#[inline(never)]
pub fn add(sum: &mut Sum, options: List<'_, Text<'_>>) {
    for option in options.iter() {
        match effect(option.bytes()) {
            Some(Nothing) => {}
            Some(Set(bits)) => sum.own.set(bits),
            Some(Clear(bits)) => sum.own.clear(bits),
            Some(Atime(value)) => sum.own.atime(value),
            Some(SetAll(bits)) => sum.tree.set(bits),
            Some(ClearAll(bits)) => sum.tree.clear(bits),
            Some(AtimeAll(value)) => sum.tree.atime(value),
            Some(Superblock(bit)) => sum.superblock |= bit,
            Some(NotSuperblock(bit)) => sum.superblock &= !bit,
            Some(Propagate(flags)) => {
                sum.propagations += 1;
                sum.propagation = flags;
            }
            Some(Remount) => sum.making = Making::Remount,
            Some(Bind) if sum.making == Making::New => {
                sum.making = Making::Bind { recursive: false }
            }
            Some(BindAll) if sum.making != Making::Remount => {
                sum.making = Making::Bind { recursive: true }
            }
            Some(Bind | BindAll) => {}
            Some(CopyUp) => sum.copy_up = true,
            Some(IdMap { recursive }) => {
                sum.id_map = Some(sum.id_map.unwrap_or(false) || recursive);
            }
            None => sum.data += pieces(option.bytes()).count(),
        }
    }
}

/// The data options in one text: the kernel has always taken several with commas between them. One in double
/// quotes (an SELinux context) or after a backslash (an overlay's directory) is part of a value.
pub fn pieces(option: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let between = move |byte: &u8| {
        let splits = *byte == b',' && !quoted && !escaped;
        quoted ^= *byte == b'"';
        escaped = *byte == b'\\' && !escaped;
        splits
    };
    option.split(between).filter(|piece| !piece.is_empty())
}
