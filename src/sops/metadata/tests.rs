use super::super::json;
use super::*;

const TIME: &str = r#""lastmodified":"2026-01-02T03:04:05.5+00:00""#;
const AGE: &str = r#""age":[{"recipient":"age1x","enc":"armor"}]"#;

fn read_in(dialect: Dialect, fields: &[&str]) -> Result<(Metadata, Rule), Fault> {
    let text = format!("{{{}}}", fields.join(","));
    read(&json::parse(text.as_bytes()).unwrap(), dialect)
}

fn refused(dialect: Dialect, fields: &[&str]) -> String {
    match read_in(dialect, fields) {
        Err(fault) => {
            assert_eq!(fault.kind, FaultKind::Metadata);
            fault.message
        }
        Ok(_) => panic!("accepted: {fields:?}"),
    }
}

#[test]
fn a_plain_block() {
    let fields = [TIME, AGE, r#""mac":"ENC","version":"3.9.0","mac_only_encrypted":true,"unknown":[{}]"#];
    let (metadata, rule) = read_in(Dialect::Json, &fields).unwrap();
    assert_eq!(metadata.last_modified, "2026-01-02T03:04:05Z");
    assert_eq!((metadata.mac.as_str(), metadata.version.as_str()), ("ENC", "3.9.0"));
    assert!(metadata.mac_only_encrypted);
    assert_eq!(metadata.key_groups.len(), 1);
    assert_eq!(metadata.key_groups[0].age[0].recipient, "age1x");
    assert_eq!(metadata.key_groups[0].age[0].enc, "armor");
    assert!(matches!(rule, Rule::UnencryptedSuffix(suffix) if suffix == b"_unencrypted"));
}

#[test]
fn all_kinds_of_keys_are_seen() {
    let created = r#"[{"created_at":"2026-01-02T03:04:05Z","fp":"ABCD","enc":"x"}]"#;
    let fields =
        [TIME, &format!("\"pgp\":{created},\"kms\":{created},\"hc_vault\":{created},\"azure_kv\":[]")];
    let (metadata, _) = read_in(Dialect::Json, &fields).unwrap();
    assert_eq!(metadata.key_groups[0].pgp, ["ABCD"]);
    assert_eq!(metadata.key_groups[0].other, ["kms", "hc_vault"]);
}

#[test]
fn key_groups_count_only_without_keys_at_the_top() {
    let groups =
        r#""key_groups":[{"age":[{"enc":"a"}]},{"hc_vault":[],"age":[{"enc":"b"}]}],"shamir_threshold":2"#;
    let (metadata, _) = read_in(Dialect::Json, &[TIME, groups]).unwrap();
    assert_eq!((metadata.key_groups.len(), metadata.shamir_threshold), (2, 2));
    let (metadata, _) = read_in(Dialect::Json, &[TIME, groups, AGE]).unwrap();
    assert_eq!(metadata.key_groups.len(), 1);
}

#[test]
fn each_rule_is_read_and_two_are_refused() {
    let rule = |field: &str| read_in(Dialect::Json, &[TIME, AGE, field]).map(|(_, rule)| format!("{rule:?}"));
    for (field, variant) in [
        (r#""unencrypted_suffix":"_p""#, "UnencryptedSuffix"),
        (r#""encrypted_suffix":"_p""#, "EncryptedSuffix"),
        (r#""unencrypted_regex":"^p""#, "UnencryptedRegex"),
        (r#""encrypted_regex":"^p""#, "EncryptedRegex"),
        (r#""unencrypted_comment_regex":"p""#, "UnencryptedCommentRegex"),
        (
            r#""encrypted_comment_regex":"p","encrypted_regex":"","encrypted_suffix":null"#,
            "EncryptedCommentRegex",
        ),
    ] {
        assert!(rule(field).unwrap().starts_with(variant), "{field}");
    }
    assert!(rule(r#""encrypted_regex":"(""#).is_ok());
    let message = refused(Dialect::Json, &[TIME, AGE, r#""encrypted_regex":"\\pL""#]);
    assert!(message.contains(r"encrypted_regex '\pL' is not supported"), "{message}");
    refused(Dialect::Json, &[TIME, AGE, r#""encrypted_regex":"a","encrypted_suffix":"b""#]);
}

#[test]
fn wrong_types_and_missing_fields_are_named() {
    for (fields, message) in [
        (&[AGE][..], "sops.lastmodified is missing"),
        (&[AGE, r#""lastmodified":"yesterday""#], "sops.lastmodified is not a time (RFC 3339)"),
        (&[TIME], "the sops block names no keys"),
        (&[TIME, r#""age":[],"key_groups":[]"#], "the sops block names no keys"),
        (&[TIME, r#""age":{}"#], "sops.age is not a list"),
        (&[TIME, r#""age":["x"]"#], "sops.age.0 is not a map"),
        (&[TIME, r#""age":[{"enc":[]}]"#], "sops.age.0.enc is not a string"),
        (
            &[TIME, r#""key_groups":[{"age":[{},{"recipient":1}]}]"#],
            "sops.key_groups.0.age.1.recipient is not a string",
        ),
        (&[TIME, r#""pgp":[{"fp":"x"}]"#], "sops.pgp.0.created_at is missing"),
        (&[TIME, r#""kms":[{"created_at":"x"}]"#], "sops.kms.0.created_at is not a time (RFC 3339)"),
        (&[TIME, AGE, r#""mac":{}"#], "sops.mac is not a string"),
        (&[TIME, AGE, r#""version":3"#], "sops.version is not a string"),
        (&[TIME, AGE, r#""mac_only_encrypted":"true""#], "sops.mac_only_encrypted is not true or false"),
        (&[TIME, AGE, r#""shamir_threshold":"2""#], "sops.shamir_threshold is not a whole number"),
        (&[TIME, AGE, r#""shamir_threshold":2.5"#], "sops.shamir_threshold is not a whole number"),
    ] {
        assert_eq!(refused(Dialect::Json, fields), message);
    }
}

#[test]
fn yaml_takes_any_scalar_for_a_string_and_flat_formats_strings_for_all() {
    let (metadata, _) = read_in(Dialect::Yaml, &[TIME, AGE, r#""version":3.5,"mac":true"#]).unwrap();
    assert_eq!((metadata.version.as_str(), metadata.mac.as_str()), ("3.5", "true"));
    for (threshold, wanted) in [("2", 2), ("2.0", 2), ("-1", -1)] {
        let field = format!("\"shamir_threshold\":\"{threshold}\",\"mac_only_encrypted\":\"true\"");
        let (metadata, _) = read_in(Dialect::Flat, &[TIME, AGE, &field]).unwrap();
        assert_eq!((metadata.shamir_threshold, metadata.mac_only_encrypted), (wanted, true));
    }
    let (metadata, _) = read_in(Dialect::Flat, &[TIME, AGE, r#""mac_only_encrypted":"True""#]).unwrap();
    assert!(!metadata.mac_only_encrypted);
    for threshold in ["x", "", "2.5", "1e30", "nan"] {
        refused(Dialect::Flat, &[TIME, AGE, &format!("\"shamir_threshold\":\"{threshold}\"")]);
    }
}

#[test]
fn a_second_block_is_refused() {
    use crate::sops::{Document, Format};
    for (format, file) in [
        (Format::Json, r#"{"sops":{},"a":"b","sops":{}}"#),
        (Format::Ini, "[sops]\nmac = a\n[a]\nb = c\n[sops]\nmac = a\n"),
        (Format::Dotenv, "a=b\nsops_mac=a\nsops_mac=a\n"),
    ] {
        let fault = Document::parse(file.as_bytes(), format).err().map(|fault| fault.kind);
        assert_eq!(fault, Some(FaultKind::Metadata), "{file}");
    }
}
