//! Starting age plugins: programs that open what is encrypted for a key in hardware or at some other place.
//!
//! A process that is confined (`confine`) starts no programs. So its `other_half` was given the programs that may be
//! started, and nothing else is. At the line `=> start NUMBER` it starts one, which talks over the same standard input and output,
//! so that what it says passes through nobody's memory; then it says in a line `=> …` how the program ended. Lines of the
//! plugin protocol never start like that: they are `-> …` or base64.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::other_half::OtherHalf;
use super::{Error, process, quoted};
use crate::secret::Wiped;

/// The name under which this program is the other half of [`Plugins`].
pub const STARTER: &str = "sops-activate-plugins";

/// What the program of every plugin is called, before its own name (<https://c2sp.org/age-plugin>).
const PREFIX: &str = "age-plugin-";

/// How long one conversation may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// After how long no other conversation is begun.
const PATIENCE: Duration = Duration::from_secs(120);

/// Most programs that are taken from a `PATH`.
const MAX_IN_PATH: usize = 16;

/// Longest line of a plugin, in bytes: a stanza's first line; those of its body have 64.
const MAX_LINE: usize = 64 * 1024;

/// Most that a plugin may say in one conversation, in bytes.
const MAX_SAID: usize = 4 * 1024 * 1024;

/// What our own lines start with.
const OWN: &str = "=> ";

/// The plugins that may be started.
#[derive(Default)]
pub struct Plugins {
    programs: Vec<Program>,
    /// None if there are no programs, or it is of no use any more.
    other: Option<OtherHalf>,
    /// Why there is nobody to start them.
    cause: String,
    /// When the first conversation began.
    since: Option<Instant>,
    /// A program may still be running.
    is_busy: bool,
}

/// A program that may be started.
struct Program {
    /// `tpm` of `age-plugin-tpm`.
    name: String,
    path: PathBuf,
}

impl Plugins {
    /// Gets ready to start the programs at these absolute paths, whose names start with `age-plugin-`. None of them is started yet.
    #[must_use]
    pub fn prepare(programs: &[PathBuf]) -> Self {
        let named = |path: &PathBuf| Some(Program { name: name_of(path)?, path: path.clone() });
        let programs: Vec<Program> = programs.iter().filter_map(named).collect();
        if programs.is_empty() {
            return Self::default();
        }
        match OtherHalf::start(STARTER, programs.iter().map(|program| &program.path), "=> end") {
            Ok(other) => Self { programs, other: Some(other), ..Self::default() },
            Err(cause) => Self { programs, cause, ..Self::default() },
        }
    }

    /// The names of the plugins: `tpm` of `age-plugin-tpm`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().map(|program| program.name.as_str())
    }

    /// Starts the plugin of this name for the state machine `identity-v1`. It ends when the conversation does, or is killed after a
    /// minute.
    ///
    /// # Errors
    /// It is none of those that may be started, cannot be asked for, or too much time was spent already.
    pub fn talk(&mut self, name: &str) -> Result<Conversation<'_>, Error> {
        let doing = || format!("cannot start {PREFIX}{name}");
        let number = self.programs.iter().position(|program| program.name == name);
        let number = number.ok_or_else(|| Error::because(doing(), "it is not among the plugins"))?;
        if self.since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            let cause = format!("plugins have taken {} s already", PATIENCE.as_secs());
            return Err(Error::because(doing(), cause));
        }
        if self.is_busy && !self.await_end() {
            self.other = None;
        }
        let Some(other) = &mut self.other else {
            let cause = if self.cause.is_empty() { "the plugin before it broke off" } else { &self.cause };
            return Err(Error::because(doing(), cause));
        };
        self.is_busy = true;
        match other.put(format!("{OWN}start {number}\n").as_bytes()) {
            Ok(()) => Ok(Conversation {
                other,
                is_busy: &mut self.is_busy,
                line: Wiped::default(),
                at: 0,
                left: MAX_SAID,
            }),
            Err(error) => Err(Error::because(doing(), process::described(&error))),
        }
    }

    /// Reads on until the program of the last conversation has ended.
    fn await_end(&mut self) -> bool {
        let Some(other) = self.other.as_mut() else { return false };
        let mut left = MAX_SAID;
        while let Ok(Some(line)) = other.line(MAX_LINE) {
            if line.starts_with(OWN.as_bytes()) {
                return true;
            }
            match left.checked_sub(line.len() + 1) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        false
    }
}

