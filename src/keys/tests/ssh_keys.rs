//! SSH private keys, good and bad.

use super::*;

fn reason(content: &[u8]) -> String {
    let mut keyring = Keyring::new();
    keyring.add_ssh_key(Path::new("/key"), content);
    assert_eq!(keyring.public(), []);
    let reasons = reasons(&keyring);
    assert_eq!(reasons.len(), 1);
    reasons[0].to_owned()
}

#[track_caller]
fn refused(content: &[u8], part: &str) {
    let reason = reason(content);
    assert!(reason.contains(part), "{reason:?} does not say {part:?}");
}

/// Refuses the good key after `change`, for the reason that holds `part`.
#[track_caller]
fn refused_after(change: impl FnOnce(&mut SshFields), part: &str) {
    let mut fields = SshFields::good();
    change(&mut fields);
    refused(&fields.file(), part);
}

#[test]
fn the_vector_gives_both_recipients() {
    let recipients: Vec<_> = host().public().iter().map(|public| public.recipient.clone()).collect();
    assert_eq!(recipients, [RECIPIENT, SSH_RECIPIENT]);
}

#[test]
fn the_layout_of_the_file_does_not_matter() {
    let file = String::from_utf8(SshFields::good().file()).unwrap();
    let crlf = file.replace('\n', "\r\n");
    let padded = format!("\n  {file}\n\n");
    let unbroken = file.replace('\n', "").replace("KEY-----", "KEY-----\n").replace("-----END", "\n-----END");
    for layout in [crlf, padded, unbroken, file.trim_end().to_owned()] {
        let mut keyring = Keyring::new();
        keyring.add_ssh_key(Path::new("/key"), layout.as_bytes());
        assert_eq!(keyring.public()[0].recipient, RECIPIENT, "{layout}");
    }
}

#[test]
fn keys_of_other_types_are_refused_by_name() {
    let kind =
        |kind: &'static str| move |fields: &mut SshFields| fields.public = wire(&[kind.as_bytes(), b"x"]);
    #[cfg(not(feature = "ssh-rsa"))]
    refused_after(kind("ssh-rsa"), "RSA key");
    refused_after(kind("ssh-dss"), "DSA key");
    refused_after(kind("ecdsa-sha2-nistp256"), "ECDSA key");
    refused_after(kind("sk-ssh-ed25519@openssh.com"), "security token");
    refused_after(kind("ssh-future"), "type that is not known");
    refused_after(|fields| fields.kind = "ecdsa-sha2-nistp256", "ECDSA key");
}

#[test]
fn a_protected_key_is_told_from_a_damaged_one() {
    refused_after(|fields| (fields.cipher, fields.kdf) = ("aes256-ctr", "bcrypt"), "passphrase");
    refused_after(|fields| fields.kdf = "bcrypt", "damaged");
    refused_after(|fields| fields.kdf_options = "x", "damaged");
}

#[test]
fn every_damaged_field_is_found() {
    refused_after(|fields| fields.magic = b"openssh-key-v2\0", "damaged");
    refused_after(|fields| fields.count = 0, "no key");
    refused_after(|fields| fields.count = 2, "several keys");
    refused_after(|fields| fields.count = u32::MAX, "several keys");
    refused_after(|fields| fields.checks.1 = 8, "check numbers");
    refused_after(|fields| fields.padding = vec![1, 2, 4], "padding");
    refused_after(
        |fields| fields.padding = (0..=255).map(|byte: u8| byte.wrapping_add(1)).collect(),
        "padding",
    );
    refused_after(|fields| fields.behind = vec![0], "damaged");
    refused_after(|fields| fields.inner_public[0] ^= 1, "belong together");
    refused_after(|fields| fields.pair[0] ^= 1, "belong together");
    refused_after(|fields| fields.pair[32] ^= 1, "belong together");
    refused_after(|fields| fields.public[20] ^= 1, "belong together");
    refused_after(|fields| fields.pair.truncate(31), "damaged");
    refused_after(|fields| fields.pair.truncate(63), "belong together");
    refused_after(|fields| fields.pair.push(0), "belong together");
    refused_after(|fields| fields.pair.clear(), "damaged");
}

