//! The sops block of a file: who can open it, which leaves are encrypted, and the MAC.

/// What the sops block says, checked.
pub struct Metadata {
    /// Time of the last change in the exact text that is the MAC's additional data (RFC 3339, whole seconds).
    pub last_modified: String,
    /// The encrypted MAC, `ENC[…]`. May be empty in a damaged file, which then never opens.
    pub mac: String,
    /// The sops version that wrote the file, as it stands there; not used to decide anything.
    pub version: String,
    /// Whether only encrypted values count for the MAC.
    pub mac_only_encrypted: bool,
    /// The wrapped data keys. One group: any entry gives the data key. Several: Shamir parts.
    pub key_groups: Vec<KeyGroup>,
    /// How many groups are needed, as the file says.
    pub shamir_threshold: i64,
}

/// The wrapped keys of one group.
#[derive(Default)]
pub struct KeyGroup {
    /// age recipients, each with the data key (or part) encrypted for it.
    pub age: Vec<AgeEntry>,
    /// Fingerprints of PGP recipients.
    pub pgp: Vec<String>,
    /// Other kinds that are present, by their name in the file (`kms`, `gcp_kms`, `azure_kv`, `hc_vault`, …).
    pub other: Vec<&'static str>,
}

/// One entry of an `age` list.
pub struct AgeEntry {
    /// The recipient, as it stands in the file; sops does not check it, so neither may the opener rely on it.
    pub recipient: String,
    /// The armored age file that holds the data key.
    pub enc: String,
}
