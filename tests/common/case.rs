//! A case: one file that says what is done on a machine and what comes of it. `tests/cli/README.md` has its keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike, Value};

use crate::manifest;

/// The names that the program is called by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    SopsActivate,
    SopsInstallSecrets,
}

impl Name {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SopsActivate => "sops-activate",
            Self::SopsInstallSecrets => "sops-install-secrets",
        }
    }
}

/// A case as it stands in its file.
pub struct Case {
    pub file: PathBuf,
    pub title: String,
    pub steps: Vec<Step>,
    /// The file itself, for new goldens.
    pub document: DocumentMut,
}

/// What a step starts.
pub enum What {
    /// The program, by its own command line; under its other name with the same meaning, where it has one.
    Command(Vec<String>),
    /// `sops-install-secrets`, with exactly these arguments.
    DropIn(Vec<String>),
    /// A shell script, for what the program leaves behind.
    Shell(String),
}

/// One step.
pub struct Step {
    pub before: Option<String>,
    /// The text of the manifest; without one, that of the step before stays.
    pub manifest: Option<String>,
    pub what: What,
    pub environment: BTreeMap<String, String>,
    pub umask: u32,
    pub uid: u32,
    pub stdin: String,
    /// How many are started at once.
    pub parallel: usize,
    pub exit: Option<i32>,
    pub stdout: Option<String>,
    pub stderr: Option<String>,
    pub tree: Option<String>,
    /// Nothing at all may change.
    pub unchanged: bool,
}

const CASE_KEYS: [&str; 2] = ["title", "step"];
const STEP_KEYS: [&str; 17] = [
    "before",
    "manifest",
    "raw_manifest",
    "args",
    "drop_in",
    "shell",
    "env",
    "umask",
    "uid",
    "stdin",
    "parallel",
    "exit",
    "stdout",
    "stderr",
    "tree",
    "unchanged",
    "note",
];

impl Case {
    /// Reads a case; the error says what is wrong with the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        let document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
        known(document.as_table(), &CASE_KEYS)?;
        let title = text_of(document.as_table(), "title")?.ok_or("there is no title")?;
        let tables = document.get("step").and_then(Item::as_array_of_tables).ok_or("there is no step")?;
        let steps = tables.iter().map(|table| step(table)).collect::<Result<_, _>>()?;
        Ok(Self { file: file.to_owned(), title, steps, document })
    }

    /// The names that this case is run under.
    pub fn names(&self) -> &'static [Name] {
        let both = self.steps.iter().any(|step| match &step.what {
            What::Command(arguments) => translated(arguments).is_some(),
            _ => false,
        });
        let own = self.steps.iter().any(|step| matches!(step.what, What::DropIn(_)));
        if both && !own { &[Name::SopsActivate, Name::SopsInstallSecrets] } else { &[Name::SopsActivate] }
    }

    /// Puts what came of step `index` into the document.
    pub fn bless(&mut self, index: usize, exit: i32, texts: &[(&str, &str)]) {
        let Some(steps) = self.document.get_mut("step").and_then(Item::as_array_of_tables_mut) else {
            return;
        };
        let Some(table) = steps.get_mut(index) else { return };
        table["exit"] = Item::Value(Value::from(i64::from(exit)));
        for (key, text) in texts {
            table[*key] = Item::Value(literal(text));
        }
    }

    /// Writes the file anew.
    pub fn save(&self) {
        std::fs::write(&self.file, self.document.to_string()).unwrap();
    }
}

/// A string as people like to read it in a file: in lines where it has lines, without escapes where it can.
fn literal(text: &str) -> Value {
    let plain = |c: char| c == '\n' || !c.is_control();
    if text.contains('\n') && text.chars().all(plain) && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''").parse().unwrap();
    }
    Value::from(text)
}

