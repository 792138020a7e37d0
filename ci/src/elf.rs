//! Reads ELF64 files of either byte order: segments, sections, symbols, and what the dynamic section asks for.

use crate::sh::Result;
use std::ops::Range;
use std::path::Path;

/// Program header types and section types that we look at (elf.h).
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const SHT_SYMTAB: u32 = 2;
const SHF_ALLOC: u64 = 2;
/// A segment that is executed.
const PF_X: u32 = 1;
const DT_NEEDED: u64 = 1;
/// Symbol types: data object, function.
const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;

/// An ELF file in memory.
pub struct Elf {
    bytes: Vec<u8>,
    big: bool,
    /// `e_machine`.
    pub machine: u16,
    segments: Vec<Segment>,
    /// All sections, the null section included.
    pub sections: Vec<Section>,
}

struct Segment {
    kind: u32,
    code: bool,
    file: Range<u64>,
}

/// One section header.
pub struct Section {
    /// Its name, from the section name table.
    pub name: String,
    /// Bytes in memory, or in the file for those that aren't loaded.
    pub size: u64,
    /// Whether it is loaded.
    pub alloc: bool,
    kind: u32,
    file: Range<u64>,
    link: usize,
}

/// A function or object with a size.
pub struct Symbol {
    /// As in the file: mangled.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Address, to tell aliases apart.
    pub address: u64,
}

impl Elf {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Elf> {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Elf::parse(bytes).ok_or_else(|| format!("{}: not a whole 64-bit ELF file", path.display()))
    }

    fn parse(bytes: Vec<u8>) -> Option<Elf> {
        if bytes.get(..5)? != b"\x7fELF\x02" {
            return None;
        }
        let big = *bytes.get(5)? == 2;
        let mut elf = Elf {
            bytes,
            big,
            machine: 0,
            segments: Vec::new(),
            sections: Vec::new(),
        };
        elf.machine = elf.half(18)?;
        let (program_headers, section_headers) = (elf.word(32)?, elf.word(40)?);
        for i in 0..u64::from(elf.half(56)?) {
            let at = program_headers + i * u64::from(elf.half(54)?);
            let (offset, size) = (elf.word(at + 8)?, elf.word(at + 32)?);
            elf.segments.push(Segment {
                kind: elf.int(at)?,
                code: elf.int(at + 4)? & PF_X != 0,
                file: offset..offset.checked_add(size)?,
            });
        }
        let (size, count, names) = (
            u64::from(elf.half(58)?),
            u64::from(elf.half(60)?),
            u64::from(elf.half(62)?),
        );
        let name_table = if count > 0 {
            elf.word(section_headers + names * size + 24)?
        } else {
            0
        };
        for i in 0..count {
            let at = section_headers + i * size;
            let (offset, bytes) = (elf.word(at + 24)?, elf.word(at + 32)?);
            let section = Section {
                name: elf.text(name_table + u64::from(elf.int(at)?))?,
                size: bytes,
                alloc: elf.word(at + 8)? & SHF_ALLOC != 0,
                kind: elf.int(at + 4)?,
                file: offset..offset.checked_add(bytes)?,
                link: usize::try_from(elf.int(at + 40)?).ok()?,
            };
            elf.sections.push(section);
        }
        Some(elf)
    }

    /// Says why the file is not a static program that runs without any other file.
    pub fn check_static(&self) -> Result {
        if !self.segments.iter().any(|segment| segment.kind == PT_LOAD) {
            return Err("no PT_LOAD: not a program".into());
        }
        // rcrt1.o, which we link with, relocates itself by PT_DYNAMIC.
        if !self
            .segments
            .iter()
            .any(|segment| segment.kind == PT_DYNAMIC)
        {
            return Err("no PT_DYNAMIC: not a static PIE".into());
        }
        if self
            .segments
            .iter()
            .any(|segment| segment.kind == PT_INTERP)
        {
            return Err("PT_INTERP: it asks for a dynamic loader".into());
        }
        for segment in self
            .segments
            .iter()
            .filter(|segment| segment.kind == PT_DYNAMIC)
        {
            let tags = segment
                .file
                .clone()
                .step_by(16)
                .map_while(|at| self.word(at));
            if tags.take_while(|&tag| tag != 0).any(|tag| tag == DT_NEEDED) {
                return Err("DT_NEEDED: it asks for a shared library".into());
            }
        }
        Ok(())
    }

