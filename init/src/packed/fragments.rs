//! The fragments of packed texts, as `cargo ci fragments` has found them in the texts that there are.

/// In the order of their bytes; each is made of two others, or of characters.
#[rustfmt::skip]
pub const FRAGMENTS: [&str; 159] = [
    "\", \"", "\": ", "\": \"", "'s ", ", ", ", \"", "--", "/proc", "/proc/", "0 ", ": ", "; ", "FI", "IO", "P_",
    "a ", "ad", "al", "an", "and ", "ap", "ar", "as ", "at ", "bl", "blk", "blkio", "ce", "ce ", "ces", "cgroup",
    "ch", "ch ", "ck", "co", "con", "contain", "container", "container ", "cp", "cpu", "cpu.", "ct", "d ", "de",
    "devi", "e ", "ec", "ed", "en", "er", "er ", "es", "et", "ex", "expec", "expected ", "f ", "fil", "ge", "group",
    "has ", "id", "ig", "il", "in", "in ", "ing", "ing ", "io", "is ", "it", "it ", "ith", "l ", "la", "le", "li",
    "lim", "lin", "linux", "linux.", "linux.resources", "linux.resources.", "lo", "lock", "ma", "max", "me", "mem",
    "memor", "memory", "memory.", "moun", "na", "nam", "names", "namespa", "ne", "no", "no ", "not ", "of ", "on",
    "op", "or", "or ", "ot", "ou", "oun", "our", "pa", "pe", "pec", "pro", "proc", "proces", "re", "res", "resour",
    "resources", "ri", "ro", "roup", "run", "s ", "se", "so", "st", "st ", "sta", "su", "sys", "system", "t ", "ta",
    "tain", "te", "ted ", "tem", "th", "the ", "ti", "tion", "to", "to ", "tr", "tt", "ty", "un", "up", "us", "ux",
    "ve ", "vi", "y ", "ys", "{}", "{} ",
];
