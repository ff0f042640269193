//! Files that the real age writes.

use sops_activate::keys::Keyring;
use sops_activate::sops::metadata::{AgeEntry, KeyGroup, Metadata};

use crate::tools::{Dir, age, output};

/// Sizes around age's chunks of 64 KiB.
const SIZES: [usize; 8] = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 1_048_576];

fn plaintext(length: usize) -> Vec<u8> {
    (0..251).cycle().take(length).collect()
}

#[track_caller]
fn opens(keyring: &Keyring, file: &[u8], expected: &[u8], recipient: &str) {
    let (plaintext, by) = keyring.open_age_file(file).map_err(|locked| locked.reason).unwrap();
    assert!(plaintext.expose() == expected);
    assert_eq!(by.recipient, recipient);
}

#[test]
fn x25519_files_of_every_size_open() {
    let dir = Dir::new();
    let recipient = dir.age_keygen("key");
    let keyring = dir.age_keyring("key");
    for length in SIZES {
        let expected = plaintext(length);
        for options in [&[][..], &["-a"]] {
            opens(&keyring, &age(options, &[&recipient], &expected), &expected, &recipient);
        }
    }
}

#[test]
fn native_ssh_files_of_every_size_open() {
    let dir = Dir::new();
    dir.ssh_keygen("key", "-t ed25519");
    let public = dir.text("key.pub");
    let keyring = dir.ssh_keyring("key");
    for length in SIZES {
        let expected = plaintext(length);
        for options in [&[][..], &["-a"]] {
            let file = age(options, &[&public], &expected);
            opens(&keyring, &file, &expected, &keyring.public()[1].recipient);
        }
    }
}

#[test]
fn both_identities_of_an_ssh_key_open() {
    let dir = Dir::new();
    for round in 0..20 {
        let name = format!("key{round}");
        dir.ssh_keygen(&name, "-t ed25519");
        let keyring = dir.ssh_keyring(&name);
        for public in keyring.public() {
            opens(&keyring, &age(&[], &[&public.recipient], b"hello"), b"hello", &public.recipient);
        }
    }
}

#[test]
fn any_of_several_recipients_opens() {
    let dir = Dir::new();
    dir.ssh_keygen("ssh", "-t ed25519");
    dir.ssh_keygen("other-ssh", "-t ed25519");
    dir.ssh_keygen("rsa", "-t rsa -b 2048");
    let [one, two] = ["one", "two"].map(|name| dir.age_keygen(name));
    let (ssh, other_ssh, rsa) = (dir.text("ssh.pub"), dir.text("other-ssh.pub"), dir.text("rsa.pub"));
    let file = age(&[], &[&rsa, &other_ssh, &one, &ssh, &two], b"hello");
    opens(&dir.age_keyring("two"), &file, b"hello", &two);
    let keyring = dir.ssh_keyring("ssh");
    opens(&keyring, &file, b"hello", &keyring.public()[1].recipient);
    dir.age_keygen("stranger");
    let locked = dir.age_keyring("stranger").open_age_file(&file).err().unwrap();
    assert_eq!(locked.reason, "none of this machine's keys can open it");
    assert_eq!(locked.encrypted_for.len(), 5);
}

#[test]
fn a_native_ssh_file_with_any_bit_changed_never_opens() {
    let dir = Dir::new();
    dir.ssh_keygen("key", "-t ed25519");
    let file = age(&[], &[&dir.text("key.pub")], b"hello");
    let keyring = dir.ssh_keyring("key");
    for at in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(keyring.open_age_file(&changed).is_err(), "bit {at}");
    }
    for length in 0..file.len() {
        assert!(keyring.open_age_file(&file[..length]).is_err(), "length {length}");
    }
}

#[test]
fn a_payload_cut_off_or_with_chunks_out_of_order_gives_nothing() {
    let dir = Dir::new();
    let recipient = dir.age_keygen("key");
    let keyring = dir.age_keyring("key");
    let file = age(&[], &[&recipient], &plaintext(3 * 65_536));
    let payload = file.len() - 3 * (65_536 + 16);
    let chunk = |number: usize| &file[payload + number * 65_552..][..65_552];
    let with = |chunks: &[usize]| {
        let mut changed = file[..payload].to_vec();
        for number in chunks {
            changed.extend_from_slice(chunk(*number));
        }
        changed
    };
    opens(&keyring, &with(&[0, 1, 2]), &plaintext(3 * 65_536), &recipient);
    for order in [&[][..], &[0], &[0, 1], &[0, 2], &[1, 0, 2], &[0, 1, 2, 2], &[0, 0, 1, 2], &[2]] {
        let locked = keyring.open_age_file(&with(order)).err().unwrap();
        assert_eq!(locked.reason, "its payload is damaged or cut off");
    }
}

#[test]
fn a_data_key_is_unwrapped_by_either_identity() {
    let dir = Dir::new();
    dir.ssh_keygen("key", "-t ed25519");
    let stranger = dir.age_keygen("stranger");
    let keyring = dir.ssh_keyring("key");
    let key = plaintext(32);
    let entry = |recipient: &str| AgeEntry {
        recipient: recipient.to_owned(),
        enc: String::from_utf8(age(&["-a"], &[recipient], &key)).unwrap(),
    };
    for public in keyring.public() {
        let group = KeyGroup { age: vec![entry(&stranger), entry(&public.recipient)], ..KeyGroup::default() };
        let metadata = Metadata {
            last_modified: String::new(),
            mac: String::new(),
            version: String::new(),
            mac_only_encrypted: false,
            key_groups: vec![group],
            shamir_threshold: 0,
        };
        let unlocked = keyring.unlock(&metadata).map_err(|locked| locked.reason).unwrap();
        assert_eq!(unlocked.key.expose(), &key[..]);
        assert_eq!(unlocked.by, *public);
        assert_eq!(
            dir.age_keyring("stranger").unlock(&metadata).map(|unlocked| unlocked.by.recipient).ok(),
            Some(stranger.clone())
        );
    }
}

#[test]
fn what_we_call_malformed_the_real_age_refuses_too() {
    let dir = Dir::new();
    let recipient = dir.age_keygen("key");
    let text = String::from_utf8(age(&["-a"], &[&recipient], b"hello")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let key_file = dir.file("key");
    let cases = [
        (text.clone(), true),
        (text.replace('\n', "\r\n"), true),
        (format!("{text}\n  \n"), true),
        (text.trim_end().to_owned(), true),
        (format!(" {text}"), false),
        (format!("{text}x"), false),
        (text.replace(lines[1], &lines[1][..60]), false),
        (text.replace(lines[1], &format!("{}\n", lines[1])), false),
        (text.replace(lines[1], &format!("{}A", lines[1])), false),
        (text.replace(lines[lines.len() - 1], ""), false),
    ];
    for (text, good) in cases {
        let file = dir.file("file");
        std::fs::write(&file, &text).unwrap();
        let arguments = ["-d", "-i", key_file.to_str().unwrap(), file.to_str().unwrap()];
        let real = output("age", &arguments, b"");
        assert_eq!(real.status.success(), good, "the real age and {text:?}");
        assert_eq!(dir.age_keyring("key").open_age_file(text.as_bytes()).is_ok(), good, "{text:?}");
    }
}