    /// Says where code of RISC-V jumps by way of t1. LLVM 22's machine outliner cuts out code that ends a function also where t1 has a
    /// value for it, and reaches it by the two instructions that overwrite t1, unless the linker makes one of them that doesn't.
    pub fn check_t1(&self) -> Result {
        for segment in self.segments.iter().filter(|segment| segment.code) {
            let start = segment.file.start;
            let range = usize::try_from(start)
                .ok()
                .zip(usize::try_from(segment.file.end).ok());
            let code = range.and_then(|(start, end)| self.bytes.get(start..end));
            if let Some(at) = jump_by_t1(code.ok_or("a segment ends behind the file")?) {
                return Err(format!(
                    "{start:#x} + {at:#x}: a jump by t1, which outlined code may have a value in; was it not linked with +relax?",
                ));
            }
        }
        Ok(())
    }

    /// Where the last of what is loaded ends.
    pub fn loaded(&self) -> u64 {
        let ends = self.segments.iter().map(|segment| segment.file.end);
        ends.max().unwrap_or(0)
    }

    /// The dynamic loader that the program asks for.
    pub fn interpreter(&self) -> Option<String> {
        let mut segments = self.segments.iter();
        self.text(
            segments
                .find(|segment| segment.kind == PT_INTERP)?
                .file
                .start,
        )
    }

    /// Functions and objects of `.symtab`; empty in a stripped file.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut found = Vec::new();
        for table in self
            .sections
            .iter()
            .filter(|section| section.kind == SHT_SYMTAB)
        {
            let Some(names) = self.sections.get(table.link).map(|names| names.file.start) else {
                continue;
            };
            found.extend(
                table
                    .file
                    .clone()
                    .step_by(24)
                    .filter_map(|at| self.symbol(at, names)),
            );
        }
        found
    }

    fn symbol(&self, at: u64, names: u64) -> Option<Symbol> {
        let kind = self.bytes.get(usize::try_from(at).ok()? + 4)? & 15;
        let size = self.word(at + 16)?;
        if size == 0 || !matches!(kind, STT_OBJECT | STT_FUNC) {
            return None;
        }
        Some(Symbol {
            name: self.text(names + u64::from(self.int(at)?))?,
            size,
            address: self.word(at + 8)?,
        })
    }

    fn array<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let at = usize::try_from(at).ok()?;
        let mut value: [u8; N] = self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()?;
        if self.big {
            value.reverse();
        }
        Some(value)
    }

    fn half(&self, at: u64) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn int(&self, at: u64) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn word(&self, at: u64) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    fn text(&self, at: u64) -> Option<String> {
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    }
}

/// The first `auipc t1, ...; jalr zero, ...(t1)`. Instructions begin at every second byte.
fn jump_by_t1(code: &[u8]) -> Option<usize> {
    let pairs = code.windows(8).step_by(2);
    let mut pairs =
        pairs.map(|pair| [[0, 1, 2, 3], [4, 5, 6, 7]].map(|part| part.map(|at| pair[at])));
    // Opcode and registers; the rest is the distance.
    let index = pairs.position(|pair| {
        let [upper, jump] = pair.map(u32::from_le_bytes);
        upper & 0xfff == 0x317 && jump & 0xf_ffff == 0x3_0067
    });
    index.map(|index| index * 2)
}

#[cfg(test)]
mod tests {
    use super::{Elf, jump_by_t1};
    use std::path::Path;

    #[test]
    fn this_test_program_is_not_static() {
        let elf = Elf::read(Path::new("/proc/self/exe")).unwrap();
        assert!(elf.check_static().unwrap_err().contains("PT_INTERP"));
        assert!(
            elf.symbols()
                .iter()
                .any(|symbol| symbol.name.contains("this_test_program_is_not_static"))
        );
        assert!(
            elf.sections
                .iter()
                .any(|section| section.name == ".text" && section.alloc)
        );
    }

    #[test]
    fn jumps_by_t1_are_found() {
        // c.nop; auipc t1, 0; jr -0x48(t1)
        let code = [1, 0, 0x17, 3, 0, 0, 0x67, 0, 0x83, 0xfb];
        assert_eq!(jump_by_t1(&code), Some(2));
        assert_eq!(jump_by_t1(&code[..9]), None);
        // By way of t0, and a call by way of t1.
        let other = |at: usize, byte: u8| {
            let mut code = code;
            code[at] = byte;
            jump_by_t1(&code)
        };
        assert_eq!(other(2, 0x97), None);
        assert_eq!(other(6, 0xe7), None);
    }

    #[test]
    fn half_a_file_is_refused() {
        let mut bytes = std::fs::read("/proc/self/exe").unwrap();
        bytes.truncate(100);
        assert!(Elf::parse(bytes).is_none());
        assert!(Elf::parse(Vec::new()).is_none());
    }
}
