//! The story of one run, from manifest to pruned generations. Read this file first.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use tracing::{debug, error, info, warn};

use crate::accounts::Accounts;
use crate::changes::Tense;
use crate::decide::{Steps, decide};
use crate::error::{self, Exit, Failure};
use crate::identities;
use crate::inputs;
use crate::manifest::{Manifest, OnFailure};
use crate::open;
use crate::outer_links;
use crate::plan::{self, Owners};
use crate::plugins;
use crate::report::{self, Form, Report};
use crate::restarts;
use crate::switch::Switch;
use crate::system::confine::{self, Work};
use crate::system::current::Live;
use crate::system::lock::Lock;
use crate::system::secretfs::{FsKind, SecretFs};
use crate::system::{self, Gid, process};
use crate::units::Requests;

/// What is asked of a run.
pub struct Request<'a> {
    /// The manifest file.
    pub manifest: &'a Path,
    /// Whether to act, or only to say what would be done.
    pub run: Run,
    /// Give everything to root, and look nothing up.
    pub ignore_passwd: bool,
    /// How units are asked to restart.
    pub restarts: restarts::Via,
    /// How the outcome is told on standard output.
    pub report: Form,
    /// `XDG_RUNTIME_DIR`, for user mode.
    pub runtime_dir: Option<OsString>,
    /// `PATH`, for the plugins of a manifest of sops-nix's.
    pub path: Option<OsString>,
}

/// Whether a run acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// It does.
    Real,
    /// It decrypts in memory, compares and prints. No mount, directory, file or link is made.
    Dry,
}

/// A run that ended before anything was changed; every message is ready to be printed.
struct Refused(Vec<String>);

impl From<system::Error> for Refused {
    fn from(error: system::Error) -> Self {
        Self(vec![error.with_advice()])
    }
}

/// Installs the secrets of a manifest. The change report goes to `out`, everything else to the log.
pub fn run(request: &Request<'_>, out: &mut dyn Write) -> Exit {
    match install(request, out) {
        Ok(exit) => exit,
        Err(Refused(messages)) => {
            for message in &messages {
                error!("{message}");
            }
            report::print_refused(&messages, request.report, out);
            Exit::Unchanged
        }
    }
}

fn install(request: &Request<'_>, out: &mut dyn Write) -> Result<Exit, Refused> {
    let manifest = inputs::manifest(request.manifest, request.runtime_dir.as_deref())
        .map_err(|message| Refused(vec![message]))?;
    for note in process::harden() {
        debug!("{note}");
    }
    let accounts =
        if request.ignore_passwd || manifest.user_mode { Accounts::default() } else { inputs::accounts() };
    let owners = owners(request, &manifest, &accounts);
    let group = directory_group(&manifest, &accounts);

    if request.run == Run::Real && !manifest.user_mode && !process::effective_uid().is_root() {
        let error = system::Error::because("cannot install a system's secrets", "this is not root");
        return Err(error.with_hint("run it as root; a user's own manifest says userMode").into());
    }
    // A dry run makes no file, so it takes no lock either: it only reads what a real run flips in one step.
    let _lock = match request.run {
        Run::Real => Some(Lock::acquire(&manifest.mount_point, |holder| info!("waiting for {holder}"))?),
        Run::Dry => None,
    };
    let secretfs = secretfs(request.run, &manifest, group)?;
    let live = match &secretfs {
        Some(secretfs) => secretfs.live_or_newest(&manifest.symlink_path)?,
        None => Live::default(),
    };
    let has_previous = live.generation.is_some();
    let mut asking =
        request.restarts.prepare(request.run == Run::Real && has_previous && !manifest.user_mode);
    let mut plugins = plugins::of_manifest(&manifest, request.path.as_deref());
    confined(secretfs.as_ref())?;

    let mut keyring = identities::load(&manifest, &plugins);
    identities::report_unusable(&keyring);
    let opened = open::all(&manifest.secrets, &mut keyring, &mut plugins);
    let planned = plan::generation(&manifest, opened, &inputs::template, &owners);
    drop((keyring, plugins));

    if let Some(warning) = &live.warning {
        warn!("{warning}");
    }
    let mut steps = decide(planned, live.generation.as_ref())?;
    if manifest.on_failure == OnFailure::Abort {
        refuse_any_failure(&steps, &manifest, &live)?;
    }
    let (generation, tense) = match secretfs {
        Some(secretfs) if request.run == Run::Real => {
            let switch = Switch { manifest: &manifest, secretfs: &secretfs, live: &live, group };
            (Some(switch.run(&mut steps, &mut asking)?), Tense::Done)
        }
        _ => {
            look_ahead(&mut steps, &manifest, &live);
            (live.number.filter(|_| has_previous), Tense::Would)
        }
    };
    let exit = conclude(&steps.failures);
    let report = Report { manifest: &manifest, steps: &steps, generation, has_previous, tense, exit };
    report.print(request.report, out);
    Ok(exit)
}

