//! From declared secrets to plaintext: every file is opened once, files in parallel.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::closed::{fault_failure, locked_failure, unreadable};
use crate::error::{Failure, Subject};
use crate::keys::{self, Header, Keyring, Locked, PublicIdentity};
use crate::manifest::{Format, Key, SecretSpec};
use crate::plugins::ask;
use crate::secret::Secret;
use crate::sops::{self, Document};
use crate::system::files;
use crate::system::plugins::Plugins;

/// Largest file that is read, in bytes: more than twice the largest secret that is known to work (50 MiB),
/// whose sops file is 70 MB.
pub const MAX_FILE: u64 = 192 * 1024 * 1024;

/// Largest plaintext of all files together, in bytes, and of all files that a run writes: it is in memory, here and there.
pub const MAX_RUN: usize = 1024 * 1024 * 1024;

/// What became of one declared secret.
pub struct OpenedSecret {
    /// Its plaintext, shared by all secrets that are one and the same whole file, or why there is none.
    pub value: Result<Arc<Secret>, Failure>,
    /// The recipient of the identity that opened the file, once one has.
    pub opened_by: Option<String>,
}

/// Opens the files of all `secrets`; the result has one entry for each, in the same order.
///
/// `plugins` are asked together about all files that no key of ours opens, and these are opened once more then.
#[must_use]
pub fn all(secrets: &[SecretSpec], keyring: &mut Keyring, plugins: &mut Plugins) -> Vec<OpenedSecret> {
    all_within(MAX_RUN, secrets, keyring, plugins)
}

/// [`all`] of them with another limit: what would make them more than `most` bytes together fails.
#[must_use]
pub fn all_within(
    most: usize,
    secrets: &[SecretSpec],
    keyring: &mut Keyring,
    plugins: &mut Plugins,
) -> Vec<OpenedSecret> {
    let room = AtomicUsize::new(most);
    let mut opened: Vec<Option<OpenedSecret>> = secrets.iter().map(|_| None).collect();
    let closed = each(&by_file(secrets), secrets, keyring, &room, &mut opened);
    if !closed.is_empty() {
        let (files, headers): (Vec<_>, Vec<_>) = closed.into_iter().unzip();
        ask(keyring, plugins, &headers.into_iter().flatten().collect::<Vec<_>>());
        each(&files, secrets, keyring, &room, &mut opened);
    }
    // Every file was taken by some worker, so no entry is empty.
    opened.into_iter().flatten().collect()
}

/// Secrets that lie in one file, by their numbers.
type Members = Vec<usize>;

/// Opens each of `files` and puts its secrets into `opened`. Gives back the files that plugins may be asked about.
fn each(
    files: &[Members],
    secrets: &[SecretSpec],
    keyring: &Keyring,
    room: &AtomicUsize,
    opened: &mut [Option<OpenedSecret>],
) -> Vec<(Members, Vec<Header>)> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((opened, Vec::new()));
    let work = || {
        while let Some(members) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (secrets, unasked) = members_of_file(secrets, members, keyring, room);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            for (index, secret) in members.iter().zip(secrets) {
                results.0[*index] = Some(secret);
            }
            if !unasked.is_empty() {
                results.1.push((members.clone(), unasked));
            }
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let helpers = worker_count(processors, files.len()) - 1;
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // If the machine gives us no thread, this one does all the work.
            let _ = std::thread::Builder::new().stack_size(WORKER_STACK).spawn_scoped(scope, work);
        }
        work();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

/// Stack of a worker, in bytes: documents of the largest allowed depth are walked by recursion.
const WORKER_STACK: usize = 8 * 1024 * 1024;

/// Most threads: each may hold a file of the largest size.
const MAX_WORKERS: usize = 16;

/// How many threads are worth starting: a file costs about 0.1 ms, a thread about as much.
fn worker_count(processors: usize, files: usize) -> usize {
    processors.min(files.div_ceil(4)).clamp(1, MAX_WORKERS)
}

/// Groups the secrets by the file they are in, in the order of the manifest.
#[must_use]
pub fn by_file(secrets: &[SecretSpec]) -> Vec<Members> {
    let mut groups: Vec<Members> = Vec::new();
    let mut seen: HashMap<&Path, usize> = HashMap::new();
    for (index, secret) in secrets.iter().enumerate() {
        let group = *seen.entry(&secret.sops_file).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(index);
    }
    groups
}

