//! Our side: the static release binary as a process of its own, in a mount namespace with a `/run` of its own.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;

use crate::corpus::run;
use crate::measure::{Clock, Cost};

/// The argument with which this program runs another one and prints its peak memory.
pub const PEAK_MEMORY: &str = "--peak-memory-of";

/// The program and its manifest.
pub struct Agent<'a> {
    binary: &'a Path,
    manifest: PathBuf,
}

/// Builds the static binary, as `./check` and the quickstart do; `SOPS_ACTIVATE` names another one.
///
/// # Errors
/// It does not build.
pub fn binary() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(binary) = std::env::var_os("SOPS_ACTIVATE") {
        return Ok(fs::canonicalize(binary)?);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new(root.join("supply-chain/build")).stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err("the release binary does not build".into());
    }
    Ok(PathBuf::from(String::from_utf8(built.stdout)?.trim_end()))
}

/// Moves this process into a mount namespace of its own, with an empty `/run`.
///
/// # Errors
/// This is not root.
pub fn enter_namespace() -> Result<(), Box<dyn Error>> {
    let nothing = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|errno| format!("{errno}: root is needed, as ramfs is mounted"))?;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
    mount(Some("none"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    Ok(())
}

/// Mounts an empty ramfs at `path`, in place of one that may be there.
///
/// # Errors
/// It cannot be mounted.
pub fn fresh_ramfs(path: &str) -> Result<(), Box<dyn Error>> {
    unmount(path)?;
    fs::create_dir_all(path)?;
    mount(Some("none"), path, Some("ramfs"), MsFlags::empty(), Some("mode=0751"))?;
    Ok(())
}

fn unmount(path: &str) -> Result<(), Errno> {
    match umount2(path, MntFlags::empty()) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

impl<'a> Agent<'a> {
    /// The program with this manifest.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn new(binary: &'a Path, manifest: &str) -> Result<Self, Box<dyn Error>> {
        let path = PathBuf::from("/run/manifest.json");
        fs::write(&path, manifest)?;
        Ok(Self { binary, manifest: path })
    }

    /// The first activation of a boot: nothing is mounted.
    ///
    /// # Errors
    /// It fails.
    pub fn first(&self) -> Result<Cost, Box<dyn Error>> {
        Self::forget()?;
        self.install()
    }

    /// Installs, whatever is there.
    ///
    /// # Errors
    /// It fails.
    pub fn install(&self) -> Result<Cost, Box<dyn Error>> {
        let mut command = Command::new(self.binary);
        command.arg("install").arg(&self.manifest);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env_clear();
        let clock = Clock::start(UsageWho::RUSAGE_CHILDREN)?;
        let status = command.status()?;
        let cost = clock.stop()?;
        if status.success() { Ok(cost) } else { Err(format!("the installation failed: {status}").into()) }
    }

    /// Removes all that an installation made.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget() -> Result<(), Box<dyn Error>> {
        unmount("/run/secrets.d")?;
        let _ = fs::remove_file("/run/secrets");
        Ok(())
    }

    /// System calls of one installation, all threads together.
    ///
    /// # Errors
    /// There is no strace, or the installation fails.
    pub fn system_calls(&self) -> Result<u64, Box<dyn Error>> {
        let summary = "/run/strace";
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-o", summary]).arg(self.binary).arg("install").arg(&self.manifest);
        run(&mut command)?;
        let text = fs::read_to_string(summary)?;
        let total = text.lines().find(|line| line.ends_with(" total")).ok_or("strace gave no total")?;
        Ok(total.split_whitespace().nth(3).ok_or("strace gave no number of calls")?.parse()?)
    }

    /// Peak of the resident memory of one installation, in KiB.
    ///
    /// # Errors
    /// The installation fails.
    pub fn peak_memory(&self) -> Result<u64, Box<dyn Error>> {
        // From a process of its own: the kernel counts the memory of the one that starts a program, too.
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(PEAK_MEMORY).arg(self.binary).arg("install").arg(&self.manifest);
        let output = command.stderr(Stdio::null()).output()?;
        if !output.status.success() {
            return Err("the installation failed".into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }
}

/// Runs a program and prints its peak memory in KiB.
///
/// # Errors
/// It fails.
pub fn print_peak_memory(program: &[String]) -> Result<(), Box<dyn Error>> {
    let (name, arguments) = program.split_first().ok_or("no program")?;
    run(Command::new(name).args(arguments))?;
    println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(())
}

/// Keeps this process, and what it starts, on one processor, until dropped.
pub struct OnOneProcessor(CpuSet);

impl OnOneProcessor {
    /// Pins to the first processor that we may use.
    ///
    /// # Errors
    /// There is none.
    pub fn pin() -> Result<Self, Box<dyn Error>> {
        let all = sched_getaffinity(Pid::from_raw(0))?;
        let first =
            (0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap_or(false)).ok_or("no processor")?;
        let mut one = CpuSet::new();
        one.set(first)?;
        sched_setaffinity(Pid::from_raw(0), &one)?;
        Ok(Self(all))
    }
}

impl Drop for OnOneProcessor {
    fn drop(&mut self) {
        let _ = sched_setaffinity(Pid::from_raw(0), &self.0);
    }
}
