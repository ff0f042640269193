//! The command line: arguments to an [`Action`], and the action to a library call.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::error::ErrorKind;
use tracing::level_filters::LevelFilter;
use tracing::{debug, error};

use crate::check::{self, Level};
use crate::drop_in::{self, CheckMode, Invocation};
use crate::error::Exit;
use crate::install::Run;
use crate::log::{self, Sink};
use crate::manifest::Format;
use crate::report::Form;
use crate::restarts::Via;
use crate::secret::Secret;
use crate::system::confine::{self, Work};
use crate::system::plugins::Plugins;
use crate::system::{plugins, process, services};
use crate::withheld::without_private_keys;
use crate::{command_line, decrypt, explain, install, recipient, status};

/// What the environment says, read once by `main`.
#[derive(Default)]
pub struct Environment {
    /// `JOURNAL_STREAM`: the device and inode of the journal's socket.
    pub journal_stream: Option<String>,
    /// `NO_COLOR`, if set to anything.
    pub no_color: bool,
    /// Whether `NIXOS_ACTION` is `dry-activate`.
    pub dry_activate: bool,
    /// Whether `SOPS_RESTART_UNITS_VIA_SYSTEMCTL` is `1`.
    pub restart_via_systemctl: bool,
    /// `PATH`, for `systemctl`, and for age plugins where no manifest names any.
    pub path: Option<OsString>,
    /// `XDG_RUNTIME_DIR`, for user mode.
    pub runtime_dir: Option<OsString>,
    /// `SOPS_AGE_KEY`, for `decrypt`.
    pub sops_age_key: Option<Secret>,
    /// `SOPS_AGE_KEY_FILE`, for `decrypt`.
    pub sops_age_key_file: Option<PathBuf>,
}

/// What is to be done.
enum Action {
    Install { manifest: PathBuf, run: Run, ignore_passwd: bool, report: Form },
    Check { manifest: PathBuf, level: Level, recipients: Vec<String> },
    Explain { manifest: PathBuf, names: Vec<String> },
    Status(Option<PathBuf>),
    Decrypt(decrypt::Request),
    Recipient(Option<PathBuf>),
}

/// Runs the program with `arguments` (the program's name first).
///
/// Output goes to `out`; everything else goes to the log on standard error.
pub fn run(arguments: Vec<OsString>, mut environment: Environment, out: &mut dyn Write) -> Exit {
    if called_as(&arguments, services::ASKER) {
        return other_half(&Work::StartSystemctl, || services::serve(&arguments));
    }
    if called_as(&arguments, plugins::STARTER) {
        return other_half(&Work::StartPlugins, || plugins::serve(&arguments));
    }
    let sink = Sink::of_stderr(environment.journal_stream.as_deref(), environment.no_color);
    if called_as(&arguments, "sops-install-secrets") {
        log::start(LevelFilter::INFO, sink);
        return sops_install_secrets(&arguments, environment, out);
    }
    let matches = match command_line::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, out),
    };
    let word = matches.get_one::<String>("log").map_or("info", String::as_str);
    log::start(level(word), sink);
    match action(&matches, &mut environment) {
        Some(Action::Install { manifest, run, ignore_passwd, report }) => {
            let request = install_request(&manifest, run, ignore_passwd, environment);
            install::run(&install::Request { report, ..request }, out)
        }
        Some(Action::Check { manifest, level, recipients }) => {
            reading(|| (), |()| check::run(&check::Request { manifest: &manifest, level, recipients }))
        }
        Some(Action::Explain { manifest, names }) => {
            let (runtime_dir, path) = (environment.runtime_dir.as_deref(), environment.path.as_deref());
            let request = explain::Request { manifest: &manifest, names: &names, runtime_dir, path };
            reading(|| explain::prepare(&request), |prepared| explain::run(&request, prepared, out))
        }
        Some(Action::Status(manifest)) => {
            reading(|| (), |()| status::run(manifest.as_deref(), environment.runtime_dir.as_deref(), out))
        }
        Some(Action::Decrypt(request)) => {
            let plugins = || Plugins::prepare(&plugins::in_path(environment.path.as_deref()));
            reading(plugins, |plugins| decrypt::run(&request, plugins, out))
        }
        Some(Action::Recipient(file)) => reading(|| (), |()| recipient::run(file.as_deref(), out)),
        None => {
            error!("no such command");
            Exit::Usage
        }
    }
}

/// The other half of a run, which starts programs for it.
fn other_half(work: &Work<'_>, serve: impl FnOnce() -> io::Result<()>) -> Exit {
    let confined = confine::enter(work).is_ok();
    if confined && serve().is_ok() { Exit::Success } else { Exit::Unchanged }
}