/// Opens the file that the secrets `members` have in common. `room`: bytes that are left for plaintext. Gives back also what plugins
/// may be asked about.
fn members_of_file(
    secrets: &[SecretSpec],
    members: &[usize],
    keyring: &Keyring,
    room: &AtomicUsize,
) -> (Vec<OpenedSecret>, Vec<Header>) {
    let Some(first) = members.first().map(|index| &secrets[*index]) else { return Default::default() };
    let keys: Vec<&Key> = members.iter().map(|index| &secrets[*index].key).collect();
    let mut opened = file(&first.sops_file, first.format, &keys, keyring);
    let size = opened.size();
    let take = |left: usize| left.checked_sub(size);
    if room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
        opened = OpenedFile::failed(&keys, &too_large(Subject::Run), opened.opened_by);
    }
    let name = |index: &usize| Subject::Secret(secrets[*index].name.as_str().to_owned());
    let secrets = members.iter().zip(opened.values).map(|(index, value)| OpenedSecret {
        value: value.map_err(|failure| Failure { subject: name(index), ..failure }),
        opened_by: opened.opened_by.clone(),
    });
    (secrets.collect(), opened.unasked)
}

/// The values of one file, one for each key that was asked for, and the identity that opened it.
pub struct OpenedFile {
    /// In the order of the keys. Failures speak of the run; the caller knows which secret each is about.
    pub values: Vec<Result<Arc<Secret>, Failure>>,
    /// The recipient of the identity that opened the file, once one has.
    pub opened_by: Option<String>,
    /// What plugins may be asked about, if the file stayed closed.
    pub unasked: Vec<Header>,
}

/// Opens one file and takes the values at `keys` out of it.
#[must_use]
pub fn file(path: &Path, format: Format, keys: &[&Key], keyring: &Keyring) -> OpenedFile {
    let bytes = match files::read(path, MAX_FILE) {
        Ok(bytes) => bytes,
        Err(error) => {
            return OpenedFile::failed(keys, &unreadable(path, &error), None);
        }
    };
    if bytes.is_empty() {
        let failure = Failure::new("decrypt", Subject::Run, format!("'{}' is empty", path.display()))
            .file(path.display())
            .hint("restore the file from version control");
        return OpenedFile::failed(keys, &failure, None);
    }
    match format {
        Format::Age => age_file(path, &bytes, keys, keyring),
        Format::Sops(format) => sops_file(path, format, &bytes, keys, keyring),
    }
}

/// The failure of what would make a run larger than [`MAX_RUN`].
#[must_use]
pub fn too_large(subject: Subject) -> Failure {
    let cause = format!("all secrets and templates together are larger than {} MiB", MAX_RUN >> 20);
    Failure::new("install", subject, cause)
}

impl OpenedFile {
    /// Bytes of plaintext; what several secrets share counts once.
    fn size(&self) -> usize {
        // Only the whole file is shared, and by nobody else yet.
        let is_shared = |value: &&Arc<Secret>| Arc::strong_count(value) > 1;
        let values = || self.values.iter().flatten();
        let shared = values().find(is_shared).map_or(0, |value| value.expose().len());
        values()
            .filter(|value| !is_shared(value))
            .fold(shared, |sum, value| sum.saturating_add(value.expose().len()))
    }

    /// Every key fails for the same reason.
    fn failed(keys: &[&Key], failure: &Failure, opened_by: Option<String>) -> Self {
        let values = keys.iter().map(|_| Err(failure.clone())).collect();
        Self { values, opened_by, unasked: Vec::new() }
    }

    /// No key of ours opens it.
    fn locked(keys: &[&Key], path: &Path, locked: Locked, keyring: &Keyring) -> Self {
        let failed = Self::failed(keys, &locked_failure(path, &locked, keyring), None);
        Self { unasked: locked.unasked, ..failed }
    }
}

/// Who can open a file, and who of us does.
pub struct Access {
    /// The recipients that the file names.
    pub encrypted_for: Vec<String>,
    /// The identity that opens it, or why none does.
    pub opened_by: Result<PublicIdentity, Failure>,
    /// What plugins may be asked about, if none does.
    pub unasked: Vec<Header>,
}

