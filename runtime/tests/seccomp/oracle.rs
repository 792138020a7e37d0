//! The real libseccomp behind a pipe, told what runc would tell it (libcontainer/seccomp), and the part of the filter
//! that runc adds itself (libcontainer/seccomp/patchbpf).

use super::machine::{Call, run};
use init::plan::Instruction;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub const ACTIONS: [(&str, u32); 9] = [
    ("SCMP_ACT_KILL", 0),
    ("SCMP_ACT_KILL_PROCESS", 0x8000_0000),
    ("SCMP_ACT_KILL_THREAD", 0),
    ("SCMP_ACT_TRAP", 0x0003_0000),
    ("SCMP_ACT_ERRNO", 0x0005_0000),
    ("SCMP_ACT_TRACE", 0x7ff0_0000),
    ("SCMP_ACT_ALLOW", 0x7fff_0000),
    ("SCMP_ACT_LOG", 0x7ffc_0000),
    ("SCMP_ACT_NOTIFY", 0x7fc0_0000),
];
/// In the order of libseccomp's enum scmp_compare, from 1.
pub const OPERATORS: [&str; 7] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];
/// Names, libseccomp's tokens, whether big-endian and whether of 64 bits (seccomp.h).
pub const ARCHS: [(&str, u32, bool, bool); 23] = [
    ("X86_64", 0xc000_003e, false, true),
    ("X32", 0x4000_003e, false, false),
    ("X86", 0x4000_0003, false, false),
    ("AARCH64", 0xc000_00b7, false, true),
    ("ARM", 0x4000_0028, false, false),
    ("RISCV64", 0xc000_00f3, false, true),
    ("PPC64", 0x8000_0015, true, true),
    ("PPC64LE", 0xc000_0015, false, true),
    ("PPC", 0x14, true, false),
    ("S390X", 0x8000_0016, true, true),
    ("S390", 0x16, true, false),
    ("LOONGARCH64", 0xc000_0102, false, true),
    ("MIPS64", 0x8000_0008, true, true),
    ("MIPSEL64", 0xc000_0008, false, true),
    ("MIPS64N32", 0xa000_0008, true, false),
    ("MIPSEL64N32", 0xe000_0008, false, false),
    ("MIPS", 8, true, false),
    ("MIPSEL", 0x4000_0008, false, false),
    ("M68K", 4, true, false),
    ("SH", 0x4000_002a, false, false),
    ("SHEB", 0x2a, true, false),
    ("PARISC", 15, true, false),
    ("PARISC64", 0x8000_000f, true, true),
];
pub const X32: u32 = 0x4000_003e;
pub const X86_64: u32 = 0xc000_003e;
pub const ENOSYS: u32 = 0x0005_0026;

/// What a filter returns for an action of the document.
pub fn action(of: &Value, name: &str, errno: &str) -> u32 {
    let name = of[name].as_str().unwrap();
    let base = ACTIONS.iter().find(|row| row.0 == name).unwrap().1;
    match name {
        "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE" => base | of[errno].as_u64().unwrap_or(1) as u32,
        _ => base,
    }
}

/// The token of an architecture.
pub fn token(name: &str) -> u32 {
    ARCHS.iter().find(|row| row.0 == name).unwrap().1
}

/// What a filter sees.
pub fn audit(token: u32) -> u32 {
    if token == X32 { X86_64 } else { token }
}

pub fn big(token: u32) -> bool {
    ARCHS.iter().find(|row| row.1 == token).unwrap().2
}

/// libseccomp's answer for a profile.
pub struct Filter {
    program: Vec<Instruction>,
    /// For each architecture the largest number that the profile names, if runc's stub is there.
    newest: Vec<(u32, u32)>,
    big: bool,
}

impl Filter {
    /// What is returned, and libseccomp's instructions, runc's own not counted.
    pub fn run(&self, call: &Call) -> (u32, usize) {
        let (result, steps) = run(&self.program, call, self.big);
        (if self.newer(call) { ENOSYS } else { result }, steps)
    }

