//! What a generation shall hold: each secret and template with owner, mode and content, or why it has none.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::accounts::Accounts;
use crate::changes::Kind;
use crate::error::{Failure, Subject};
use crate::manifest::{Account, Manifest, Placement, RENDERED, TemplateBody, TemplateSpec};
use crate::open::{self, OpenedSecret};
use crate::secret::Secret;
use crate::template::{Fault, Placeholders, Template};

/// How owners are found.
pub enum Owners<'a> {
    /// In the passwd and group files.
    Declared(&'a Accounts),
    /// There too, but one that does not exist yet is no failure (dry run before users are made).
    AsFarAsKnown(&'a Accounts),
    /// Everything belongs to one (root with `--ignore-passwd`, the user in user mode).
    All {
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
    },
}

/// One file of the generation to come.
pub struct Planned<'m> {
    /// What it is, for messages.
    pub subject: Subject,
    /// Its path inside the generation.
    pub inner: String,
    /// What was declared for it.
    pub place: &'m Placement,
    /// The file it comes from.
    pub file: Option<PathBuf>,
    /// The format of that file.
    pub format: &'static str,
    /// The recipient of the identity that opened it.
    pub opened_by: Option<String>,
    /// What is to be written, or why it cannot be.
    pub content: Result<File, Failure>,
}

/// Content, permissions and owner of a file.
pub struct File {
    /// The bytes.
    pub content: Arc<Secret>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Plans all secrets and templates of `manifest`. `opened` belongs to the manifest's secrets one by one;
/// `template_files` gives the text of templates that are kept in files.
pub fn generation<'m>(
    manifest: &'m Manifest,
    opened: Vec<OpenedSecret>,
    template_files: &dyn Fn(&Path) -> Result<Vec<u8>, String>,
    owners: &Owners<'_>,
) -> Vec<Planned<'m>> {
    let room = Cell::new(open::MAX_RUN);
    let mut planned: Vec<Planned<'m>> = manifest
        .secrets
        .iter()
        .zip(opened)
        .map(|(spec, secret)| {
            let subject = Subject::Secret(spec.name.as_str().to_owned());
            Planned {
                inner: spec.name.as_str().to_owned(),
                place: &spec.place,
                file: Some(spec.sops_file.clone()),
                format: spec.format.as_str(),
                opened_by: secret.opened_by,
                content: secret
                    .value
                    .and_then(|content| within(&room, &subject, content))
                    .and_then(|content| placed(&subject, content, &spec.place, owners)),
                subject,
            }
        })
        .collect();
    // A secret that failed for its owner only keeps its old value in its own place: a template shall not have the new one.
    let values: Vec<Option<Arc<Secret>>> =
        planned.iter().map(|plan| plan.content.as_ref().ok().map(|file| Arc::clone(&file.content))).collect();
    planned.extend(templates(manifest, &values, template_files, owners, &room));
    planned
}

/// Takes the size of a file from the room that is left for all of them. They end up in memory, one by one, also where
/// several secrets are one and the same whole file.
fn within(room: &Cell<usize>, subject: &Subject, content: Arc<Secret>) -> Result<Arc<Secret>, Failure> {
    let left =
        room.get().checked_sub(content.expose().len()).ok_or_else(|| open::too_large(subject.clone()))?;
    room.set(left);
    Ok(content)
}

/// Renders the templates. A template whose secret failed fails alone.
fn templates<'m>(
    manifest: &'m Manifest,
    values: &[Option<Arc<Secret>>],
    template_files: &dyn Fn(&Path) -> Result<Vec<u8>, String>,
    owners: &Owners<'_>,
    room: &Cell<usize>,
) -> Vec<Planned<'m>> {
    let placeholders = placeholders(manifest);
    let plan = |spec: &'m TemplateSpec| {
        let subject = Subject::Template(spec.name.as_str().to_owned());
        let content = template_text(&subject, &spec.body, template_files)
            .and_then(|text| rendered(&subject, &text, &placeholders, manifest, values))
            .and_then(|secret| within(room, &subject, Arc::new(secret)))
            .and_then(|content| placed(&subject, content, &spec.place, owners));
        Planned {
            inner: format!("{RENDERED}/{}", spec.name.as_str()),
            place: &spec.place,
            file: match &spec.body {
                TemplateBody::Content(_) => None,
                TemplateBody::File(path) => Some(path.clone()),
            },
            format: "template",
            opened_by: None,
            content,
            subject,
        }
    };
    manifest.templates.iter().map(plan).collect()
}

/// The placeholders of a manifest, those of secrets of the other phase too.
#[must_use]
pub fn placeholders(manifest: &Manifest) -> Placeholders<'_> {
    let index: HashMap<&str, usize> =
        manifest.secrets.iter().enumerate().map(|(index, spec)| (spec.name.as_str(), index)).collect();
    Placeholders::new(
        manifest
            .placeholders
            .iter()
            .map(|(name, text)| (text.as_str(), name.as_str(), index.get(name.as_str()).copied())),
    )
}

