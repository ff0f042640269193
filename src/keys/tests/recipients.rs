//! Public keys and the `recipient` command.

use super::*;

#[track_caller]
fn found(input: impl AsRef<[u8]>, recipients: &[&str], skipped: &[&str]) {
    let expected = Recipients {
        found: recipients.iter().map(|text| (*text).into()).collect(),
        skipped: skipped.iter().map(|text| (*text).into()).collect(),
    };
    assert_eq!(recipients_of(input.as_ref()), Ok(expected));
}

#[track_caller]
fn none(input: impl AsRef<[u8]>, reason: &str) {
    assert_eq!(recipients_of(input.as_ref()), Err(vec![reason.to_owned()]));
}

/// The text of an ed25519 public key with these 32 bytes, valid or not.
fn public(key: &[u8]) -> String {
    format!("ssh-ed25519 {}", BASE64_STANDARD.encode(wire(&[b"ssh-ed25519", key])))
}

#[test]
fn the_vector_is_converted() {
    assert_eq!(convert_public(SSH_RECIPIENT).unwrap(), RECIPIENT);
    assert_eq!(convert_public(&format!("{SSH_RECIPIENT} root@host and more\n")).unwrap(), RECIPIENT);
}

#[test]
fn points_that_are_no_keys_are_refused() {
    let not_a_point = "is not a valid point of the curve";
    let mut off_the_curve = [0; 32];
    off_the_curve[0] = 2;
    let mut one = [0; 32];
    one[0] = 1;
    // y = 2^255 - 18, which is 1 in another form.
    let mut not_canonical = [0xff; 32];
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    for key in [off_the_curve, one, not_canonical, [0; 32], [0xff; 32]] {
        assert_eq!(convert_public(&public(&key)), Err(not_a_point.into()), "{key:?}");
    }
}

#[test]
fn a_point_in_another_form_is_refused() {
    // y + p for the smallest y: 32 bytes that name the same point again.
    let forms = (2..19).map(|y: u8| {
        let (mut canonical, mut other) = ([0; 32], [0xff; 32]);
        canonical[0] = y;
        (other[0], other[31]) = (0xed + y, 0x7f);
        (convert_public(&public(&canonical)), convert_public(&public(&other)))
    });
    let points: Vec<_> = forms.filter(|(canonical, _)| canonical.is_ok()).collect();
    assert!(!points.is_empty());
    assert!(points.iter().all(|(_, other)| other.is_err()));
}

#[test]
fn damaged_public_keys_are_refused() {
    let cases = [
        ("", "is not an SSH public key"),
        ("ssh-ed25519", "is not an SSH public key"),
        ("ssh-ed25519 A", "is not valid base64"),
        ("ssh-ed25519 AAAA", "is damaged: it does not hold one ed25519 key"),
        ("ssh-rsa AAAA", "is a key of type ssh-rsa; only ssh-ed25519 can be converted"),
        ("hello world", "is a key of type unknown; only ssh-ed25519 can be converted"),
    ];
    for (line, reason) in cases {
        assert_eq!(convert_public(line), Err(reason.into()), "{line}");
    }
    assert_eq!(convert_public(&public(&[9; 31])), Err("is damaged: an ed25519 key has 32 bytes".into()));
    let text = SSH_RECIPIENT.split_once(' ').unwrap().1;
    for length in 0..text.len() {
        assert!(convert_public(&format!("ssh-ed25519 {}", &text[..length])).is_err());
    }
    let two = BASE64_STANDARD.encode([wire(&[b"ssh-ed25519", &hex::<32>(ED25519)]), vec![0]].concat());
    assert!(convert_public(&format!("ssh-ed25519 {two}")).is_err());
    let rsa_inside = BASE64_STANDARD.encode(wire(&[b"ssh-rsa", &hex::<32>(ED25519)]));
    assert!(convert_public(&format!("ssh-ed25519 {rsa_inside}")).is_err());
}

#[test]
fn the_recipient_command_takes_every_kind_of_input() {
    found(SSH_RECIPIENT, &[RECIPIENT], &[]);
    found(SshFields::good().file(), &[RECIPIENT], &[]);
    found(format!("# public key: x\r\n{AGE_KEY}\r\n"), &[RECIPIENT], &[]);
    let scan = format!(
        "# ssh-gateway:22 SSH-2.0-OpenSSH_9.9\nssh-gateway ssh-rsa AAAAB3Nz\nssh-gateway {SSH_RECIPIENT}\n\
         [10.0.0.1]:2222 {SSH_RECIPIENT}\n@cert-authority *.example {SSH_RECIPIENT} ca\n"
    );
    found(scan, &[RECIPIENT], &["line 2 is a key of type ssh-rsa; only ssh-ed25519 can be converted"]);
    let key_file = format!("{AGE_KEY}\nAGE-PLUGIN-TPM-1QQ\n{}\n", plugins::key("toy"));
    let notes = [
        "line 3 is a key of age-plugin-toy, and only that program knows its recipient",
        "line 2 is a damaged key of age-plugin-tpm: its checksum does not match",
    ];
    found(key_file, &[RECIPIENT], &notes);
}

#[test]
fn the_recipient_command_says_why_there_is_none() {
    none("", "the input holds no key");
    none("# nothing\n", "the input holds no key");
    none("hello", "line 1 holds no SSH public key");
    none("host ssh-ed25519", "line 1 is cut off: there is no key behind its type");
    none(RECIPIENT, "line 1 is an age recipient already");
    none(b"\xff\xfe", "line 1 is not text");
    none(vec![b'\n'; 1024 * 1024 + 1], "the input is larger than 1 MiB");
    none("-----BEGIN RSA PRIVATE KEY-----", "the input is an RSA key, which has no age recipient");
    none(
        "-----BEGIN PRIVATE KEY-----",
        "the input is in PKCS#8 format; `ssh-keygen -p -N '' -f FILE` rewrites it in OpenSSH's",
    );
    none(
        "PuTTY-User-Key-File-3: ssh-ed25519",
        "the input is in PuTTY's format; `puttygen FILE -O private-openssh-new -o NEW` converts it",
    );
}

#[test]
fn a_public_key_names_the_recipients_it_opens() {
    assert_eq!(opened_by(RECIPIENT), Ok(vec![RECIPIENT.into()]));
    let both = Ok(vec![RECIPIENT.into(), SSH_RECIPIENT.into()]);
    assert_eq!(opened_by(&format!(" {SSH_RECIPIENT} root@host\n")), both);
    assert_eq!(opened_by("age1pq1xyz"), Err("post-quantum recipients are not supported yet".into()));
    let damaged = "is not a valid recipient of an age plugin: a character is wrong";
    assert_eq!(opened_by("age1tpm1xyz"), Err(damaged.into()));
    assert_eq!(opened_by(&plugins::recipient("toy")), Ok(vec![plugins::recipient("toy")]));
    assert!(opened_by(&RECIPIENT.replace("lw80", "lw81")).is_err());
    assert!(opened_by(AGE_KEY).is_err());
    assert!(opened_by("").is_err());
    #[cfg(not(feature = "ssh-rsa"))]
    assert!(opened_by("ssh-rsa AAAAB3Nz").is_err());
}
