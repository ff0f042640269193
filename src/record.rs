//! `N.json`: what a generation is made of, beside the generation itself. No plaintext, no hash of plaintext.
//!
//! `status` reads it; the next run learns from it which links were made.

use std::collections::BTreeMap;

use serde_core::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::units::Requests;

/// The record of one generation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// When the generation was made, seconds since 1970; 0 if another program made it.
    pub time: u64,
    /// Every secret and template, in the order of the manifest.
    pub items: Vec<Item>,
    /// Links outside the generation that are ours.
    pub links: Vec<Link>,
    /// Links that are declared and could not be made.
    pub failed_links: Vec<FailedLink>,
    /// Units that are to be asked to restart or reload, until they have been. A run that dies between the
    /// flip and its requests leaves them here for the next one.
    pub unasked: Requests,
}

/// One secret or template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Path inside the generation: a secret's name, or `rendered/` and a template's name.
    pub inner: String,
    /// The file it came from; `None` for a template that stands in the manifest.
    pub file: Option<String>,
    /// The file's format (`yaml`, …, `age`), or `template`.
    pub format: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The recipient of the identity that opened it.
    pub identity: Option<String>,
    /// Why it is stale or missing.
    pub reason: Option<String>,
}

/// What became of a secret or template in a generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As declared.
    Fresh,
    /// It failed; the copy of the generation before was kept.
    Stale,
    /// It failed and there was no copy to keep.
    Missing,
}

/// A link at a declared path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Where it is.
    pub path: String,
    /// What it points to.
    pub target: String,
    /// The owner of the link, whom the directories on the way may belong to.
    pub uid: u32,
}

/// A link at a declared path that could not be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedLink {
    /// Where it should be.
    pub path: String,
    /// Why it is not there.
    pub reason: String,
}

impl Outcome {
    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Fresh, Self::Stale, Self::Missing].into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl Record {
    /// The record as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Only a map with keys that are no strings could fail; there is none. An empty record reads as none.
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads a record. A record that is not whole is treated as absent by the caller, never as empty:
    /// it may be of a version to come.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        if value.get("schema")?.as_u64()? != 1 {
            return None;
        }
        let items = value.get("items")?.as_array()?.iter().map(item).collect::<Option<_>>()?;
        let links = value.get("links")?.as_array()?.iter().map(link).collect::<Option<_>>()?;
        // Records of earlier versions have none.
        let failed_links = value.get("failedLinks").map_or(Some(Vec::new()), |list| {
            list.as_array()?.iter().map(failed_link).collect::<Option<_>>()
        })?;
        let unasked = value.get("unasked")?;
        let unasked =
            Requests { restart: units(unasked.get("restart")?)?, reload: units(unasked.get("reload")?)? };
        Some(Self { time: value.get("time")?.as_u64()?, items, links, failed_links, unasked })
    }

    /// Whether two records say the same, whenever they were made.
    #[must_use]
    pub fn same_state(&self, other: &Self) -> bool {
        self.items == other.items
            && self.links == other.links
            && self.failed_links == other.failed_links
            && self.unasked == other.unasked
    }
}

// Written straight into the text: a tree of a thousand items takes longer than all their files.
impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", &1)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("items", &self.items)?;
        map.serialize_entry("links", &self.links)?;
        map.serialize_entry("failedLinks", &self.failed_links)?;
        let unasked = [("restart", &self.unasked.restart), ("reload", &self.unasked.reload)];
        map.serialize_entry("unasked", &BTreeMap::from(unasked))?;
        map.end()
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.inner)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("format", &self.format)?;
        map.serialize_entry("outcome", self.outcome.as_str())?;
        map.serialize_entry("identity", &self.identity)?;
        map.serialize_entry("reason", &self.reason)?;
        map.end()
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("target", &self.target)?;
        map.serialize_entry("uid", &self.uid)?;
        map.end()
    }
}

impl Serialize for FailedLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("reason", &self.reason)?;
        map.end()
    }
}

fn item(value: &Value) -> Option<Item> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Item {
        inner: text("name")?,
        file: text("file"),
        format: text("format")?,
        outcome: Outcome::from_word(&text("outcome")?)?,
        identity: text("identity"),
        reason: text("reason"),
    })
}

fn link(value: &Value) -> Option<Link> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let uid = u32::try_from(value.get("uid")?.as_u64()?).ok()?;
    Some(Link { path: text("path")?, target: text("target")?, uid })
}

fn failed_link(value: &Value) -> Option<FailedLink> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(FailedLink { path: text("path")?, reason: text("reason")? })
}

fn units(value: &Value) -> Option<BTreeMap<String, Vec<String>>> {
    let names = |value: &Value| {
        value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    };
    value.as_object()?.iter().map(|(unit, causes)| Some((unit.clone(), names(causes)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_writing_and_reading() {
        let record = Record {
            time: 1_700_000_000,
            items: vec![Item {
                inner: "wifi/psk".into(),
                file: Some("/nix/store/x".into()),
                format: "binary".into(),
                outcome: Outcome::Stale,
                identity: None,
                reason: Some("the MAC does not match".into()),
            }],
            links: vec![Link { path: "/etc/psk".into(), target: "/run/secrets/wifi/psk".into(), uid: 0 }],
            failed_links: vec![FailedLink { path: "/srv/psk".into(), reason: "it is full".into() }],
            unasked: Requests {
                restart: BTreeMap::from([("a.service".into(), vec!["wifi/psk".into()])]),
                reload: BTreeMap::new(),
            },
        };
        assert_eq!(Record::from_json(&record.to_json()), Some(record));
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_failed_links() {
        let old = br#"{"schema":1,"time":7,"items":[],"links":[],"unasked":{"restart":{},"reload":{}}}"#;
        assert_eq!(Record::from_json(old), Some(Record { time: 7, ..Record::default() }));
        let odd = br#"{"schema":1,"time":7,"items":[],"links":[],"failedLinks":[7],"unasked":{"restart":{},"reload":{}}}"#;
        assert_eq!(Record::from_json(odd), None);
    }

    #[test]
    fn a_record_that_is_cut_off_or_foreign_is_none() {
        let whole = Record::default().to_json();
        assert_eq!(Record::from_json(&whole[..whole.len() - 3]), None);
        assert_eq!(Record::from_json(br#"{"schema":2,"time":0,"items":[],"links":[]}"#), None);
        assert_eq!(Record::from_json(br#"{"schema":1,"time":0,"items":[{}],"links":[]}"#), None);
    }
}