/// The text of a template, from the manifest or from its file.
///
/// # Errors
/// The file cannot be read.
pub fn template_text<'m>(
    subject: &Subject,
    body: &'m TemplateBody,
    files: &dyn Fn(&Path) -> Result<Vec<u8>, String>,
) -> Result<Cow<'m, [u8]>, Failure> {
    match body {
        TemplateBody::Content(text) => Ok(Cow::Borrowed(text.as_bytes())),
        TemplateBody::File(path) => files(path).map(Cow::Owned).map_err(|cause| {
            Failure::new("render", subject.clone(), cause)
                .hint("put the file into the repository, or write its text as `content`")
        }),
    }
}

/// The failure of a template that cannot be rendered.
#[must_use]
pub fn unrendered(subject: &Subject, fault: Fault) -> Failure {
    Failure::new("render", subject.clone(), fault.text).hint(fault.hint)
}

/// The failure of a secret or template whose mode is none.
#[must_use]
pub fn bad_mode(subject: Subject, cause: &str) -> Failure {
    let hint = "write the permissions of owner, group and others as in chmod: \"0400\", \"0440\"";
    Failure::new("set the mode of", subject, cause).hint(hint)
}

fn rendered(
    subject: &Subject,
    text: &[u8],
    placeholders: &Placeholders<'_>,
    manifest: &Manifest,
    values: &[Option<Arc<Secret>>],
) -> Result<Secret, Failure> {
    let unrendered = |fault| unrendered(subject, fault);
    let template = Template::parse(text, placeholders).map_err(unrendered)?;
    if let Some(failed) = template.secrets().find(|index| values[*index].is_none()) {
        let name = manifest.secrets[failed].name.as_str();
        let cause = format!("it needs secret '{name}', which failed");
        return Err(Failure::new("render", subject.clone(), cause).hint("see the message about that secret"));
    }
    template.render(|index| values[index].as_deref()).map_err(unrendered)
}

/// Content with its owner, group and mode, looked up and checked.
fn placed(
    subject: &Subject,
    content: Arc<Secret>,
    place: &Placement,
    owners: &Owners<'_>,
) -> Result<File, Failure> {
    let mode = match &place.mode {
        Ok(mode) => mode.bits(),
        Err(cause) => return Err(bad_mode(subject.clone(), cause)),
    };
    let (uid, gid) = owners.of(place, subject)?;
    Ok(File { content, mode, uid, gid })
}

/// Stands for an account that does not exist yet, in a dry run: no file has it, so the secret counts as changed.
const NOT_YET: u32 = u32::MAX;

impl File {
    /// Whether the owner exists; in a dry run it need not.
    #[must_use]
    pub fn has_owner(&self) -> bool {
        self.uid != NOT_YET
    }
}

impl Owners<'_> {
    fn of(&self, place: &Placement, subject: &Subject) -> Result<(u32, u32), Failure> {
        let (accounts, unknown) = match self {
            Self::All { uid, gid } => return Ok((*uid, *gid)),
            Self::Declared(accounts) => (accounts, None),
            Self::AsFarAsKnown(accounts) => (accounts, Some(NOT_YET)),
        };
        let users = Table {
            role: "owner",
            noun: "user",
            file: "/etc/passwd",
            id: &|name| accounts.uid(name).or(unknown),
            similar: &|name| accounts.similar_user(name),
        };
        let groups = Table {
            role: "group",
            noun: "group",
            file: "/etc/group",
            id: &|name| accounts.gid(name).or(unknown),
            similar: &|name| accounts.similar_group(name),
        };
        let uid = resolve(&place.owner, subject, &users)?;
        let gid = resolve(&place.group, subject, &groups)?;
        Ok((uid, gid))
    }
}

/// One of the two tables that accounts are looked up in.
struct Table<'a> {
    role: &'static str,
    noun: &'static str,
    file: &'static str,
    id: &'a dyn Fn(&str) -> Option<u32>,
    /// The name that was probably meant. Compares with every name of the table, so it is asked only for an error.
    similar: &'a dyn Fn(&str) -> Option<&'a str>,
}

fn resolve(account: &Account, subject: &Subject, table: &Table<'_>) -> Result<u32, Failure> {
    let name = match account {
        Account::Id(id) => return Ok(*id),
        Account::Name(name) => name,
    };
    let Table { role, noun, file, .. } = table;
    (table.id)(name).ok_or_else(|| {
        let meant = (table.similar)(name).map(|similar| format!(" (is '{similar}' meant?)")).unwrap_or_default();
        let cause = format!("there is no {noun} '{name}' in {file}{meant}");
        Failure::new(format!("set the {role} of"), subject.clone(), cause).hint(format!(
            "declare the {noun} in users.{noun}s, or correct the name, or leave the {role} out and use LoadCredential"
        ))
    })
}

impl Planned<'_> {
    /// The name that it was declared under.
    #[must_use]
    pub fn name(&self) -> &str {
        Kind::of_file(&self.inner).1
    }
}