/// `tpm` of `/…/age-plugin-tpm`; none for another program.
fn name_of(program: &Path) -> Option<String> {
    let name = program.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// The plugins in a `PATH`; of two with one name the first.
#[must_use]
pub fn in_path(path: Option<&OsStr>) -> Vec<PathBuf> {
    let directories = path.map(std::env::split_paths).into_iter().flatten();
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in directories.filter(|directory| directory.is_absolute()) {
        let mut here: Vec<PathBuf> = plugins_in(&directory).unwrap_or_default();
        let is_new = |program: &PathBuf| !found.iter().any(|other| name_of(other) == name_of(program));
        here.retain(|program| is_new(program) && may_run(program));
        here.sort();
        found.extend(here);
    }
    found.truncate(MAX_IN_PATH);
    found
}

/// What is called as a plugin in a directory.
fn plugins_in(directory: &Path) -> nix::Result<Vec<PathBuf>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut programs = Vec::new();
    for entry in Dir::open(directory, flags, Mode::empty())?.iter() {
        let program = directory.join(OsStr::from_bytes(entry?.file_name().to_bytes()));
        if name_of(&program).is_some() {
            programs.push(program);
        }
    }
    Ok(programs)
}

fn may_run(program: &Path) -> bool {
    program.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A running plugin. What it says is read, what is written it gets. That it has ended is an error of reading.
pub struct Conversation<'a> {
    other: &'a mut OtherHalf,
    is_busy: &'a mut bool,
    /// The line that is being read, with its end; the part before `at` has been handed out.
    line: Wiped,
    at: usize,
    /// How much more it may say.
    left: usize,
}

impl BufRead for Conversation<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.line.len() {
            let line = self.other.line(MAX_LINE)?.ok_or_else(|| io::Error::other("it was lost"))?;
            if let Some(how) = line.strip_prefix(OWN.as_bytes()) {
                *self.is_busy = false;
                return Err(io::Error::other(String::from_utf8_lossy(how)));
            }
            let too_much = || io::Error::other("it said more than 4 MiB");
            self.left = self.left.checked_sub(line.len() + 1).ok_or_else(too_much)?;
            self.line = Wiped::from([&line[..], b"\n"].concat());
            self.at = 0;
        }
        Ok(&self.line[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.line.len());
    }
}

impl Read for Conversation<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl Write for Conversation<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.other.put(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The other half of [`Plugins`]: starts the plugins that it is told to, one after the other. `arguments` are what
/// [`Plugins::prepare`] gave it.
///
/// # Errors
/// Standard input or output fails.
pub fn serve(arguments: &[OsString]) -> io::Result<()> {
    // Not by a buffer: what stands behind a line is for the plugin.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    while let Some(order) = next_order(&mut input)? {
        let number = order.strip_prefix("start ").and_then(|number| number.parse::<usize>().ok());
        let Some(program) = number.and_then(|number| arguments.get(number + 1)) else { return Ok(()) };
        let how = run(Path::new(program), DEADLINE).unwrap_or_else(|error| {
            format!("cannot run {}: {}", quoted(program), process::described(&error))
        });
        // A plugin may have ended in the middle of a line.
        write!(io::stdout(), "\n{OWN}{how}\n")?;
        io::stdout().flush()?;
    }
    Ok(())
}

/// The rest of the next line of ours. What a plugin left unread is passed over.
fn next_order(input: &mut File) -> io::Result<Option<String>> {
    const KEPT: usize = 64;
    let mut line = Vec::new();
    let mut byte = [0];
    while input.read(&mut byte)? == 1 {
        match byte {
            [b'\n'] => {
                if let Some(order) = line.strip_prefix(OWN.as_bytes()) {
                    return Ok(Some(String::from_utf8_lossy(order).into_owned()));
                }
                line.clear();
            }
            _ if line.len() < KEPT => line.push(byte[0]),
            _ => {}
        }
    }
    Ok(None)
}