fn step(table: &dyn TableLike) -> Result<Step, String> {
    known(table, &STEP_KEYS)?;
    let words = |key: &str| -> Result<Option<Vec<String>>, String> {
        let Some(item) = table.get(key) else { return Ok(None) };
        let array = item.as_array().ok_or(format!("'{key}' is not a list"))?;
        let word =
            |value: &Value| value.as_str().map(str::to_owned).ok_or(format!("'{key}' holds no string"));
        array.iter().map(word).collect::<Result<_, _>>().map(Some)
    };
    let what = match (words("args")?, words("drop_in")?, text_of(table, "shell")?) {
        (arguments, None, None) => {
            What::Command(arguments.unwrap_or_else(|| vec!["install".into(), "<manifest>".into()]))
        }
        (None, Some(arguments), None) => What::DropIn(arguments),
        (None, None, Some(script)) => What::Shell(script),
        _ => return Err("a step has one of args, drop_in and shell".into()),
    };
    let manifest = match (text_of(table, "manifest")?, text_of(table, "raw_manifest")?) {
        (Some(text), None) => Some(manifest::filled_in(&text)?),
        (None, raw) => raw.map(|text| manifest::with_placeholders(&text)),
        _ => return Err("a step has one of manifest and raw_manifest".into()),
    };
    let umask = text_of(table, "umask")?.unwrap_or_else(|| "022".into());
    let mut environment = BTreeMap::from([("HOME".to_owned(), "/var/empty".to_owned())]);
    if let Some(item) = table.get("env") {
        let set = item.as_table_like().ok_or("'env' is not a table")?;
        for (key, value) in set.iter() {
            environment.insert(key.to_owned(), value.as_str().ok_or("'env' holds no string")?.to_owned());
        }
    }
    Ok(Step {
        before: text_of(table, "before")?,
        manifest,
        what,
        environment,
        umask: u32::from_str_radix(&umask, 8).map_err(|_| "'umask' is not octal")?,
        uid: number_of(table, "uid")?.unwrap_or(0).try_into().map_err(|_| "'uid' is too large")?,
        stdin: text_of(table, "stdin")?.unwrap_or_default(),
        parallel: number_of(table, "parallel")?.unwrap_or(1).try_into().map_err(|_| "'parallel'")?,
        exit: number_of(table, "exit")?.map(|code| i32::try_from(code).unwrap_or(-1)),
        stdout: text_of(table, "stdout")?,
        stderr: text_of(table, "stderr")?,
        tree: text_of(table, "tree")?,
        unchanged: table.get("unchanged").is_some_and(|item| item.as_bool() == Some(true)),
    })
}

fn known(table: &dyn TableLike, keys: &[&str]) -> Result<(), String> {
    match table.iter().find(|(key, _)| !keys.contains(key)) {
        Some((key, _)) => Err(format!("key '{key}' is unknown")),
        None => Ok(()),
    }
}

fn text_of(table: &dyn TableLike, key: &str) -> Result<Option<String>, String> {
    let text = |item: &Item| item.as_str().map(str::to_owned).ok_or(format!("'{key}' is not a string"));
    table.get(key).map(text).transpose()
}

fn number_of(table: &dyn TableLike, key: &str) -> Result<Option<i64>, String> {
    table.get(key).map(|item| item.as_integer().ok_or(format!("'{key}' is not a number"))).transpose()
}

/// A command line of the drop-in: its arguments, and what is said by the environment there.
pub struct DropIn {
    pub arguments: Vec<String>,
    pub dry: bool,
}

/// The same command for the drop-in, if it has it.
pub fn translated(arguments: &[String]) -> Option<DropIn> {
    let (command, rest) = arguments.split_first()?;
    let mut translated = DropIn { arguments: Vec::new(), dry: false };
    let mut check_mode = if command == "check" { Some("sopsfile") } else { None };
    for argument in rest {
        match (command.as_str(), argument.as_str()) {
            ("install", "--dry-run") => translated.dry = true,
            ("install", "--ignore-passwd") => translated.arguments.push("-ignore-passwd".into()),
            ("check", "--level=manifest") => check_mode = Some("manifest"),
            ("check", "--level=sopsfile") => {}
            ("install" | "check", other) if !other.starts_with('-') => {
                translated.arguments.push(other.to_owned());
            }
            _ => return None,
        }
    }
    // Wrong usage is told in other words.
    if rest.iter().filter(|argument| !argument.starts_with('-')).count() != 1 {
        return None;
    }
    if let Some(mode) = check_mode {
        translated.arguments.insert(0, format!("-check-mode={mode}"));
    }
    matches!(command.as_str(), "install" | "check").then_some(translated)
}