/// Does `work` that only reads and prints, in a process that can do nothing else. It gets what `prepare` has made before.
fn reading<T>(prepare: impl FnOnce() -> T, work: impl FnOnce(T) -> Exit) -> Exit {
    for note in process::harden() {
        debug!("{note}");
    }
    let prepared = prepare();
    match confine::enter(&Work::Read) {
        Ok(notes) => {
            for note in notes {
                debug!("{note}");
            }
            work(prepared)
        }
        Err(error) => {
            error!("{error}");
            Exit::Unchanged
        }
    }
}

/// Whether the program was started under `name`.
fn called_as(arguments: &[OsString], name: &str) -> bool {
    arguments.first().and_then(|program| Path::new(program).file_name()).is_some_and(|base| base == name)
}

/// The drop-in for sops-nix's agent. It knows no exit code 3: what it would mean is reported as 1.
fn sops_install_secrets(arguments: &[OsString], environment: Environment, out: &mut dyn Write) -> Exit {
    let program = arguments.first().map(|program| program.display().to_string()).unwrap_or_default();
    let exit = match drop_in::parse(arguments.get(1..).unwrap_or_default()) {
        Invocation::Run { manifest, check_mode: CheckMode::Off, ignore_passwd } => {
            let run = if environment.dry_activate { Run::Dry } else { Run::Real };
            install::run(&install_request(&manifest, run, ignore_passwd, environment), out)
        }
        Invocation::Run { manifest, check_mode, .. } => {
            let level = match check_mode {
                CheckMode::SopsFile => Level::SopsFile,
                _ => Level::Manifest,
            };
            let request = check::Request { manifest: &manifest, level, recipients: Vec::new() };
            reading(|| (), |()| check::run(&request))
        }
        Invocation::Help => {
            print_usage(&drop_in::usage(&program));
            Exit::Success
        }
        Invocation::WrongArguments => {
            print_usage(&drop_in::usage(&program));
            error!("name one manifest");
            Exit::Usage
        }
        Invocation::WrongFlag(reason) => {
            print_usage(&drop_in::usage(&program));
            error!("{reason}");
            Exit::Unchanged
        }
    };
    if exit == Exit::Partial { Exit::Unchanged } else { exit }
}

fn print_usage(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn install_request(
    manifest: &Path,
    run: Run,
    ignore_passwd: bool,
    environment: Environment,
) -> install::Request<'_> {
    let path = environment.path;
    let restarts = if environment.restart_via_systemctl { Via::Systemctl(path.clone()) } else { Via::Lists };
    install::Request {
        manifest,
        run,
        ignore_passwd,
        restarts,
        report: Form::Text,
        runtime_dir: environment.runtime_dir,
        path,
    }
}

/// `--help` and `--version` are successes and go to standard output; the rest is a usage error.
fn usage(error: &clap::Error, out: &mut dyn Write) -> Exit {
    let text = error.render().to_string();
    let text = without_private_keys(&text);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match write!(out, "{text}") {
            Ok(()) => Exit::Success,
            Err(_) => Exit::Unchanged,
        },
        _ => {
            let _ = write!(io::stderr(), "{text}");
            Exit::Usage
        }
    }
}

fn action(matches: &ArgMatches, environment: &mut Environment) -> Option<Action> {
    let path = |matches: &ArgMatches, id: &str| matches.get_one::<PathBuf>(id).cloned();
    match matches.subcommand()? {
        ("install", matches) => Some(Action::Install {
            manifest: path(matches, "manifest")?,
            run: if matches.get_flag("dry-run") || environment.dry_activate { Run::Dry } else { Run::Real },
            ignore_passwd: matches.get_flag("ignore-passwd"),
            report: match matches.get_one::<String>("report").map(String::as_str) {
                Some("json") => Form::Json,
                _ => Form::Text,
            },
        }),
        ("check", matches) => Some(Action::Check {
            manifest: path(matches, "manifest")?,
            level: match matches.get_one::<String>("level")?.as_str() {
                "manifest" => Level::Manifest,
                _ => Level::SopsFile,
            },
            recipients: matches.get_many::<String>("recipient").into_iter().flatten().cloned().collect(),
        }),
        ("explain", matches) => Some(Action::Explain {
            manifest: path(matches, "manifest")?,
            names: matches.get_many::<String>("secret").into_iter().flatten().cloned().collect(),
        }),
        ("status", matches) => Some(Action::Status(path(matches, "manifest"))),
        ("decrypt", matches) => Some(Action::Decrypt(decrypt::Request {
            file: path(matches, "file")?,
            key: matches.get_one::<String>("key").cloned(),
            format: matches.get_one::<String>("format").and_then(|word| Format::from_word(word)),
            identities: matches.get_many::<PathBuf>("identity").into_iter().flatten().cloned().collect(),
            age_key: environment.sops_age_key.take(),
            age_key_file: environment.sops_age_key_file.clone(),
        })),
        ("recipient", matches) => Some(Action::Recipient(path(matches, "file"))),
        _ => None,
    }
}

/// A level by its name in the definition of the command line.
fn level(word: &str) -> LevelFilter {
    match word {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    }
}
