//! Another process of ours, for what a confined one cannot do: start programs.
//!
//! It is started before this process confines itself, runs the same binary under another name, holds no secret of its own
//! and knows one trade. What is asked and answered goes over its standard input and output, a line each.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::process;
use crate::secret::Wiped;

/// How much is read at a time, in bytes.
const PIECE: usize = 4096;

/// The process, and the two ends that we hold of its lines.
pub(super) struct OtherHalf {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    /// What was read and not yet handed out: answers may hold keys.
    buffer: Wiped,
    /// The line that ends it.
    farewell: &'static str,
}

impl OtherHalf {
    /// Starts this program once more, under the name `trade`, with nothing in its environment. It ends when its input does, or
    /// at the line `farewell`.
    ///
    /// # Errors
    /// Why there is no other half, in the kernel's words.
    pub(super) fn start<S: AsRef<OsStr>>(
        trade: &str,
        arguments: impl IntoIterator<Item = S>,
        farewell: &'static str,
    ) -> Result<Self, String> {
        let mut child = Command::new("/proc/self/exe")
            .arg0(trade)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| process::described(&error))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Ok(Self { child, input, output, buffer: Wiped::default(), farewell })
    }

    /// Writes to its input.
    pub(super) fn put(&mut self, text: &[u8]) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), |input| input.write_all(text))
    }

    /// The next line of its output without its end; what is left at the end of the output; then nothing. A longer line than
    /// `most` bytes is handed out in pieces.
    pub(super) fn line(&mut self, most: usize) -> io::Result<Option<Wiped>> {
        loop {
            let end = memchr::memchr(b'\n', &self.buffer);
            match end {
                Some(end) if end <= most => return Ok(Some(self.take(end, 1))),
                _ if self.buffer.len() > most => return Ok(Some(self.take(most, 0))),
                _ => {}
            }
            let mut piece = Wiped::from(vec![0; PIECE]);
            let Some(output) = &mut self.output else { return Ok(None) };
            match output.read(&mut piece) {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Ok(Some(self.take(self.buffer.len(), 0))),
                Ok(length) => self.keep(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first `length` bytes of the buffer; `more` behind them are dropped.
    fn take(&mut self, length: usize, more: usize) -> Wiped {
        let line = Wiped::from(self.buffer[..length].to_vec());
        self.buffer = Wiped::from(self.buffer[length + more..].to_vec());
        line
    }

    fn keep(&mut self, piece: &[u8]) {
        self.buffer = Wiped::from([&self.buffer[..], piece].concat());
    }
}

impl Drop for OtherHalf {
    /// Nothing more is asked: it ends, and nothing is left of it.
    fn drop(&mut self) {
        // The end of the pipe would say the same, but not if closing it were to fail: we would wait forever.
        let _ = self.put(format!("{}\n", self.farewell).as_bytes());
        drop(self.input.take());
        // Whoever still has something to say would wait for us to listen.
        drop(self.output.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_handed_out_whole_and_only_so_long() -> io::Result<()> {
        let script = "printf 'a\\n\\nlong line\\nend'; head -c 1500000 /dev/zero";
        let mut child =
            Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output, buffer) = (child.stdin.take(), child.stdout.take(), Wiped::default());
        let mut other = OtherHalf { child, input, output, buffer, farewell: "bye" };
        let mut line = |most| other.line(most).map(|line| line.map(|line| line.to_vec()));
        assert_eq!(line(9)?.as_deref(), Some(&b"a"[..]));
        assert_eq!(line(9)?.as_deref(), Some(&b""[..]));
        assert_eq!(line(9)?.as_deref(), Some(&b"long line"[..]));
        assert_eq!(line(1 << 20)?.map(|line| line.len()), Some(1 << 20));
        assert_eq!(line(1 << 20)?.map(|line| line.len()), Some(3 + 1_500_000 - (1 << 20)));
        Ok(())
    }
}