#[test]
fn lengths_that_point_outside_are_refused() {
    let good = SshFields::good().blob();
    for at in 15..good.len() - 4 {
        let mut blob = good.clone();
        blob[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut keyring = Keyring::new();
        keyring.add_ssh_key(Path::new("/key"), &ssh_file(&blob));
        assert!(
            keyring.public().iter().all(|public| [RECIPIENT, SSH_RECIPIENT].contains(&&*public.recipient))
        );
    }
}

#[test]
fn a_key_cut_off_anywhere_is_refused() {
    let blob = SshFields::good().blob();
    for length in 0..blob.len() - 3 {
        refused(&ssh_file(&blob[..length]), "damaged");
    }
    // The last three bytes are padding, of which a file may have less.
    let file = SshFields::good().file();
    let file = file.trim_ascii_end();
    for length in 0..file.len() {
        reason(&file[..length]);
    }
}

#[test]
fn a_changed_byte_never_gives_another_key() {
    let good = host();
    let check = |file: &[u8], at| {
        let mut keyring = Keyring::new();
        keyring.add_ssh_key(Path::new("/etc/ssh/key"), file);
        assert_eq!(keyring.public().is_empty(), keyring.unusable().len() == 1);
        assert!(keyring.public().is_empty() || keyring.public() == good.public(), "bit {at}");
    };
    let changed = |bytes: &[u8], at: usize| {
        let mut changed = bytes.to_vec();
        changed[at / 8] ^= 1 << (at % 8);
        changed
    };
    let (file, blob) = (SshFields::good().file(), SshFields::good().blob());
    (0..file.len() * 8).for_each(|at| check(&changed(&file, at), at));
    (0..blob.len() * 8).for_each(|at| check(&ssh_file(&changed(&blob, at)), at));
}

#[test]
fn what_is_behind_the_key_is_not_ignored() {
    let file = SshFields::good().file();
    refused(&[file.clone(), file.clone()].concat(), "behind the key");
    refused(&[&file[..], b"# comment\n"].concat(), "behind the key");
    refused(&[b"# comment\n", &file[..]].concat(), "does not start with");
}

#[test]
fn files_of_other_kinds_are_named() {
    refused(b"", "empty");
    refused(b" \n\n", "empty");
    refused(&[0; 400], "NUL");
    refused(&vec![b'x'; 65 * 1024], "larger than 64 KiB");
    refused(b"-----BEGIN OPENSSH PRIVATE KEY-----\n!!!\n-----END OPENSSH PRIVATE KEY-----\n", "base64");
    refused(b"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", "damaged");
    refused(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", "cut off");
    refused(b"-----BEGIN OPENSSH PRIVATE KEY ----\nAAAA", "damaged");
    #[cfg(not(feature = "ssh-rsa"))]
    refused(b"-----BEGIN RSA PRIVATE KEY-----\nAAAA", "RSA key");
    refused(b"-----BEGIN DSA PRIVATE KEY-----\nAAAA", "DSA key");
    refused(b"-----BEGIN EC PRIVATE KEY-----\nAAAA", "ECDSA key");
    refused(b"-----BEGIN PRIVATE KEY-----\nAAAA", "PKCS#8");
    refused(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA", "passphrase");
    refused(b"-----BEGIN PUBLIC KEY-----\nAAAA", "public key");
    refused(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nAAAA", "not an SSH private key");
    refused(b"PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY");
    refused(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", "ssh.com");
    refused(SSH_RECIPIENT.as_bytes(), "public key");
    refused(format!("# created: 2026\n{AGE_KEY}\n").as_bytes(), "sops.age.keyFile");
    refused(b"\xff\xfe-\0-\0", "does not start with");
    refused(b"hello", "does not start with");
}

#[test]
fn no_reason_holds_key_material() {
    let mut fields = SshFields::good();
    fields.pair[40] ^= 1;
    let file = String::from_utf8(fields.file()).unwrap();
    let reason = reason(file.as_bytes());
    assert!(file.lines().filter(|line| !line.starts_with("-----")).all(|line| !reason.contains(&line[..8])));
}

#[cfg(feature = "ssh-rsa")]
#[test]
fn a_damaged_rsa_key_is_noted() {
    refused(b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "RSA key");
    refused_after(|fields| fields.public = wire(&[b"ssh-rsa", b"x"]), "RSA key");
}
