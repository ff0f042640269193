//! Capabilities (capabilities(7)): a few are kept, and none can be had back.

use caps::{CapSet, Capability, CapsHashSet};

use crate::system::Error;

/// Enough to write files for other owners, to read keys and sops files wherever they are, and to make directories as
/// their parents' owner.
pub const WRITER: [Capability; 7] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_FOWNER,
    // setfsuid and setfsgid, for directories in other people's homes (`walk`).
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    // Memory is locked as it is allocated: without this the next allocation beyond RLIMIT_MEMLOCK would fail.
    Capability::CAP_IPC_LOCK,
];

/// Enough to read keys and sops files wherever they are.
pub const READER: [Capability; 2] = [Capability::CAP_DAC_READ_SEARCH, Capability::CAP_IPC_LOCK];

/// Enough for a plugin to open a device that belongs to another user: `/dev/tpmrm0` is tss's.
pub const PLUGIN: [Capability; 2] = [Capability::CAP_DAC_OVERRIDE, Capability::CAP_DAC_READ_SEARCH];

/// Gives up every capability but `needed`. Unprivileged it does nothing.
///
/// # Errors
/// As [`super::enter`].
pub fn keep(needed: &[Capability]) -> Result<(), Error> {
    let failed =
        |error: caps::errors::CapsError| Error::because("cannot drop capabilities", error.to_string());
    let keep: CapsHashSet = needed.iter().copied().collect();
    // First what programs we start would get; it needs CAP_SETPCAP, which the next step takes away.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(failed)? {
        for capability in caps::all().difference(&keep) {
            // A kernel older than this list answers that it does not know the newest ones.
            let _ = caps::drop(None, CapSet::Bounding, *capability);
        }
    }
    // Kernels without ambient capabilities refuse this: they have none to clear.
    let _ = caps::clear(None, CapSet::Ambient);
    let permitted = caps::read(None, CapSet::Permitted).map_err(failed)?;
    let kept: CapsHashSet = permitted.intersection(&keep).copied().collect();
    caps::clear(None, CapSet::Inheritable).map_err(failed)?;
    caps::set(None, CapSet::Effective, &kept).map_err(failed)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(failed)
}