fn owners<'a>(request: &Request<'_>, manifest: &Manifest, accounts: &'a Accounts) -> Owners<'a> {
    match request.run {
        _ if manifest.user_mode => {
            Owners::All { uid: process::effective_uid().as_raw(), gid: process::effective_gid().as_raw() }
        }
        _ if request.ignore_passwd => Owners::All { uid: 0, gid: 0 },
        Run::Dry => Owners::AsFarAsKnown(accounts),
        Run::Real => Owners::Declared(accounts),
    }
}

/// The group of the generations' directories.
fn directory_group(manifest: &Manifest, accounts: &Accounts) -> Gid {
    if manifest.user_mode { process::effective_gid() } else { Gid::from_raw(accounts.directory_gid()) }
}

/// The memory file system, mounted if it is not; in a dry run only if it is there already.
fn secretfs(run: Run, manifest: &Manifest, group: Gid) -> Result<Option<SecretFs>, Refused> {
    let kind = if manifest.use_tmpfs { FsKind::Tmpfs } else { FsKind::Ramfs };
    match run {
        Run::Real if manifest.user_mode => {
            let secretfs = SecretFs::directory(&manifest.mount_point)?;
            if let Some(warning) = secretfs.disk_warning() {
                warn!("{warning}");
            }
            Ok(Some(secretfs))
        }
        Run::Real => {
            let (secretfs, warnings) = SecretFs::mount(&manifest.mount_point, kind, group)?;
            for warning in warnings {
                warn!("{warning}");
            }
            Ok(Some(secretfs))
        }
        Run::Dry if manifest.user_mode => Ok(SecretFs::existing_directory(&manifest.mount_point)?),
        Run::Dry => Ok(SecretFs::open(&manifest.mount_point)?),
    }
}

/// Gives up what a run does not need from here on.
fn confined(secretfs: Option<&SecretFs>) -> Result<(), Refused> {
    for note in confine::enter(&Work::Install { secretfs, lists: Path::new(restarts::LISTS) })? {
        debug!("{note}");
    }
    Ok(())
}

/// Under `abort` a run that would leave anything undone does nothing at all; a dry run says the same.
fn refuse_any_failure(steps: &Steps<'_>, manifest: &Manifest, live: &Live) -> Result<(), Refused> {
    let mut failures = steps.failures.clone();
    let links = outer_links::declared(&steps.files, manifest, live.generation.as_ref());
    failures.extend(outer_links::check(&links));
    if failures.is_empty() {
        return Ok(());
    }
    let mut messages = error::messages(&failures);
    messages.push("nothing was changed, because the manifest says onFailure = \"abort\"".to_owned());
    Err(Refused(messages))
}

/// What a dry run does in place of the switch: it tries the links without making any, and fills the lists of
/// units for NixOS to print.
fn look_ahead(steps: &mut Steps<'_>, manifest: &Manifest, live: &Live) {
    let links = outer_links::declared(&steps.files, manifest, live.generation.as_ref());
    steps.failures.extend(outer_links::check(&links));
    if live.generation.is_none() || manifest.user_mode {
        // As in a real run, which asks nothing on the first activation of a boot, nor for a user.
        steps.units = Requests::default();
    }
    steps.failures.extend(restarts::list_dry(&steps.units));
}

/// Names every failure and gives the exit code that belongs to them; a dry run ends as a real one would.
fn conclude(failures: &[Failure]) -> Exit {
    for message in error::messages(failures) {
        error!("{message}");
    }
    if failures.is_empty() { Exit::Success } else { Exit::Partial }
}
