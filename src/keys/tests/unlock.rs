//! Data keys of sops files.

use super::*;
use crate::sops::metadata::KeyGroup;

const KEY: [u8; 32] = [0x5a; 32];

pub(super) fn entry(recipient: impl Into<String>, enc: impl Into<String>) -> AgeEntry {
    AgeEntry { recipient: recipient.into(), enc: enc.into() }
}

pub(super) fn wrapped(recipients: &[&dyn ::age::Recipient]) -> String {
    armored(&encrypt(&KEY, recipients))
}

fn metadata(key_groups: Vec<KeyGroup>) -> Metadata {
    Metadata {
        last_modified: "2026-01-02T03:04:05Z".into(),
        mac: String::new(),
        version: "3.11.0".into(),
        mac_only_encrypted: false,
        key_groups,
        shamir_threshold: 0,
    }
}

pub(super) fn of_age(age: Vec<AgeEntry>) -> Metadata {
    metadata(vec![KeyGroup { age, ..KeyGroup::default() }])
}

#[track_caller]
fn opens(metadata: &Metadata) {
    let unlocked = host().unlock(metadata).unwrap();
    assert_eq!(*unlocked.key.expose(), KEY);
    assert_eq!(unlocked.by.recipient, RECIPIENT);
}

#[track_caller]
fn locked(metadata: &Metadata) -> Locked {
    host().unlock(metadata).err().expect("the file was opened")
}

#[test]
fn our_entry_is_found_among_others() {
    let foreign = || entry(somebody().to_string(), wrapped(&[&somebody()]));
    opens(&of_age(vec![entry(RECIPIENT, wrapped(&[&ours()]))]));
    opens(&of_age(vec![foreign(), foreign(), entry(RECIPIENT, wrapped(&[&ours()])), foreign()]));
}

#[test]
fn the_name_of_a_recipient_is_not_trusted() {
    let mislabelled = entry(somebody().to_string(), wrapped(&[&ours()]));
    opens(&of_age(vec![entry(RECIPIENT, wrapped(&[&somebody()])), mislabelled]));
    opens(&of_age(vec![entry(RECIPIENT, "junk"), entry("garbage \u{1b}[2J", wrapped(&[&ours()]))]));
    opens(&of_age(vec![entry(format!("{SSH_RECIPIENT} root@host"), wrapped(&[&ours()]))]));
}

#[test]
fn layouts_that_sops_takes_are_taken() {
    let enc = wrapped(&[&ours()]);
    opens(&of_age(vec![entry(RECIPIENT, format!("\n\n  \n{enc}\n \n"))]));
    opens(&of_age(vec![entry(RECIPIENT, enc.replace('\n', "\r\n"))]));
    opens(&of_age(vec![entry(RECIPIENT, wrapped(&[&somebody(), &ours()]))]));
}

#[test]
fn nobody_of_us_is_told_with_all_recipients() {
    let (one, two) = (somebody(), somebody());
    let group = KeyGroup {
        age: vec![entry(one.to_string(), wrapped(&[&one])), entry(two.to_string(), wrapped(&[&two]))],
        pgp: vec!["85D77543B3D624B63CEA9E6DBC17301B491B3F21".into()],
        other: vec!["kms"],
    };
    let locked = locked(&metadata(vec![group]));
    assert_eq!(locked.reason, "none of this machine's keys can open it");
    let pgp = "PGP 85D77543B3D624B63CEA9E6DBC17301B491B3F21";
    assert_eq!(locked.encrypted_for, [&one.to_string(), &two.to_string(), pgp, "kms"]);
    assert_eq!(locked.details, [format!("{pgp}: not supported yet"), "kms: not supported yet".into()]);
    assert!(!locked.ours_but_broken && !locked.unsupported);
}

#[test]
fn a_keyring_without_keys_says_so() {
    let locked = Keyring::new().unlock(&of_age(vec![entry(RECIPIENT, wrapped(&[&ours()]))])).err().unwrap();
    assert_eq!(locked.reason, "this machine has no usable age key to open it");
    assert_eq!(locked.encrypted_for, [RECIPIENT]);
}

#[test]
fn an_entry_that_is_ours_and_broken_is_told_apart() {
    let short = armored(&encrypt(&KEY[..31], &[&ours()]));
    let empty = armored(&encrypt(b"", &[&ours()]));
    let long = armored(&encrypt(&[1; 33], &[&ours()]));
    let not_32 = "it does not hold a data key of 32 bytes";
    let cases = [
        (short, not_32),
        (empty, not_32),
        (long, not_32),
        (String::new(), "it is empty"),
        (String::from_utf8_lossy(&encrypt(&KEY, &[&ours()])).into(), "it is an age file without armor"),
        (wrapped(&[&somebody()]), "names this machine's key, which does not open it"),
        ("-----BEGIN PGP MESSAGE-----\n\nx\n".into(), "it is a PGP message"),
        ("x".repeat(64 * 1024 + 1), "it is longer than 64 KiB"),
    ];
    for (enc, reason) in cases {
        let locked = locked(&of_age(vec![entry(RECIPIENT, enc)]));
        assert!(locked.ours_but_broken, "{reason}");
        assert!(locked.reason.contains(RECIPIENT) && locked.reason.contains(reason), "{}", locked.reason);
        assert_eq!(locked.details, [""; 0]);
    }
}

