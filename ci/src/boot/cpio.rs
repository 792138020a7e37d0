//! An initramfs: a cpio archive in the "newc" format (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst).

use crate::sh::{self, Result};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// File types of `st_mode` (inode(7)).
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;

/// An archive that grows; everything in it belongs to root.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    /// A directory of mode 0755; its parents must have been added.
    pub fn directory(&mut self, name: &str) {
        self.directory_of_mode(name, 0o755);
    }

    /// A directory with these permissions.
    pub fn directory_of_mode(&mut self, name: &str, mode: u32) {
        self.entry(name, DIRECTORY | mode, (0, 0), b"");
    }

    /// A file with these permissions.
    pub fn file(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entry(name, REGULAR | mode, (0, 0), content);
    }

    /// A symbolic link.
    pub fn link(&mut self, name: &str, target: &str) {
        self.entry(name, LINK | 0o777, (0, 0), target.as_bytes());
    }

    /// A character device of mode 0600.
    pub fn device(&mut self, name: &str, major: u32, minor: u32) {
        self.entry(name, CHARACTER | 0o600, (major, minor), b"");
    }

    /// All directories of a path.
    pub fn directories(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.directory(&path[..at]);
        }
    }

    /// What is below `dir`, put below `place` (empty, or with a `/` at its end), but for the subtrees that `leave` names, and for sockets and devices.
    pub fn tree(&mut self, dir: &Path, place: &str, leave: &[&str]) -> Result {
        self.branch(dir, place, "", leave)
    }

    fn branch(&mut self, dir: &Path, place: &str, prefix: &str, leave: &[&str]) -> Result {
        for path in sh::list(dir)? {
            let last = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let name = format!("{prefix}{last}");
            if leave.contains(&name.as_str()) {
                continue;
            }
            let entry = format!("{place}{name}");
            let error = |e: std::io::Error| format!("{}: {e}", path.display());
            let data = fs::symlink_metadata(&path).map_err(error)?;
            let mode = data.permissions().mode();
            if data.is_dir() {
                self.entry(&entry, mode, (0, 0), b"");
                self.branch(&path, place, &format!("{name}/"), leave)?;
            } else if data.is_symlink() {
                let target = fs::read_link(&path).map_err(error)?;
                self.link(&entry, &target.to_string_lossy());
            } else if data.is_file() && data.size() < u64::from(u32::MAX) {
                self.entry(&entry, mode, (0, 0), &fs::read(&path).map_err(error)?);
            }
        }
        Ok(())
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), b"");
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.inode += 1;
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX) + 1;
        self.bytes.extend_from_slice(b"070701");
        // inode, mode, uid, gid, links, mtime, size, device (2), rdev (2), length of the name, checksum
        for field in [
            self.inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, length, 0,
        ] {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    #[test]
    fn header_and_padding() {
        let mut archive = Archive::default();
        archive.directory("dev");
        archive.file("a", 0o755, b"hello");
        archive.link("b", "a");
        archive.device("dev/null", 1, 3);
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        // A header of 110 bytes, the name, its zero, and zeros up to a multiple of four.
        assert!(text.starts_with("07070100000001000041ed"));
        assert_eq!(
            text.find("070701000000020000 81ed".replace(' ', "").as_str()),
            Some(116)
        );
        assert!(text.contains("hello\0\0\x0007"));
        assert!(text.ends_with("TRAILER!!!\0\0\0\0"));
    }
}