/// Finds out who can open a file. Nothing but its wrapped data key is decrypted.
#[must_use]
pub fn access(path: &Path, format: Format, keyring: &Keyring) -> Access {
    let closed = |failure| Access { encrypted_for: Vec::new(), opened_by: Err(failure), unasked: Vec::new() };
    let bytes = match files::read(path, MAX_FILE) {
        Ok(bytes) => bytes,
        Err(error) => return closed(unreadable(path, &error)),
    };
    let locked = |locked: Locked| Access {
        opened_by: Err(locked_failure(path, &locked, keyring)),
        encrypted_for: locked.encrypted_for,
        unasked: locked.unasked,
    };
    match format {
        Format::Age => match keyring.open_age_file(&bytes) {
            Ok((_, by)) => Access { encrypted_for: Vec::new(), opened_by: Ok(by), unasked: Vec::new() },
            Err(why) => locked(why),
        },
        Format::Sops(format) => match Document::parse(&bytes, format) {
            Err(fault) => closed(fault_failure(path, &fault)),
            Ok(document) => match keyring.unlock(document.metadata()) {
                Ok(unlocked) => Access {
                    encrypted_for: keys::recipients_named(document.metadata()),
                    opened_by: Ok(unlocked.by),
                    unasked: Vec::new(),
                },
                Err(why) => locked(why),
            },
        },
    }
}

/// A plain age file: the whole plaintext is the secret.
fn age_file(path: &Path, bytes: &[u8], keys: &[&Key], keyring: &Keyring) -> OpenedFile {
    match keyring.open_age_file(bytes) {
        Ok((secret, by)) => {
            let shared = Arc::new(secret);
            OpenedFile {
                values: keys.iter().map(|_| Ok(Arc::clone(&shared))).collect(),
                opened_by: Some(by.recipient),
                unasked: Vec::new(),
            }
        }
        Err(locked) => OpenedFile::locked(keys, path, locked, keyring),
    }
}

/// A sops file: the MAC is verified before any value is taken out.
fn sops_file(
    path: &Path,
    format: sops::Format,
    bytes: &[u8],
    keys: &[&Key],
    keyring: &Keyring,
) -> OpenedFile {
    let document = match Document::parse(bytes, format) {
        Ok(document) => document,
        Err(fault) => return OpenedFile::failed(keys, &fault_failure(path, &fault), None),
    };
    let unlocked = match keyring.unlock(document.metadata()) {
        Ok(unlocked) => unlocked,
        Err(locked) => return OpenedFile::locked(keys, path, locked, keyring),
    };
    let opened_by = Some(unlocked.by.recipient);
    let opened = match document.open(&unlocked.key) {
        Ok(opened) => opened,
        Err(fault) => return OpenedFile::failed(keys, &fault_failure(path, &fault), opened_by),
    };
    if format == sops::Format::Binary || keys.iter().all(|key| matches!(key, Key::Whole)) {
        let whole = opened.into_whole().map(Arc::new).map_err(|fault| fault_failure(path, &fault));
        let values = keys.iter().map(|_| whole.clone()).collect();
        return OpenedFile { values, opened_by, unasked: Vec::new() };
    }
    let values = match opened.values() {
        Ok(values) => values,
        Err(fault) => return OpenedFile::failed(keys, &fault_failure(path, &fault), opened_by),
    };
    let mut whole: Option<Arc<Secret>> = None;
    let mut value = |key: &Key| match (key, &whole) {
        (Key::Path(key), _) => values.lookup(key).map(Arc::new),
        (Key::Whole, Some(whole)) => Ok(Arc::clone(whole)),
        (Key::Whole, None) => opened.whole().map(|secret| Arc::clone(whole.insert(Arc::new(secret)))),
    };
    let values = keys.iter().map(|key| value(key).map_err(|fault| fault_failure(path, &fault))).collect();
    OpenedFile { values, opened_by, unasked: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_neither_more_threads_than_are_worth_it_nor_than_the_limit() {
        let counts = [(1, 1000), (4, 1), (4, 5), (4, 1000), (1000, 1000), (1000, 0)];
        let counts = counts.map(|(processors, files)| worker_count(processors, files));
        assert_eq!(counts, [1, 1, 2, 4, MAX_WORKERS, 1]);
    }
}
