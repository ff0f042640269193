//! Landlock (landlock(7)): regular files are made and written in a few places, and nothing is executed.
//!
//! Against plaintext on a disk: even a process that was taken over cannot write a file there. Links and directories may
//! still be made and names removed anywhere, as declared paths lie anywhere; reading is what permissions say.

use std::os::fd::OwnedFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};

/// What is needed to write a generation, its record, and a list; to name a file of the last generation in the next one, too.
const WRITING: BitFlags<AccessFs> = make_bitflags!(AccessFs::{WriteFile | MakeReg | Truncate | Refer});

/// What nobody needs anywhere: programs, devices, sockets, FIFOs.
const NEVER: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | MakeFifo | MakeSock | IoctlDev});

/// Files may be made and written below `directories` only, and nothing may be executed.
///
/// # Errors
/// A sentence that says what is missing.
pub(super) fn only_below(directories: &[OwnedFd]) -> Result<(), String> {
    match restrict(directories) {
        Ok(RulesetStatus::FullyEnforced) => Ok(()),
        Ok(RulesetStatus::PartiallyEnforced) => {
            Err("this kernel's landlock does not know all of the limits on writing".to_owned())
        }
        Ok(RulesetStatus::NotEnforced) => {
            Err("cannot limit where files are written: this kernel has no landlock".to_owned())
        }
        Err(error) => Err(format!("cannot limit where files are written: {error}")),
    }
}

/// Best effort, as the crate understands it: what the kernel does not know is left out.
fn restrict(directories: &[OwnedFd]) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(WRITING | NEVER)?
        .handle_access(AccessNet::from_all(ABI::V4))?
        // No signal leaves the process, by whatever call.
        .scope(Scope::Signal)?
        .create()?;
    for directory in directories {
        ruleset = ruleset.add_rule(PathBeneath::new(directory, WRITING))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}
