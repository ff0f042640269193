//! Key files that the real tools write.

use sops_activate::keys::{Keyring, convert_public, recipients_of};

use crate::tools::{Dir, age, run};

fn recipients(keyring: &Keyring) -> Vec<&str> {
    keyring.public().iter().map(|public| public.recipient.as_str()).collect()
}

#[test]
fn age_keygen_and_we_agree_on_the_recipient() {
    let dir = Dir::new();
    let recipient = dir.age_keygen("key");
    assert_eq!(recipients(&dir.age_keyring("key")), [&recipient]);
    assert_eq!(recipients_of(&dir.read("key")).unwrap().found, [recipient]);
}

#[test]
fn an_ssh_key_gives_both_recipients() {
    let dir = Dir::new();
    for round in 0..20 {
        let name = format!("key{round}");
        dir.ssh_keygen(&name, "-t ed25519");
        let public = dir.text(&format!("{name}.pub"));
        let keyring = dir.ssh_keyring(&name);
        let converted = convert_public(&public).unwrap();
        assert_eq!(
            recipients(&keyring),
            [converted.as_str(), public.trim().strip_suffix(" root@host").unwrap()]
        );
        assert_eq!(recipients_of(public.as_bytes()).unwrap().found, [&*converted]);
        assert_eq!(recipients_of(&dir.read(&name)).unwrap().found, [converted]);
    }
}

#[test]
fn the_output_of_ssh_keyscan_is_read() {
    let dir = Dir::new();
    dir.ssh_keygen("one", "-t ed25519");
    dir.ssh_keygen("two", "-t ed25519");
    dir.ssh_keygen("rsa", "-t rsa -b 2048");
    let (one, two) = (dir.text("one.pub"), dir.text("two.pub"));
    let scan = format!("# a:22 SSH-2.0\na {}a,10.0.0.1 {one}\n[b]:2222 {two}", dir.text("rsa.pub"));
    let recipients = recipients_of(scan.as_bytes()).unwrap();
    assert_eq!(recipients.found, [convert_public(&one).unwrap(), convert_public(&two).unwrap()]);
    assert_eq!(recipients.skipped.len(), 1);
}

#[test]
fn keys_that_are_of_no_use_say_why() {
    let rsa = if cfg!(feature = "ssh-rsa") { "protected by a passphrase" } else { "is an RSA key" };
    let cases = [
        ("-t ed25519 -N secret", "is protected by a passphrase"),
        ("-t rsa -b 2048 -N secret", rsa),
        ("-t rsa -b 2048 -m PEM -N secret", rsa),
        ("-t rsa -b 2048 -m PKCS8", "is in PKCS#8 format"),
        ("-t rsa -b 2048 -m PKCS8 -N secret", "is protected by a passphrase"),
        ("-t ecdsa", "is an ECDSA key"),
        ("-t ecdsa -m PEM", "is an ECDSA key"),
    ];
    let dir = Dir::new();
    for (number, (options, reason)) in cases.into_iter().enumerate() {
        let name = format!("key{number}");
        dir.ssh_keygen(&name, options);
        for (name, reason) in [(name.clone(), reason), (format!("{name}.pub"), "is a public key")] {
            let keyring = dir.ssh_keyring(&name);
            assert_eq!(keyring.public(), [], "{options}");
            assert!(
                keyring.unusable()[0].reason.contains(reason),
                "{options}: {}",
                keyring.unusable()[0].reason
            );
        }
    }
}

#[test]
fn the_hint_for_a_protected_key_works() {
    let dir = Dir::new();
    dir.ssh_keygen("key", "-t ed25519 -N secret");
    assert!(dir.ssh_keyring("key").unusable()[0].reason.contains("`ssh-keygen -p -N '' -f FILE`"));
    run("ssh-keygen", &["-p", "-P", "secret", "-N", "", "-f", dir.file("key").to_str().unwrap()], b"");
    let converted = convert_public(&dir.text("key.pub")).unwrap();
    assert_eq!(recipients(&dir.ssh_keyring("key"))[0], converted);
}

#[test]
fn several_sources_stand_side_by_side() {
    let dir = Dir::new();
    let recipient = dir.age_keygen("age");
    dir.ssh_keygen("ssh", "-t ed25519");
    dir.ssh_keygen("bad", "-t ecdsa");
    let mut keyring = dir.ssh_keyring("ssh");
    keyring.add_ssh_key("bad".as_ref(), &dir.read("bad"));
    keyring.add_age_key_file("age".as_ref(), &dir.read("age"));
    keyring.add_unusable("/missing".as_ref(), "No such file or directory");
    assert_eq!((keyring.public().len(), keyring.unusable().len()), (3, 2));
    let (plaintext, by) = keyring.open_age_file(&age(&[], &[&recipient], b"hello")).unwrap();
    assert_eq!((plaintext.expose(), by.source.to_str()), (&b"hello"[..], Some("age")));
}

#[cfg(feature = "ssh-rsa")]
#[test]
fn rsa_keys_open_native_stanzas() {
    let dir = Dir::new();
    for (name, options) in [("a", "-t rsa -b 2048"), ("b", "-t rsa -b 3072 -m PEM")] {
        dir.ssh_keygen(name, options);
        let public = dir.text(&format!("{name}.pub"));
        let keyring = dir.ssh_keyring(name);
        assert_eq!(keyring.unusable(), []);
        assert_eq!(recipients(&keyring), [public.trim().strip_suffix(" root@host").unwrap()]);
        let (plaintext, by) = keyring.open_age_file(&age(&[], &[&public], b"hello")).unwrap();
        assert_eq!((plaintext.expose(), &by), (&b"hello"[..], &keyring.public()[0]));
    }
}

#[cfg(feature = "ssh-rsa")]
#[test]
fn a_damaged_rsa_key_never_panics_and_never_opens_as_something_else() {
    let dir = Dir::new();
    dir.ssh_keygen("key", "-t rsa -b 2048");
    let key = dir.read("key");
    let file = age(&[], &[&dir.text("key.pub")], b"hello");
    let check = |content: &[u8]| {
        let mut keyring = Keyring::new();
        keyring.add_ssh_key("key".as_ref(), content);
        assert_eq!(keyring.public().is_empty(), keyring.unusable().len() == 1);
        assert!(keyring.open_age_file(&file).map_or(true, |(plaintext, _)| plaintext.expose() == b"hello"));
    };
    for at in 0..key.len() {
        let mut changed = key.clone();
        changed[at] ^= 1 << (at % 7);
        check(&changed);
        check(&key[..at]);
    }
}
