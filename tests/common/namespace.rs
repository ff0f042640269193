//! Tests that mount file systems, run as root on the real kernel, each alone in a mount namespace of its own.
//!
//! A test calls [`isolated`] with its body. The test program then starts itself again under `unshare`, for this
//! one test; there `/run` is a fresh tmpfs, and the body runs on real paths. Nothing is left outside. [`again`] starts it
//! once more *inside*, as another process or user; the body asks [`role`] who it is.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const INSIDE: &str = "SOPS_ACTIVATE_TEST_INSIDE";
const ROLE: &str = "SOPS_ACTIVATE_TEST_ROLE";

/// Runs `body` in a private mount namespace with an empty `/run`. Needs root: fails, and says so, without.
pub fn isolated<F: FnOnce()>(body: F) {
    if std::env::var_os(INSIDE).is_some() {
        if role().is_none() {
            mount("tmpfs", "/run", "mode=0755");
        }
        return body();
    }
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test mounts file systems: run it as root (or under `unshare -r -m`)"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    let output =
        command.args(only::<F>()).env(INSIDE, "1").output().expect("`unshare` (util-linux) is needed");
    assert_passed(&output);
}

/// Fails unless the one test that was started ran, and passed.
pub fn assert_passed(output: &Output) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "inside the namespace:\n{text}");
}

/// The role this process was started in by [`again`]; `None` for the body's first run.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// A command that runs the same body once more in this namespace, in `role`, as user and group `uid`.
pub fn again<F: FnOnce()>(_body: &F, role: &str, uid: u32) -> Command {
    // The build directory may be closed to that user.
    let program = Path::new("/run/.test-program");
    if !program.exists() {
        std::fs::copy(std::env::current_exe().unwrap(), program).unwrap();
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(program);
    command.args(only::<F>()).env(ROLE, role).current_dir("/run");
    if uid != 0 {
        command.uid(uid).gid(uid);
    }
    command
}

/// The arguments that choose the test whose body has type `F`: a closure, or a function `body`, within the test.
fn only<F>() -> [String; 4] {
    let path = std::any::type_name::<F>();
    let test = path
        .split("::")
        .skip(1)
        .take_while(|part| !matches!(*part, "{{closure}}" | "body"))
        .collect::<Vec<_>>()
        .join("::");
    [test, "--exact".to_owned(), "--nocapture".to_owned(), "--test-threads=1".to_owned()]
}

/// Runs `body` in a thread that the kernel takes for user and group `uid` in everything about files.
pub fn as_user<T: Send>(uid: u32, body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            nix::unistd::setfsgid(nix::unistd::Gid::from_raw(uid));
            nix::unistd::setfsuid(nix::unistd::Uid::from_raw(uid));
            body()
        });
        thread.join().unwrap()
    })
}

/// Ends what runs beside a test, also when the test fails: a scope would wait for it forever.
#[derive(Default)]
pub struct Bell(std::sync::atomic::AtomicBool);

impl Bell {
    /// Whether it has rung.
    pub fn rang(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Rings when what is returned is dropped.
    pub fn at_the_end(&self) -> impl Drop {
        struct Ring<'a>(&'a Bell);
        impl Drop for Ring<'_> {
            fn drop(&mut self) {
                self.0.0.store(true, std::sync::atomic::Ordering::Release);
            }
        }
        Ring(self)
    }
}

/// Mounts a file system.
pub fn mount(kind: &str, at: &str, options: &str) {
    let flags = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("none"), at, Some(kind), flags, Some(options)).unwrap();
}

/// `uid:gid mode` of what stands at `path`, links not followed.
pub fn rights(path: impl AsRef<Path>) -> String {
    use std::os::unix::fs::MetadataExt;
    let path = path.as_ref();
    let meta = std::fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    format!("{}:{} {:04o}", meta.uid(), meta.gid(), meta.mode() & 0o7777)
}

/// Makes a directory with owner and mode.
pub fn directory(path: &str, uid: u32, mode: u32) {
    std::fs::create_dir_all(path).unwrap();
    own(path, uid, mode);
}

/// Makes a file with content, owner and mode.
pub fn file(path: &str, content: &str, uid: u32, mode: u32) {
    std::fs::write(path, content).unwrap();
    own(path, uid, mode);
}

/// Makes a link with an owner.
pub fn link(path: &str, target: &str, uid: u32) {
    std::os::unix::fs::symlink(target, path).unwrap();
    std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
}

fn own(path: &str, uid: u32, mode: u32) {
    std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// The names in a directory, sorted.
pub fn names(path: &str) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Where a link points.
pub fn target(path: &str) -> String {
    std::fs::read_link(path).unwrap_or_else(|error| panic!("{path}: {error}")).to_str().unwrap().to_owned()
}