    /// Whether runc's stub takes the call for a newer one than the profile knows.
    pub fn newer(&self, call: &Call) -> bool {
        self.newest.iter().any(|&(token, newest)| {
            let here = audit(token) == call.arch;
            let x32 = call.number & 1 << 30 != 0;
            let mode = audit(token) != X86_64 || x32 == (token == X32);
            let hidden = matches!(token, 0x16 | 0x8000_0016) && call.number == 0;
            here && mode && (call.number > newest || hidden)
        })
    }
}

/// The process that has libseccomp.
pub struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    numbers: HashMap<(u32, String), i32>,
    own: HashMap<(u32, String), Option<u32>>,
    /// What the filter that was last told of may return.
    actions: Vec<u32>,
}

impl Oracle {
    /// `MOTE_LIBSECCOMP` names the program, which `cargo ci test` builds.
    pub fn start() -> Oracle {
        let program =
            std::env::var_os("MOTE_LIBSECCOMP").expect("cargo ci test sets MOTE_LIBSECCOMP");
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Oracle {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            numbers: HashMap::new(),
            own: HashMap::new(),
            actions: Vec::new(),
        }
    }

    fn answer(&mut self, question: &str) -> String {
        self.input.write_all(question.as_bytes()).unwrap();
        self.input.flush().unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The number of a call, negative if it has none.
    pub fn number(&mut self, token: u32, name: &str) -> i32 {
        if let Some(number) = self.numbers.get(&(token, name.to_owned())) {
            return *number;
        }
        let answer = self.answer(&format!("number {token} {name}\n"));
        let number = answer.strip_prefix("number ").unwrap().parse().unwrap();
        self.numbers.insert((token, name.to_owned()), number);
        number
    }

    /// The number of a call as the kernel has it.
    pub fn direct(&mut self, token: u32, name: &str) -> Option<u32> {
        match self.number(token, name) {
            number @ 0.. => Some(number as u32),
            // libseccomp's stand-in for what is behind a multiplexer, even if the call has a number of its own by now.
            -299..=-100 => {
                let key = (token, name.to_owned());
                let known = self
                    .own
                    .entry(key)
                    .or_insert_with(|| own_number(token, name));
                *known
            }
            _ => None,
        }
    }

    /// The multiplexer's number for a call, and what its first argument is then.
    pub fn multiplexed(&mut self, token: u32, name: &str) -> Option<(u32, u64)> {
        let by = |number: i32| (number / -100, number % 100);
        let (multiplexer, first) = match by(self.number(token, name)) {
            (1, -20..=-1) => ("socketcall", -self.number(token, name) % 100),
            (1, 0) => return None,
            (2, -24..=-1) => ("ipc", -self.number(token, name) % 100),
            _ => return None,
        };
        let number = self.number(token, multiplexer);
        (number >= 0).then_some((number as u32, first as u64))
    }

    /// What runc says to libseccomp.
    fn tell(&mut self, profile: &Value, archs: &[u32], optimize: u32) {
        let default = action(profile, "defaultAction", "defaultErrnoRet");
        self.actions = vec![default, 0];
        let mut text = format!("new {default} {optimize}\n");
        for arch in archs {
            text += &format!("arch {arch}\n");
        }
        for rule in profile["syscalls"].as_array().unwrap() {
            let action = action(rule, "action", "errnoRet");
            self.actions.push(action);
            if action == default {
                continue;
            }
            let empty = Vec::new();
            let args = rule["args"].as_array().unwrap_or(&empty);
            let conditions: Vec<(u64, String)> = args
                .iter()
                .map(|arg| {
                    let op = OPERATORS
                        .iter()
                        .position(|name| *name == arg["op"])
                        .unwrap()
                        + 1;
                    let (value, two) = (
                        arg["value"].as_u64().unwrap(),
                        arg["valueTwo"].as_u64().unwrap_or(0),
                    );
                    let index = arg["index"].as_u64().unwrap();
                    (index, format!(" {index} {op} {value} {two}"))
                })
                .collect();
            let twice =
                (0..6).any(|index| conditions.iter().filter(|row| row.0 == index).count() > 1);
            for name in rule["names"].as_array().unwrap() {
                let name = name.as_str().unwrap();
                if twice {
                    for (_, condition) in &conditions {
                        text += &format!("rule {action} {name} 1{condition}\n");
                    }
                } else {
                    text += &format!("rule {action} {name} {}", conditions.len());
                    text.extend(conditions.iter().map(|row| row.1.as_str()));
                    text += "\n";
                }
            }
        }
        self.input.write_all(text.as_bytes()).unwrap();
    }

    /// The filter, or libseccomp's errno.
    pub fn filter(&mut self, profile: &Value, archs: &[u32], optimize: u32) -> Result<Filter, i32> {
        self.tell(profile, archs, optimize);
        let answer = self.answer("make\n");
        if let Some(errno) = answer.strip_prefix("error ") {
            return Err(errno.parse().unwrap());
        }
        let digits = answer.strip_prefix("program ").unwrap();
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let big = big(archs[0]);
        let program = bytes.chunks(8).map(|bytes| {
            let (code, value) = (
                [bytes[0], bytes[1]],
                [bytes[4], bytes[5], bytes[6], bytes[7]],
            );
            Instruction {
                code: if big {
                    u16::from_be_bytes(code)
                } else {
                    u16::from_le_bytes(code)
                },
                yes: bytes[2],
                no: bytes[3],
                value: if big {
                    u32::from_be_bytes(value)
                } else {
                    u32::from_le_bytes(value)
                },
            }
        });
        let mut program: Vec<Instruction> = program.collect();
        // When it copies a return, libseccomp takes the number for one of the other endianness again; on a
        // machine of the same one that changes nothing.
        for step in program.iter_mut().filter(|step| step.code == 0x06) {
            if !self.actions.contains(&step.value) {
                step.value = step.value.swap_bytes();
            }
        }
        Ok(Filter {
            program,
            newest: self.newest(profile, archs),
            big,
        })
    }

    fn newest(&mut self, profile: &Value, archs: &[u32]) -> Vec<(u32, u32)> {
        let default = profile["defaultAction"].as_str().unwrap();
        if ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].contains(&default) {
            return Vec::new();
        }
        let rules = profile["syscalls"].as_array().unwrap();
        let names: Vec<&str> = rules
            .iter()
            .flat_map(|rule| rule["names"].as_array().unwrap())
            .map(|name| name.as_str().unwrap())
            .collect();
        let mut newest = Vec::new();
        for &token in archs {
            let largest = names.iter().map(|name| self.number(token, name)).max();
            if let Some(largest) = largest.filter(|number| *number > 0) {
                newest.push((token, largest as u32));
            }
        }
        newest
    }

    /// Nanoseconds that libseccomp takes for a profile: the least of `count`.
    pub fn time(&mut self, profile: &Value, archs: &[u32], optimize: u32, count: u32) -> u64 {
        self.tell(profile, archs, optimize);
        let answer = self.answer(&format!("time {count}\n"));
        answer.strip_prefix("time ").unwrap().parse().unwrap()
    }
}

/// Of our own tables, which another test compares with libseccomp's as far as it tells.
fn own_number(token: u32, name: &str) -> Option<u32> {
    use runtime::seccomp::{arch, syscalls};
    let arena = init::sys::arena::Arena::new(1 << 20).unwrap();
    let numbers = syscalls::Numbers::unpack(&arena, 17).unwrap();
    let row = ARCHS.iter().find(|row| row.1 == token).unwrap();
    let arch = arch::called(row.0.as_bytes()).unwrap();
    let id = syscalls::id(name.as_bytes())?;
    let at = numbers
        .of(arch.table())
        .iter()
        .position(|other| *other == id)?;
    Some(arch.number(at))
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
