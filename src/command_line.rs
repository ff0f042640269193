//! The command line as one clap definition: parsed here, and turned into man page and completions.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

/// The command line, as one definition.
#[must_use]
pub fn command() -> Command {
    Command::new("sops-activate")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Decrypts a NixOS machine's sops secrets at boot and activation")
        .subcommand_required(true)
        .arg(
            Arg::new("log")
                .long("log")
                .global(true)
                .value_name("LEVEL")
                .value_parser(["error", "warn", "info", "debug", "trace"])
                .default_value("info")
                .help("Least level that is logged"),
        )
        .subcommands([
            install_command(),
            check_command(),
            explain_command(),
            status_command(),
            decrypt_command(),
            recipient_command(),
        ])
}

fn install_command() -> Command {
    Command::new("install")
        .about("Installs the secrets of a manifest")
        .arg(manifest_argument())
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Decrypt in memory, say what would change, and change nothing"),
        )
        .arg(
            Arg::new("ignore-passwd")
                .long("ignore-passwd")
                .action(ArgAction::SetTrue)
                .help("Give every file to root and look up no user or group"),
        )
        .arg(
            Arg::new("report")
                .long("report")
                .value_name("FORM")
                .value_parser(["text", "json"])
                .default_value("text")
                .help("Form of the report on standard output"),
        )
}

fn check_command() -> Command {
    Command::new("check")
        .about("Checks a manifest and the files it names, without any private key, and installs nothing")
        .arg(
            Arg::new("level")
                .long("level")
                .value_name("LEVEL")
                .value_parser(["manifest", "sopsfile"])
                .default_value("sopsfile")
                .help("Check the manifest alone, or every sops file too"),
        )
        .arg(
            Arg::new("recipient")
                .long("recipient")
                .value_name("KEY")
                .action(ArgAction::Append)
                .help("A public key of the machine (age1... or ssh-ed25519 ...): fail for each secret that it cannot open"),
        )
        .arg(manifest_argument())
}

fn explain_command() -> Command {
    Command::new("explain")
        .about("Tells all about secrets: file, recipients, which identity opens them, owner, links, state")
        .arg(manifest_argument())
        .arg(
            Arg::new("secret")
                .value_name("SECRET")
                .num_args(0..)
                .help("Names of secrets [default: all of the manifest]"),
        )
}

fn status_command() -> Command {
    Command::new("status")
        .about("Tells which generation is live, since when, and what of it is stale or missing")
        .arg(manifest_argument().required(false).help("Look only where this manifest's secrets are"))
}

fn decrypt_command() -> Command {
    Command::new("decrypt")
        .about("Prints a sops or age file, or one value of it, decrypted")
        .arg(
            Arg::new("key")
                .long("key")
                .value_name("PATH")
                .help("Print only the value at this path, such as db/users/0"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["yaml", "json", "binary", "dotenv", "ini", "age"])
                .help("The file's format [default: by its ending]"),
        )
        .arg(
            Arg::new("identity")
                .long("identity")
                .short('i')
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("An age key file or an SSH ed25519 private key; may be given several times"),
        )
        .arg(Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)))
        .after_help("Without --identity the keys in SOPS_AGE_KEY and SOPS_AGE_KEY_FILE are used. An age plugin that a key is for is started from PATH.")
}

fn recipient_command() -> Command {
    Command::new("recipient")
        .about(
            "Prints the age recipient of an SSH ed25519 or age key, or of each line of ssh-keyscan's output",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A key file, or - for standard input [default: -]"),
        )
}

fn manifest_argument() -> Arg {
    Arg::new("manifest")
        .value_name("MANIFEST")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The manifest, a JSON file that the NixOS module writes")
}
