//! age key files, good and bad.

use super::*;

fn keyring(content: impl AsRef<[u8]>) -> Keyring {
    let mut keyring = Keyring::new();
    keyring.add_age_key_file(Path::new("/key.txt"), content.as_ref());
    keyring
}

#[track_caller]
fn refused(content: impl AsRef<[u8]>, reason: &str) {
    let keyring = keyring(content);
    assert_eq!(keyring.public(), []);
    assert_eq!(reasons(&keyring), [reason]);
}

#[test]
fn the_vector_gives_its_recipient() {
    let keyring = keyring(AGE_KEY);
    assert_eq!(keyring.public(), [PublicIdentity { recipient: RECIPIENT.into(), source: "/key.txt".into() }]);
    assert_eq!(keyring.unusable(), []);
}

#[test]
fn many_keys_comments_blanks_and_line_ends_are_read() {
    let other = ::age::x25519::Identity::generate();
    let key = ::age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    let lf = format!("# created: today\n# public key: {RECIPIENT}\n{AGE_KEY}\n\n  \n\t{key} \n# \u{fc}\n");
    let crlf = lf.replace('\n', "\r\n");
    let latin1 = [lf.as_bytes(), b"# gr\xfc\xdfe"].concat();
    for content in [lf.clone().into_bytes(), crlf.into_bytes(), lf.trim_end().into(), latin1] {
        let keyring = keyring(content);
        let recipients: Vec<_> = keyring.public().iter().map(|public| public.recipient.clone()).collect();
        assert_eq!(recipients, [RECIPIENT.to_owned(), other.to_public().to_string()]);
        assert_eq!(keyring.unusable(), []);
    }
}

#[test]
fn a_typo_is_named_by_its_line_and_leaves_the_others() {
    let typo = AGE_KEY.replace("SP9732", "SP9733");
    let keyring = keyring(format!("# a\n\n{AGE_KEY}\n# b\n# c\n# d\n{typo}\n{AGE_KEY}\n"));
    assert_eq!(keyring.public().len(), 2);
    let checksum = "its checksum does not match, a character is wrong or missing";
    assert_eq!(reasons(&keyring), [format!("line 7 is not a valid age key: {checksum}")]);
}

#[test]
fn every_wrong_character_is_found_and_never_repeated() {
    for at in 0..AGE_KEY.len() {
        for wrong in ['Q', 'B', 'z', '1', '\u{e9}'] {
            let typo = format!("{}{wrong}{}", &AGE_KEY[..at], &AGE_KEY[at + 1..]);
            if typo == AGE_KEY {
                continue;
            }
            let keyring = keyring(&typo);
            assert_eq!(keyring.public(), [], "{typo}");
            let [reason] = reasons(&keyring)[..] else { panic!("not one reason for {typo}") };
            assert!(
                (16..AGE_KEY.len() - 8).all(|from| !reason.contains(&AGE_KEY[from..from + 8])),
                "{reason}"
            );
        }
    }
}

#[test]
fn a_key_cut_off_anywhere_is_refused() {
    for length in 1..AGE_KEY.len() {
        assert_eq!(keyring(&AGE_KEY[..length]).public(), [], "{length}");
    }
}

#[test]
fn keys_of_other_kinds_are_named() {
    refused("AGE-SECRET-KEY-PQ-1QQQQ", "line 1 is a post-quantum key, which is not supported yet");
    let damaged = "line 1 is a damaged key of age-plugin-yubikey: its checksum does not match";
    refused("AGE-PLUGIN-YUBIKEY-1QQQQ", damaged);
    refused(
        "AGE-PLUGIN-FIDO2-HMAC-1QQQQ",
        "line 1 is a damaged key of age-plugin-fido2-hmac: its checksum does not match",
    );
    let unnamed = "line 1 is a damaged key of an age plugin: its checksum does not match";
    refused("AGE-PLUGIN-../SH-1QQQQ", unnamed);
    refused("AGE-PLUGIN-QQQQ", unnamed);
    refused(AGE_KEY.to_lowercase(), "line 1 is an age key in lower case; it has to be in upper case");
    refused(RECIPIENT, "line 1 is a recipient (public key); the key itself starts with AGE-SECRET-KEY-1");
    refused(SSH_RECIPIENT, "line 1 is an SSH public key, not an age key");
    refused(
        format!("{AGE_KEY}\0"),
        "line 1 is not a valid age key: a character is not allowed, or upper and lower case are mixed",
    );
    refused("x\0", "line 1 holds a NUL byte");
    refused(b"\xfe\xfe", "line 1 is not text");
    refused("password", "line 1 is not an age key");
    refused(
        format!("{AGE_KEY} {AGE_KEY}"),
        "line 1 is not a valid age key: a character is not allowed, or upper and lower case are mixed",
    );
}

#[test]
fn bech32_of_another_length_or_with_stray_bits_is_refused() {
    let hrp = bech32::Hrp::parse_unchecked("AGE-SECRET-KEY-");
    let reason = "line 1 is not a valid age key: it does not hold 32 bytes";
    for length in (0..70).filter(|length| *length != 32) {
        for fill in [0, 3] {
            refused(bech32::encode_upper::<bech32::Bech32>(hrp, &vec![fill; length]).unwrap(), reason);
        }
    }
    let other = bech32::Hrp::parse_unchecked("AGE-SECRET-KEY-1X");
    let other = bech32::encode_upper::<bech32::Bech32>(other, &[0; 32]).unwrap();
    refused(other, "line 1 is not a valid age key: it is of another kind");
    // 52 characters with bits set behind the 256th.
    let stray = [bech32::Fe32::Q; 51].into_iter().chain([bech32::Fe32::P]);
    let stray = bech32::primitives::iter::Fe32IterExt::with_checksum::<bech32::Bech32>(stray, &hrp);
    refused(stray.chars().collect::<String>().to_uppercase(), reason);
}

#[test]
fn files_that_are_wrong_as_a_whole_are_named() {
    refused("", "is empty");
    refused("\n# only a comment\n", "holds no key");
    refused([0; 74], "holds nothing but NUL bytes, as after a crash while it was written");
    let bom = "starts with a byte order mark; write it as plain text without one";
    refused(format!("\u{feff}{AGE_KEY}"), bom);
    refused([b"\xff\xfe", AGE_KEY.as_bytes()].concat(), bom);
    refused(vec![b'#'; 1024 * 1024 + 1], "is larger than 1 MiB");
    refused(SshFields::good().file(), "is an SSH private key; list it in sops.age.sshKeyPaths instead");
    refused("-----BEGIN PGP PRIVATE KEY BLOCK-----", "is a key of another kind, not an age key file");
    let protected = "is encrypted with a passphrase, which nobody can type at boot; store the key itself";
    let file = encrypt(AGE_KEY.as_bytes(), &[&passphrase()]);
    refused(armored(&file), protected);
    refused(file, protected);
}

#[test]
fn an_ssh_key_below_an_age_key_gives_no_flood_of_notes() {
    let content = [format!("{AGE_KEY}\n").into_bytes(), SshFields::good().file()].concat();
    let keyring = keyring(content);
    assert_eq!(keyring.public().len(), 1);
    assert_eq!(
        reasons(&keyring)[0],
        "line 2 is the start of a key of another kind; give it a file of its own"
    );
    assert!(reasons(&keyring).len() <= 11);
    let junk = self::keyring("x\n".repeat(1000));
    assert_eq!(reasons(&junk).len(), 11);
    assert_eq!(reasons(&junk)[10], "990 more lines are not usable");
}
