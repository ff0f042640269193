//! The switch: a new generation is written, made live, linked to, and told about; old ones are pruned.

use std::collections::BTreeSet;
use std::path::Path;

use tracing::warn;

use crate::decide::Steps;
use crate::manifest::Manifest;
use crate::outer_links::{self, NotMade, OuterLink};
use crate::record::{Item, Link, Outcome, Record};
use crate::restarts;
use crate::system::current::Live;
use crate::system::generation::NewGeneration;
use crate::system::secretfs::SecretFs;
use crate::system::{self, Gid, Uid, process};
use crate::units::Requests;
use crate::withheld::without_private_keys;

/// Where a switch takes place.
pub struct Switch<'a> {
    /// What is declared.
    pub manifest: &'a Manifest,
    /// Where generations are.
    pub secretfs: &'a SecretFs,
    /// The generation that is live now.
    pub live: &'a Live,
    /// The group of directories.
    pub group: Gid,
}

impl Switch<'_> {
    /// Writes what was decided and makes it live; if nothing changed at all, the live generation stays. Gives
    /// back its number. What fails after it is live is added to the failures.
    ///
    /// # Errors
    /// The record of the live generation cannot be read, or the new one cannot be written or made live; then the old
    /// one is untouched.
    pub fn run(&self, steps: &mut Steps<'_>, asking: &mut restarts::Asking) -> Result<u64, system::Error> {
        let previous = self.previous_record()?;
        let (number, is_new) = match self.live.number {
            Some(number)
                if self.live.is_linked && self.live.generation.is_some() && steps.changes.is_empty() =>
            {
                (number, false)
            }
            _ => (self.live.next_number(), true),
        };
        if self.asks_units() {
            steps.units.add(&previous.unasked);
        } else {
            steps.units = Requests::default();
        }
        let links = outer_links::declared(&steps.files, self.manifest, self.live.generation.as_ref());
        let mut record = record(steps, &links, &previous, is_new);
        if is_new {
            record.links.extend(outer_links::bridges(&links, &previous.links, &steps.files, self.manifest));
        }
        self.secretfs.remove_debris(self.live.number)?;
        self.secretfs.sweep_link(&self.manifest.symlink_path)?;
        if is_new && let Err(error) = self.make_live(number, steps, &record, &links) {
            // What was written of the new generation goes away, with its plaintext.
            if let Err(error) = self.secretfs.remove_debris(self.live.number) {
                warn!("{error}");
            }
            return Err(error.or_hint("nothing was changed: what was live before still is"));
        }

        // From here on the new generation is live: what fails is reported, and does not undo it.
        let before = record.clone();
        self.link(&links, &mut record, &previous, steps);
        let asked = restarts::request(&steps.units, asking);
        steps.failures.extend(asked.failures);
        record.unasked = asked.unasked;
        let recorded = if is_new { &before } else { &previous };
        if !record.same_state(recorded)
            && let Err(error) = self.secretfs.write_record(number, &record.to_json())
        {
            // Nothing that is declared depends on it.
            warn!("{error}");
        }
        if let Err(error) = self.secretfs.prune(self.manifest.keep_generations, number) {
            warn!("{error}");
        }
        Ok(number)
    }

    /// Makes the links that are declared and removes those that no longer are. The record, in which all of them stood
    /// before, then tells which there are.
    fn link(&self, links: &[OuterLink], record: &mut Record, previous: &Record, steps: &mut Steps<'_>) {
        for NotMade { link, failure } in outer_links::place(links) {
            // One that an earlier run made may still be there.
            if !previous.links.iter().any(|made| made.path == link.path) {
                record.links.retain(|made| made.path != link.path);
            }
            record.failed_links.push(link);
            steps.failures.push(failure);
        }
        record.links = outer_links::remove_stale(&record.links, &steps.files, self.manifest);
    }

    /// Nothing is asked on the first activation of a boot, as nothing runs yet, nor for a user.
    fn asks_units(&self) -> bool {
        self.live.generation.is_some() && !self.manifest.user_mode
    }

    /// The record of the live generation; an empty one if there is none, or none that we understand. One that is there
    /// and cannot be read is an error: with it, units that wait to be asked and links to be removed would be forgotten.
    fn previous_record(&self) -> Result<Record, system::Error> {
        let Some(number) = self.live.number else { return Ok(Record::default()) };
        let Some(bytes) = self.secretfs.read_record(number)? else { return Ok(Record::default()) };
        Ok(Record::from_json(&bytes).unwrap_or_else(|| {
            warn!("the record of generation {number} is not readable: links made by it are not cleaned up");
            Record::default()
        }))
    }

    /// Writes the generation and its record, whole, and only then renames the link.
    fn make_live(
        &self,
        number: u64,
        steps: &Steps<'_>,
        record: &Record,
        links: &[OuterLink],
    ) -> Result<(), system::Error> {
        let mut generation = self.secretfs.create_generation(number, self.group)?;
        self.fill(&mut generation, steps)?;
        for alias in outer_links::aliases(links, &record.links, &steps.files, self.manifest) {
            // Where something is in the way, the link is tried once more in its turn, and what fails then is told.
            let _ = generation.link(&alias.inner, &alias.target, alias.uid, alias.gid);
        }
        self.secretfs.write_record(number, &record.to_json())?;
        self.secretfs.flip(&self.manifest.symlink_path, number)
    }

    fn fill(&self, generation: &mut NewGeneration, steps: &Steps<'_>) -> Result<(), system::Error> {
        for (plan, outcome) in &steps.files {
            match (&plan.content, outcome) {
                (Ok(file), _) => {
                    let (uid, gid) = (Uid::from_raw(file.uid), Gid::from_raw(file.gid));
                    generation.write(&plan.inner, file.content.expose(), file.mode, uid, gid)?;
                }
                (Err(_), Outcome::Stale) => self.keep_old_copy(generation, &plan.inner)?,
                (Err(_), _) => {}
            }
        }
        Ok(())
    }

    /// The live copy of a file whose successor failed stays. It was there a moment ago, and only root can remove it.
    fn keep_old_copy(&self, generation: &mut NewGeneration, inner: &str) -> Result<(), system::Error> {
        let gone = || {
            system::Error::because(
                format!("cannot keep the old copy of '{inner}'"),
                "it has just disappeared",
            )
        };
        let live = self.live.generation.as_ref().ok_or_else(gone)?;
        if generation.carry(live, inner).is_ok() {
            return Ok(());
        }
        // Linux before 5.19 lets no confined process give a file a name in another directory.
        let old = live.read(inner)?.ok_or_else(gone)?;
        generation.write(inner, old.content.expose(), old.mode, old.uid, old.gid)
    }
}

/// A path as the record tells it.
fn told(path: &Path) -> String {
    without_private_keys(&path.display().to_string()).into_owned()
}

/// The record of this run. Links of the run before stay in it until they are known to be gone, so that a
/// run that dies in between loses none.
fn record(steps: &Steps<'_>, links: &[OuterLink], previous: &Record, is_new: bool) -> Record {
    let items = steps
        .files
        .iter()
        .map(|(plan, outcome)| Item {
            inner: plan.inner.clone(),
            file: plan.file.as_ref().map(|file| told(file)),
            format: plan.format.to_owned(),
            outcome: *outcome,
            identity: plan.opened_by.clone(),
            reason: plan.content.as_ref().err().map(|failure| failure.cause.clone()),
        })
        .collect();
    let mut all: Vec<Link> = links.iter().map(OuterLink::recorded).collect();
    let declared: BTreeSet<String> = all.iter().map(|link| link.path.clone()).collect();
    all.extend(previous.links.iter().filter(|link| !declared.contains(&link.path)).cloned());
    let time = if is_new { process::now() } else { previous.time };
    Record { time, items, links: all, failed_links: Vec::new(), unasked: steps.units.clone() }
}