#[test]
fn every_broken_entry_of_ours_is_told() {
    let locked = locked(&of_age(vec![
        entry(RECIPIENT, ""),
        entry("age1else", "x"),
        entry(format!("{SSH_RECIPIENT} root@host"), "y"),
    ]));
    assert!(locked.ours_but_broken && locked.reason.contains(RECIPIENT));
    let [second, other] = &locked.details[..] else { panic!("{:?}", locked.details) };
    assert!(second.contains(SSH_RECIPIENT) && other.contains("age1else"));
}

#[test]
fn a_broken_entry_of_ours_under_another_name_is_told() {
    let locked = locked(&of_age(vec![entry("age1else", armored(&encrypt(&KEY[..31], &[&ours()])))]));
    assert!(locked.ours_but_broken);
    assert!(locked.reason.contains("age1else is damaged: it does not hold a data key"), "{}", locked.reason);
}

#[test]
fn a_broken_entry_for_somebody_else_is_a_detail() {
    let locked = locked(&of_age(vec![entry("age1else", "x")]));
    assert_eq!(locked.reason, "none of this machine's keys can open it");
    let detail = "age1else: it does not start with '-----BEGIN AGE ENCRYPTED FILE-----'";
    assert_eq!(locked.details, [detail]);
    assert!(!locked.ours_but_broken);
}

#[test]
fn kinds_that_are_not_supported_are_named() {
    let post_quantum = Crafted(|_: &FileKey| vec![foreign_stanza("mlkem768x25519", &["x"], 32)]);
    let pq = locked(&of_age(vec![entry(format!("age1pq1{}", "q".repeat(1900)), wrapped(&[&post_quantum]))]));
    assert_eq!(pq.reason, "it cannot be opened: post-quantum recipients are not supported yet");
    assert_eq!(pq.encrypted_for, [format!("age1pq1{}…", "q".repeat(93))]);
    assert!(pq.unsupported && pq.details.is_empty());
    let unlabelled = locked(&of_age(vec![entry("x", wrapped(&[&post_quantum]))]));
    assert!(unlabelled.unsupported);
    let plugin = Crafted(|_: &FileKey| vec![foreign_stanza("tpm", &["x"], 32)]);
    let plugin = locked(&of_age(vec![entry("age1tpm1qqqq", wrapped(&[&plugin]))]));
    assert_eq!(
        plugin.reason,
        "it cannot be opened: it takes an age plugin, and there is no key of one that may be started"
    );
    let secret = locked(&of_age(vec![entry("age1else", wrapped(&[&passphrase()]))]));
    assert_eq!(secret.reason, "it cannot be opened: it is encrypted with a passphrase");
    let beside =
        vec![entry("age1pq1q", wrapped(&[&post_quantum])), entry("age1else", wrapped(&[&somebody()]))];
    let beside = locked(&of_age(beside));
    assert_eq!(beside.reason, "none of this machine's keys can open it");
    assert_eq!(beside.details, ["age1pq1q: post-quantum recipients are not supported yet"]);
}

#[test]
fn files_without_age_recipients_are_named() {
    let pgp = KeyGroup { pgp: vec!["ABCD".into()], ..KeyGroup::default() };
    let locked_pgp = locked(&metadata(vec![pgp]));
    assert_eq!(locked_pgp.reason, "it is encrypted only for PGP ABCD, which is not supported yet");
    assert!(locked_pgp.unsupported && locked_pgp.details.is_empty());
    let kms = KeyGroup { other: vec!["kms", "hc_vault"], ..KeyGroup::default() };
    assert_eq!(
        locked(&metadata(vec![kms])).reason,
        "it is encrypted only for kms, hc_vault, which is not supported yet"
    );
    for nobody in [vec![], vec![KeyGroup::default()]] {
        assert_eq!(locked(&metadata(nobody)).reason, "it names no recipient at all");
    }
}

#[test]
fn split_keys_are_named() {
    let group = || KeyGroup { age: vec![entry(RECIPIENT, wrapped(&[&ours()]))], ..KeyGroup::default() };
    let locked = locked(&metadata(vec![group(), group(), group()]));
    assert_eq!(locked.reason, "its key is split over 3 key groups (Shamir), which is not supported yet");
    assert_eq!(locked.encrypted_for, [RECIPIENT; 3]);
    assert!(locked.unsupported);
}

#[test]
fn what_a_file_says_is_fit_to_be_printed() {
    let hostile = format!("age1\u{1b}[2J\n<0>fake\u{202e}{}", "x".repeat(10_000));
    let many = (0..10_000).map(|_| entry(hostile.clone(), "x")).collect();
    let locked = locked(&of_age(many));
    let lists = [&locked.encrypted_for, &locked.details];
    for text in lists.into_iter().flatten() {
        assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
        assert!(text.len() < 300);
    }
    assert!(lists.iter().all(|list| list.len() == 51));
}

#[test]
fn threads_share_a_keyring() {
    let keyring = host();
    let metadata = of_age(vec![entry(RECIPIENT, wrapped(&[&ours()]))]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..20).for_each(|_| assert_eq!(*keyring.unlock(&metadata).unwrap().key.expose(), KEY));
            });
        }
    });
}

#[test]
fn a_data_key_of_another_length_is_refused() {
    for length in [0, 16, 24, 31, 33] {
        let enc = armored(&encrypt(&vec![0x5a; length], &[&ours()]));
        let locked = locked(&of_age(vec![entry(RECIPIENT, enc)]));
        assert!(locked.ours_but_broken, "{length}");
        assert!(locked.reason.ends_with("it does not hold a data key of 32 bytes"), "{}", locked.reason);
    }
}