/// Runs a plugin to its end, in a process group of its own, and says how it ended. Nothing of the group is left behind.
fn run(program: &Path, limit: Duration) -> io::Result<String> {
    let mut child = Command::new(program)
        .arg("--age-plugin=identity-v1")
        .env_clear()
        .env("HOME", "/var/empty")
        .current_dir("/")
        .process_group(0)
        .spawn()?;
    let how = watch(&child, limit)?;
    // It has not been waited for, so that this number is still that of its group.
    let _ = killpg(pid_of(&child), Signal::SIGKILL);
    let status: ExitStatus = child.wait()?;
    Ok(match how {
        Watched::Ended => status.to_string(),
        Watched::Late => format!("it did not end within {} s and was killed", limit.as_secs()),
        Watched::Alone => "nobody listened to it any more".to_owned(),
    })
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// What was seen of a running plugin.
enum Watched {
    /// It has ended by itself.
    Ended,
    /// Its time is over.
    Late,
    /// Whom it talks to is not there any more.
    Alone,
}

/// Watches `child`, which is not waited for.
fn watch(child: &Child, limit: Duration) -> io::Result<Watched> {
    const PAUSE: u8 = 2;
    let start = Instant::now();
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let output = io::stdout();
    while waitid(Id::Pid(pid_of(child)), flags)? == WaitStatus::StillAlive {
        if start.elapsed() >= limit {
            return Ok(Watched::Late);
        }
        // That nobody reads our output is told without being asked for.
        let mut listener = [PollFd::new(output.as_fd(), PollFlags::empty())];
        match poll(&mut listener, PollTimeout::from(PAUSE)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(Watched::Alone),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(Watched::Ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plugin of these lines in a directory of its own, which is given too.
    fn script(name: &str, lines: &str) -> io::Result<(PathBuf, PathBuf)> {
        let directory = std::env::temp_dir().join(format!("sops-activate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let program = directory.join("age-plugin-test");
        std::fs::write(&program, format!("#!/bin/sh\n{lines}\n"))?;
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700))?;
        Ok((program, directory))
    }

    /// Whether this process is there and no zombie.
    fn is_running(pid: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
        status.contains("State:") && !status.contains("State:\tZ")
    }

    #[test]
    fn a_plugin_that_does_not_end_is_killed_with_all_that_it_has_started() -> io::Result<()> {
        let lines = "cd ${0%/*}; sleep 1000 & echo $! > child; [ -e ends ] && exit 3; exec sleep 1000";
        let (program, directory) = script("hang", lines)?;
        let since = Instant::now();
        let how = run(&program, Duration::from_millis(300))?;
        assert_eq!(how, "it did not end within 0 s and was killed");
        assert!(since.elapsed() < DEADLINE);
        let child = || std::fs::read_to_string(directory.join("child"));
        let ends = |child: &str| {
            let start = Instant::now();
            while is_running(child) {
                assert!(start.elapsed() < Duration::from_secs(20), "it outlives its plugin");
            }
        };
        ends(&child()?);
        // Nor is one left by a plugin that ends by itself.
        std::fs::write(directory.join("ends"), "")?;
        assert_eq!(run(&program, DEADLINE)?, "exit status: 3");
        ends(&child()?);
        std::fs::remove_dir_all(directory)
    }

    #[test]
    fn plugins_of_a_path_are_programs_of_that_name_the_first_of_each() -> io::Result<()> {
        let (program, first) = script("path", "")?;
        let second = first.join("second");
        std::fs::create_dir(&second)?;
        for name in ["age-plugin-test", "age-plugin-b", "age-plugin-", "other"] {
            std::fs::copy(&program, second.join(name))?;
        }
        std::fs::write(second.join("age-plugin-no-program"), "")?;
        std::fs::create_dir(second.join("age-plugin-directory"))?;
        let many = first.join("many");
        std::fs::create_dir(&many)?;
        for number in 0..20 {
            std::fs::copy(&program, many.join(format!("age-plugin-{number}")))?;
        }
        assert_eq!(in_path(Some(many.as_os_str())).len(), MAX_IN_PATH);
        let path = std::env::join_paths([Path::new("relative"), &first, Path::new("/nonexistent"), &second]);
        let found = in_path(Some(&path.unwrap_or_default()));
        assert_eq!(found, [program, second.join("age-plugin-b")]);
        assert_eq!(in_path(None), Vec::<PathBuf>::new());
        std::fs::remove_dir_all(first)
    }

    #[test]
    fn only_a_plugin_that_is_there_can_be_talked_to() {
        let mut plugins = Plugins::prepare(&["/bin/sh".into()]);
        assert_eq!(plugins.names().count(), 0);
        let refused = plugins.talk("sh").err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("cannot start age-plugin-sh: it is not among the plugins"));
    }
}
