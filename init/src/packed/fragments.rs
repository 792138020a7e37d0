//! The fragments of packed texts, as `cargo ci fragments` has found them in the texts that there are.

/// In the order of their bytes; each is made of two others, or of characters.
#[rustfmt::skip]
pub const FRAGMENTS: [&str; 159] = [
    " s", "\", \"", "\": ", "\": \"", "'s ", ", ", ", \"", "..", "/proc", "/proc/", "0 ", ": ", "CON", "CONFI",
    "CONFIG_", "FI", "G_", "IO", "ON", "P_", "RO", "T_", "a ", "ab", "able", "ad", "al", "am", "an", "and ", "ap",
    "ar", "as ", "at ", "ation", "bl", "blk", "blkio", "block", "blockIO", "ce", "ce ", "ces", "cgroup", "ch", "con",
    "contain", "container", "cp", "cpu", "ct", "d ", "de", "e ", "ec", "ed", "en", "er", "er ", "es", "es ", "espa",
    "ex", "f ", "fa", "fil", "file ", "ge", "gro", "group", "id", "ig", "il", "in", "in ", "ing", "inu", "inux", "io",
    "is ", "it", "it ", "l ", "le", "li", "lim", "linux", "linux.", "linux.resources", "linux.resources.", "ma",
    "max", "me", "mem", "memory", "memory.", "moun", "nam", "ne", "no", "not ", "nt ", "oc", "ock", "of ", "on", "op",
    "or", "or ", "ory", "ot", "ou", "oun", "our", "pa", "pe", "pro", "proc", "proces", "process", "re", "res",
    "resour", "resources", "ri", "ro", "run", "s ", "se", "si", "st", "sta", "stat", "sys", "t ", "ta", "tain", "te",
    "th", "the ", "ti", "tion", "to", "tr", "tt", "ty", "ue", "un", "up", "ur", "us", "usa", "use", "ve ", "vi", "y ",
    "ys", "{\"", "{}",
];
