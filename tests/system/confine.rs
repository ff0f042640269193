//! What a confined process can still do, and what it cannot; each of the latter works before.

use std::fs::{File, OpenOptions};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{getpid, mkfifo};
use sops_activate::system::confine::{Work, enter};
use sops_activate::system::secretfs::SecretFs;
use sops_activate::system::{files, links, process};

use crate::namespace::{again, assert_passed, directory, isolated, mount, names, rights, role};

const LISTS: &str = "/run/nixos";

/// Which fences this kernel has.
struct Fences {
    writes: bool,
    calls: bool,
}

/// Confines this thread. What the kernel does not have is printed, as what needs it is not tried then.
fn confine(work: &Work<'_>) -> Fences {
    let notes = enter(work).unwrap();
    for note in &notes {
        println!("not tried: {note}");
    }
    let has = |word: &str| !notes.iter().any(|note| note.contains(word));
    Fences { writes: has("where files are written"), calls: has("system calls") }
}

fn installing(fs: Option<&SecretFs>) -> Work<'_> {
    Work::Install { secretfs: fs, lists: Path::new(LISTS) }
}

fn errno<T>(result: std::io::Result<T>) -> Option<Errno> {
    result.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw)
}

/// What no command needs once it is set up, and what the kernel says to it.
fn needless_acts() -> Vec<(&'static str, Option<Errno>)> {
    let none = None::<&str>;
    let mode = Mode::empty();
    let acts = vec![
        ("TCP", errno(TcpListener::bind("127.0.0.1:0"))),
        ("UDP", errno(UdpSocket::bind("127.0.0.1:0"))),
        ("UNIX socket", errno(UnixDatagram::unbound())),
        ("socket pair", errno(UnixStream::pair())),
        ("program", errno(Command::new("/bin/true").status())),
        ("signal", kill(getpid(), None::<Signal>).err()),
        ("FIFO", mkfifo("/run/fifo", mode).err()),
        ("device", mknod("/run/device", SFlag::S_IFCHR, mode, 0).err()),
        ("setuid", errno(present().and_then(|file| file.set_permissions(PermissionsExt::from_mode(0o4755))))),
        (
            "command of fcntl",
            errno(present().and_then(|file| Ok(fcntl(&file, FcntlArg::F_SETLK(&whole_file()))?))),
        ),
        ("mount", nix::mount::mount(Some("none"), "/run/m", Some("ramfs"), MsFlags::empty(), none).err()),
        ("unmount", nix::mount::umount("/run/m").err()),
        ("namespace", unshare(CloneFlags::CLONE_NEWUTS).err()),
        ("root directory", nix::unistd::chroot("/").err()),
        ("limits", setrlimit(Resource::RLIMIT_CORE, 0, 0).err()),
        ("pipe", nix::unistd::pipe().err()),
    ];
    for made in ["/run/fifo", "/run/device"] {
        let _ = std::fs::remove_file(made);
    }
    acts
}

fn present() -> std::io::Result<File> {
    OpenOptions::new().read(true).open("/run/present")
}

/// A lock for reading.
fn whole_file() -> libc::flock {
    libc::flock { l_type: 0, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 }
}

/// Writing where no secret belongs.
fn writes_elsewhere() -> Vec<(&'static str, Option<Errno>)> {
    let open = |options: &mut OpenOptions, path: &str| errno(options.open(path));
    vec![
        ("new file", errno(std::fs::write("/run/new", "x"))),
        ("overwritten file", open(OpenOptions::new().write(true), "/run/present")),
        ("emptied file", open(OpenOptions::new().write(true).truncate(true), "/run/present")),
        ("appended file", open(OpenOptions::new().append(true), "/run/present")),
        ("file outside /run", errno(std::fs::write("/var/tmp/new", "x"))),
        ("copied file", errno(std::fs::copy("/run/present", "/run/copy"))),
        ("named twice", errno(std::fs::hard_link("/run/present", "/run/hard"))),
    ]
}

