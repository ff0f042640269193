//! Links at declared paths, outside the generation: which there shall be, and which are no longer declared.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::error::{Failure, Subject};
use crate::manifest::{Manifest, RENDERED};
use crate::plan::Planned;
use crate::record::{FailedLink, Link, Outcome};
use crate::system::generation::Generation;
use crate::system::links::{self, Placed};
use crate::system::{self, Gid, Uid};

/// A link that is to be made.
pub struct OuterLink {
    /// What it is for.
    subject: Subject,
    path: PathBuf,
    target: PathBuf,
    uid: u32,
    gid: u32,
}

impl OuterLink {
    /// The link as the record keeps it.
    #[must_use]
    pub fn recorded(&self) -> Link {
        Link {
            path: self.path.display().to_string(),
            target: self.target.display().to_string(),
            uid: self.uid,
        }
    }
}

/// A link whose declared path lies inside the link to the live generation.
pub struct Alias {
    /// Its name in the generation.
    pub inner: String,
    /// What it points to.
    pub target: PathBuf,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
}

/// Links for the time between the switch and the making of links: from the old name of a secret, where a link points that
/// was made for it, to the secret that is declared with the path of that link now. A run that dies then leaves no
/// declared link without its secret. They are removed with what is no longer declared.
#[must_use]
pub fn bridges(
    links: &[OuterLink],
    recorded: &[Link],
    files: &[(Planned<'_>, Outcome)],
    manifest: &Manifest,
) -> Vec<Link> {
    let old: HashMap<&str, &str> = recorded.iter().map(|link| (&*link.path, &*link.target)).collect();
    let bridge = |link: &OuterLink| {
        let target = link.target.to_str()?;
        let from = old.get(link.path.to_str()?).copied().filter(|from| *from != target)?;
        let name = Path::new(from).strip_prefix(&manifest.symlink_path).ok()?;
        let is_taken = files.iter().any(|(plan, _)| Path::new(&plan.inner) == name);
        (!is_taken).then(|| Link { path: from.to_owned(), target: target.to_owned(), uid: link.uid })
    };
    links.iter().filter_map(bridge).collect()
}

/// Links that go with each generation, to be made in it before it is live: else they would be missing for a moment at
/// each switch. Stale secrets keep theirs, and [`bridges`] are among the `recorded`.
#[must_use]
pub fn aliases(
    links: &[OuterLink],
    recorded: &[Link],
    files: &[(Planned<'_>, Outcome)],
    manifest: &Manifest,
) -> Vec<Alias> {
    let alias = |path: &Path, target: &Path, uid: u32, gid: u32| {
        let inner = path.strip_prefix(&manifest.symlink_path).ok()?.to_str()?.to_owned();
        Some(Alias { inner, target: target.to_owned(), uid: Uid::from_raw(uid), gid: Gid::from_raw(gid) })
    };
    let kept = targets_of_stale(files, manifest);
    let wanted = |target: &Path| kept.contains(target) || links.iter().any(|link| link.target == target);
    let recorded = recorded.iter().filter(|link| Path::new(&link.path).starts_with(&manifest.symlink_path));
    let recorded = recorded.filter(|link| wanted(Path::new(&link.target)));
    links
        .iter()
        .filter_map(|link| alias(&link.path, &link.target, link.uid, link.gid))
        .chain(recorded.filter_map(|link| alias(Path::new(&link.path), Path::new(&link.target), link.uid, 0)))
        .collect()
}

/// What the links of secrets point to that keep their old copy.
fn targets_of_stale(files: &[(Planned<'_>, Outcome)], manifest: &Manifest) -> BTreeSet<PathBuf> {
    files
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Stale)
        .map(|(plan, _)| manifest.symlink_path.join(&plan.inner))
        .collect()
}

/// Links for everything whose declared path is not its place in the live generation. That of a stale secret belongs to
/// the owner of its old copy: the declared one may be the very thing that could not be found. Owners that a dry run does
/// not know yet have no links yet.
#[must_use]
pub fn declared(
    files: &[(Planned<'_>, Outcome)],
    manifest: &Manifest,
    live: Option<&Generation>,
) -> Vec<OuterLink> {
    let link = |(plan, outcome): &(Planned<'_>, Outcome)| {
        let target = manifest.symlink_path.join(&plan.inner);
        if plan.place.path == target {
            return None;
        }
        let (uid, gid) = match (&plan.content, outcome) {
            (Ok(file), _) if file.has_owner() => (file.uid, file.gid),
            (Err(_), Outcome::Stale) => live?.owner(&plan.inner)?,
            _ => return None,
        };
        let (subject, path) = (plan.subject.clone(), plan.place.path.clone());
        Some(OuterLink { subject, path, target, uid, gid })
    };
    files.iter().filter_map(link).collect()
}

/// Which of `links` could not be made, without making any.
#[must_use]
pub fn check(links: &[OuterLink]) -> Vec<Failure> {
    let check = |link: &OuterLink| {
        let error =
            links::check(&link.path, &link.target, Uid::from_raw(link.uid), Gid::from_raw(link.gid)).err()?;
        Some(failed(link, &error))
    };
    links.iter().filter_map(check).collect()
}

/// A link that could not be made.
pub struct NotMade {
    /// For the record.
    pub link: FailedLink,
    /// For the person.
    pub failure: Failure,
}

/// Makes the links; one that cannot be made fails alone.
#[must_use]
pub fn place(links: &[OuterLink]) -> Vec<NotMade> {
    let mut not_made = Vec::new();
    for link in links {
        match links::place(&link.path, &link.target, Uid::from_raw(link.uid), Gid::from_raw(link.gid)) {
            Ok(Placed::Unchanged | Placed::Made { replaced: None }) => {}
            Ok(Placed::Made { replaced: Some(warning) }) => warn!("{warning}"),
            Err(error) => {
                let place = format!("it can be read at '{}'", link.target.display());
                let failure = failed(link, &error).detail("meanwhile", place);
                let link = FailedLink { path: link.recorded().path, reason: failure.cause.clone() };
                not_made.push(NotMade { link, failure });
            }
        }
    }
    not_made
}

fn failed(link: &OuterLink, error: &system::Error) -> Failure {
    let failure = Failure::new(
        format!("make the link '{}' for", link.path.display()),
        link.subject.clone(),
        error.cause.clone(),
    );
    failure.hint(
        error.hint.unwrap_or("declare a path where a link can be made, or use the secret at its own place"),
    )
}

/// Removes links of earlier runs that are no longer declared, if they are still ours. Gives back the links
/// that are there, or that could not be removed, for the record.
///
/// What failed keeps its link even if another path is declared now: nothing was made there.
#[must_use]
pub fn remove_stale(recorded: &[Link], files: &[(Planned<'_>, Outcome)], manifest: &Manifest) -> Vec<Link> {
    let kept = targets_of_stale(files, manifest);
    let secrets = manifest.secrets.iter().map(|spec| (&spec.place, spec.name.as_str().to_owned()));
    let templates =
        manifest.templates.iter().map(|spec| (&spec.place, format!("{RENDERED}/{}", spec.name.as_str())));
    let declared: BTreeSet<(&Path, PathBuf)> = secrets
        .chain(templates)
        .map(|(place, inner)| (place.path.as_path(), manifest.symlink_path.join(inner)))
        .collect();
    let still_wanted = |link: &&Link| {
        let (path, target) = (Path::new(&link.path), PathBuf::from(&link.target));
        if kept.contains(&target) || declared.contains(&(path, target)) {
            return true;
        }
        links::remove(path, Path::new(&link.target), Uid::from_raw(link.uid)).map_or_else(
            |error| {
                warn!("{error}");
                true
            },
            |was_there| {
                if was_there && path.starts_with(&manifest.symlink_path) {
                    links::remove_empty_parents(path, &manifest.symlink_path);
                }
                false
            },
        )
    };
    recorded.iter().filter(still_wanted).cloned().collect()
}
