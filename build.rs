//! Man page and shell completions, made from the one definition of the command line.
//!
//! They go to `ASSETS_DIR` if that is set (a package sets it), else to Cargo's own build directory.
#![allow(clippy::disallowed_methods)]

use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

#[path = "src/command_line.rs"]
mod command_line;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=ASSETS_DIR");
    println!("cargo::rerun-if-changed=src/command_line.rs");
    let directory = std::env::var_os("ASSETS_DIR").or_else(|| std::env::var_os("OUT_DIR"));
    let Some(directory) = directory.map(PathBuf::from) else { return Ok(()) };
    std::fs::create_dir_all(&directory)?;
    clap_mangen::generate_to(command_line::command(), &directory)?;
    completions(&directory)
}

fn completions(directory: &Path) -> io::Result<()> {
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command_line::command(), "sops-activate", directory)?;
    }
    Ok(())
}
