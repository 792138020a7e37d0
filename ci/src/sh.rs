//! Running other programs: said before, waited for, and an error that names the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a task returns; the error is a finished sentence for a person.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The checkout's top directory: where cargo says this crate is now, not where it was built.
pub fn top() -> PathBuf {
    let ci = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    ci.parent().map(Path::to_path_buf).unwrap_or(ci)
}

/// `target/NAME` in the checkout, made when it is missing.
pub fn target(name: &str) -> Result<PathBuf> {
    let dir = top().join("target").join(name);
    make_dir(&dir)?;
    Ok(dir)
}

/// Says what begins now, so that a long silence has a name.
pub fn say(text: impl AsRef<str>) {
    println!("==> {}", text.as_ref());
}

/// Runs with our own output; fails when the program does.
pub fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|e| missing(command, &e))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", line(command)))
    }
}

/// Runs and returns standard output; what it said is part of the error when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| missing(command, &e))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    if out.status.success() {
        return Ok(text);
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(format!(
        "{} ended with {}\n{}{}",
        line(command),
        out.status,
        text.trim_end(),
        said.trim_end()
    ))
}

/// Runs with our own error stream and returns standard output.
pub fn captured(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let out = out.map_err(|e| missing(command, &e))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(format!("{} ended with {}", line(command), out.status))
}

/// Runs with output shown as it comes and kept as well: (succeeded, lines of standard output).
pub fn tee(command: &mut Command) -> Result<(bool, Vec<String>)> {
    use std::io::{BufRead, BufReader};
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| missing(command, &e))?;
    let mut lines = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            println!("{text}");
            lines.push(text);
            bytes.clear();
        }
    }
    let status = child
        .wait()
        .map_err(|e| format!("{}: {e}", line(command)))?;
    Ok((status.success(), lines))
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn missing(command: &Command, error: &std::io::Error) -> String {
    format!(
        "cannot run {}: {error}",
        command.get_program().to_string_lossy()
    )
}

/// `fs::read_to_string` with the path in the error.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// `fs::read` with the path in the error.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// `fs::write` with the path in the error.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result {
    fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// `fs::copy` with both paths in the error.
pub fn copy(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))?;
    Ok(())
}

/// What a directory holds, in order of name.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// `fs::create_dir_all` with the path in the error.
pub fn make_dir(path: &Path) -> Result {
    fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A directory in the temporary place that goes away with the value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// Makes `mote-NAME-PID`.
    pub fn new(name: &str) -> Result<Scratch> {
        let path = std::env::temp_dir().join(format!("mote-{name}-{}", std::process::id()));
        make_dir(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