fn prepared() {
    mount("tmpfs", "/var/tmp", "mode=1777");
    directory("/run/m", 0, 0o755);
    directory(LISTS, 0, 0o755);
    directory("/run/home", 1000, 0o700);
    std::fs::write("/run/present", "").unwrap();
    let works = |(_, error): &(_, Option<Errno>)| error.is_none();
    let controls = [needless_acts(), writes_elsewhere()].concat();
    assert!(controls.iter().all(works), "before, all of it works: {controls:?}");
    for made in ["/var/tmp/new", "/run/hard"] {
        std::fs::remove_file(made).unwrap();
    }
    std::fs::set_permissions("/run/present", PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write("/run/present", "present").unwrap();
}

#[test]
fn a_confined_process_has_no_network_and_starts_nothing() {
    isolated(|| {
        prepared();
        let fs = crate::mounted();
        assert_eq!(process::harden(), Vec::<String>::new());
        let fences = confine(&installing(Some(&fs)));
        if fences.calls {
            let acts = needless_acts();
            let refused = |(_, error): &(_, Option<Errno>)| *error == Some(Errno::ENOSYS);
            assert!(acts.iter().all(refused), "{acts:?}");
            assert_eq!(nix::unistd::execv(c"/bin/true", &[c"true"]), Err(Errno::ENOSYS));
            // Staying undumpable, and not the other way.
            nix::sys::prctl::set_dumpable(false).unwrap();
            assert_eq!(nix::sys::prctl::set_dumpable(true), Err(Errno::ENOSYS));
            assert!(caps::raise(None, caps::CapSet::Effective, caps::Capability::CAP_CHOWN).is_err());
        }
    });
}

#[test]
fn a_confined_process_writes_secrets_and_lists_and_nothing_else() {
    isolated(|| {
        prepared();
        let fs = crate::mounted();
        assert_eq!(process::harden(), Vec::<String>::new());
        if confine(&installing(Some(&fs))).writes {
            let writes = writes_elsewhere();
            let refused = |(_, error): &(_, Option<Errno>)| *error == Some(Errno::EACCES);
            assert!(writes.iter().all(refused), "{writes:?}");
            assert_eq!(std::fs::read_to_string("/run/present").unwrap(), "present");
        }
        a_run_goes_on(&fs);
    });
}

/// All that a run does after it was confined.
fn a_run_goes_on(fs: &SecretFs) {
    let mut new = fs.create_generation(1, crate::KEYS).unwrap();
    // In another thread, and with more memory than there was.
    let long = std::thread::spawn(|| vec![b'x'; 20 << 20]).join().unwrap();
    new.write("d/s", &long, 0o440, 1000.into(), 1001.into()).unwrap();
    assert_eq!(rights("/run/secrets.d/1/d/s"), "1000:1001 0440");
    fs.write_record(1, b"{}").unwrap();
    fs.flip(Path::new(crate::CURRENT), 1).unwrap();
    let (link, target) = (Path::new("/run/home/a/b/link"), Path::new("/run/secrets/d/s"));
    links::place(link, target, 1000.into(), 1000.into()).unwrap();
    assert_eq!(rights("/run/home/a/b"), "1000:1000 0755");
    assert_eq!(rights(link), "1000:1000 0777");
    assert!(links::remove(link, target, 1000.into()).unwrap());
    for _ in 0..2 {
        assert!(files::append_lines(Path::new("/run/nixos/list"), &["a.service".to_owned()]).unwrap());
    }
    assert_eq!(std::fs::read_to_string("/run/nixos/list").unwrap(), "a.service\na.service\n");
    let mut next = fs.create_generation(2, crate::KEYS).unwrap();
    let live = fs.live(Path::new(crate::CURRENT)).unwrap().generation.unwrap();
    next.carry(&live, "d/s").unwrap();
    fs.write_record(2, b"{}").unwrap();
    fs.flip(Path::new(crate::CURRENT), 2).unwrap();
    fs.prune(1, 2).unwrap();
    assert_eq!(names(crate::MOUNT), ["2", "2.json"]);
    assert_eq!(rights("/run/secrets.d/2/d/s"), "1000:1001 0440");
    assert_eq!(std::fs::metadata("/run/secrets/d/s").unwrap().len(), 20 << 20);
    // Acting as that user for a moment must not have undone the hardening.
    assert!(!nix::sys::prctl::get_dumpable().is_ok_and(|dumpable| dumpable));
}

#[test]
fn a_process_that_only_reads_writes_nothing_at_all() {
    isolated(|| {
        prepared();
        let fs = crate::mounted();
        drop(fs.create_generation(1, crate::KEYS).unwrap());
        if confine(&Work::Read).writes {
            assert_eq!(errno(std::fs::write("/run/secrets.d/1/s", "x")), Some(Errno::EACCES));
            assert_eq!(errno(std::fs::write("/run/nixos/list", "x")), Some(Errno::EACCES));
        }
        assert_eq!(std::fs::read_to_string("/run/present").unwrap(), "present");
        // dac_read_search 2, ipc_lock 14.
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(status.contains("CapEff:\t0000000000004004\n"), "{status}");
    });
}

#[test]
fn a_user_is_confined_too() {
    fn body() {
        if role().is_none() {
            directory("/run/user", 1000, 0o700);
            return assert_passed(&again(&body, "user", 1000).output().unwrap());
        }
        let fs = SecretFs::directory(Path::new("/run/user/secrets.d")).unwrap();
        std::fs::write("/run/user/file", "x").unwrap();
        let _ = process::harden();
        let fences = confine(&installing(Some(&fs)));
        if fences.writes {
            assert_eq!(errno(std::fs::write("/run/user/file", "x")), Some(Errno::EACCES));
        }
        if fences.calls {
            assert_eq!(errno(UdpSocket::bind("127.0.0.1:0")), Some(Errno::ENOSYS));
        }
        let mut new = fs.create_generation(1, 1000.into()).unwrap();
        new.write("s", b"x", 0o400, 1000.into(), 1000.into()).unwrap();
        assert_eq!(rights("/run/user/secrets.d/1/s"), "1000:1000 0400");
    }
    isolated(body);
}
