//! age files: what opens, and everything that must not.

use super::*;

#[track_caller]
fn locked(file: &[u8]) -> Locked {
    host().open_age_file(file).err().expect("the file was opened")
}

#[track_caller]
fn refused(file: &[u8], reason: &str, ours_but_broken: bool) {
    let locked = locked(file);
    assert_eq!(locked.reason, reason);
    assert_eq!(locked.ours_but_broken, ours_but_broken);
}

#[test]
fn the_fitting_identity_is_named() {
    let file = encrypt(b"hello", &[&somebody(), &ours(), &somebody()]);
    for file in [file.clone(), armored(&file).into_bytes()] {
        let (plaintext, by) = host().open_age_file(&file).unwrap();
        assert_eq!(plaintext.expose(), b"hello");
        assert_eq!((by.recipient.as_str(), by.source.as_path()), (RECIPIENT, Path::new("/etc/ssh/key")));
    }
}

#[test]
fn malformed_x25519_stanzas_fail_the_file() {
    type Change = fn(&mut Stanza);
    let share = "the share of an X25519 stanza is not 32 bytes in canonical base64";
    let arguments = "an X25519 stanza has not exactly one argument";
    let body = "the body of an X25519 stanza has a wrong length";
    let low_order = "the share of an X25519 stanza is a point of low order";
    let cases: [(Change, &str); 12] = [
        (|stanza| stanza.args.push("x".into()), arguments),
        (|stanza| stanza.args.clear(), arguments),
        (|stanza| stanza.args[0].push('='), share),
        (|stanza| stanza.args[0].truncate(42), share),
        (|stanza| stanza.args[0].push_str("AAAA"), share),
        (|stanza| stanza.args[0].replace_range(42.., "B"), share),
        (|stanza| stanza.args[0].replace_range(..1, "-"), share),
        (|stanza| stanza.body.truncate(31), body),
        (|stanza| stanza.body.push(0), body),
        (|stanza| stanza.body.clear(), body),
        (|stanza| stanza.args[0] = "A".repeat(43), low_order),
        (|stanza| stanza.args[0] = format!("AQ{}", "A".repeat(41)), low_order),
    ];
    for (change, reason) in cases {
        refused(&encrypt(b"hello", &[&changed(change)]), reason, false);
        refused(&encrypt(b"hello", &[&changed(change), &ours()]), reason, false);
    }
}

#[test]
fn a_stanza_for_somebody_else_says_so() {
    let locked = locked(&encrypt(b"hello", &[&somebody(), &somebody()]));
    assert_eq!(locked.reason, "none of this machine's keys can open it");
    assert_eq!(locked.encrypted_for, ["an age1… recipient (not named in the file)"; 2]);
    assert!(!locked.unsupported && !locked.ours_but_broken);
    let changed_body = encrypt(b"hello", &[&changed(|stanza| stanza.body[3] ^= 1)]);
    refused(&changed_body, "none of this machine's keys can open it", false);
    let keyless = Keyring::new().open_age_file(&changed_body).err().unwrap();
    assert_eq!(keyless.reason, "this machine has no usable age key to open it");
}

#[test]
fn unknown_stanzas_are_passed_over() {
    let unknown = Crafted(|_: &FileKey| vec![foreign_stanza("new-thing", &["a", "b"], 100)]);
    assert!(host().open_age_file(&encrypt(b"hello", &[&unknown, &ours()])).is_ok());
    let locked = locked(&encrypt(b"hello", &[&unknown]));
    assert_eq!(locked.encrypted_for, ["a recipient of type new-thing"]);
}

#[test]
fn stanzas_of_unsupported_kinds_are_named() {
    let post_quantum = Crafted(|_: &FileKey| vec![foreign_stanza("mlkem768x25519", &["x"], 32)]);
    let alone = locked(&encrypt(b"hello", &[&post_quantum]));
    assert_eq!(alone.reason, "it cannot be opened: post-quantum recipients are not supported yet");
    assert!(alone.unsupported);
    let beside = locked(&encrypt(b"hello", &[&somebody(), &post_quantum]));
    assert_eq!(beside.reason, "none of this machine's keys can open it");
    assert_eq!(beside.details, ["post-quantum recipients are not supported yet"]);
    let passphrase = locked(&encrypt(b"hello", &[&passphrase()]));
    assert_eq!(passphrase.reason, "it cannot be opened: it is encrypted with a passphrase");
    let hidden = Crafted(|_: &FileKey| vec![foreign_stanza("scrypt ", &[], 32)]);
    assert!(::age::Encryptor::with_recipients([&hidden as &dyn ::age::Recipient].into_iter()).is_ok());
}

#[test]
fn native_ssh_stanzas_are_strict_too() {
    let tag = BASE64_STANDARD.encode([0xd2, 0x42, 0x6e]);
    let share = "A".repeat(43);
    let native = |args: &'static [&'static str], body| {
        encrypt(b"x", &[&Crafted(move |_: &FileKey| vec![foreign_stanza("ssh-ed25519", args, body)])])
    };
    let arguments = "an ssh-ed25519 stanza has not exactly two arguments";
    refused(&native(&[], 32), arguments, false);
    refused(&native(&["x"], 32), arguments, false);
    refused(&native(&["x", "y", "z"], 32), arguments, false);
    let reason = "the share of an ssh-ed25519 stanza is not 32 bytes in canonical base64";
    refused(&native(&["x", "y"], 32), reason, false);
    let somebody = Crafted(move |_: &FileKey| vec![foreign_stanza("ssh-ed25519", &[&tag, &share], 32)]);
    refused(&encrypt(b"x", &[&somebody]), "none of this machine's keys can open it", false);
}

#[test]
fn no_later_identity_opens_a_malformed_file() {
    let other = ::age::x25519::Identity::generate();
    let mut keyring = host();
    let key = ::age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    keyring.add_age_key_file(Path::new("/other"), key.as_bytes());
    let malformed = Crafted(|_: &FileKey| vec![foreign_stanza("ssh-ed25519", &["x"], 32)]);
    let locked = keyring.open_age_file(&encrypt(b"x", &[&malformed, &other.to_public()])).err().unwrap();
    assert_eq!(locked.reason, "an ssh-ed25519 stanza has not exactly two arguments");
    assert!(keyring.open_age_file(&encrypt(b"x", &[&other.to_public()])).is_ok());
}

#[test]
fn a_native_ssh_stanza_that_names_us_and_does_not_open_is_damage() {
    let wire = wire(&[b"ssh-ed25519", &hex::<32>(ED25519)]);
    let tag =
        base64::prelude::BASE64_STANDARD_NO_PAD.encode(&<sha2::Sha256 as sha2::Digest>::digest(wire)[..4]);
    let base_point = format!("CQ{}", "A".repeat(41));
    let cases = [
        (base_point.clone(), 32, "the ssh-ed25519 stanza for this machine does not open"),
        (base_point, 31, "the ssh-ed25519 stanza for this machine does not open"),
        ("A".repeat(43), 32, "the share of the ssh-ed25519 stanza is a point of low order"),
    ];
    for (share, body, reason) in cases {
        let args = [tag.clone(), share];
        let stanza =
            Crafted(move |_: &FileKey| vec![foreign_stanza("ssh-ed25519", &[&args[0], &args[1]], body)]);
        refused(&encrypt(b"x", &[&stanza]), reason, true);
    }
}

#[test]
fn a_changed_header_is_found_by_its_mac() {
    let file =
        encrypt(b"hello", &[&ours(), &Crafted(|_: &FileKey| vec![foreign_stanza("new", &["aaaa"], 9)])]);
    let at = memchr::memmem::find(&file, b"aaaa").unwrap();
    let mut changed = file;
    changed[at] = b'b';
    refused(&changed, "its header was changed: the MAC does not match", true);
}

#[test]
fn files_that_are_no_age_files_are_named() {
    let no_begin = "it does not start with '-----BEGIN AGE ENCRYPTED FILE-----'";
    refused(b"", "it is empty", false);
    refused(b"hello", no_begin, false);
    refused(b"-----BEGIN PGP MESSAGE-----\n", "it is a PGP message, not an age file", false);
    refused(b"age-encryption.org/v1\n", "its header is cut off", false);
    refused(b"age-encryption.org/v1\n--- ", "its header is cut off", false);
    refused(b"age-encryption.org/v1\n--- x\n", "it is cut off behind its header", false);
    refused(b"age-encryption.org/v1\n--- x\n0123456789abcdef", "its header is malformed", false);
    refused(b"age-encryption.org/v2\n", "it is of a version of the age format that is not known", false);
    refused(b"age-encryption.org/v1\r\n", "it is of a version of the age format that is not known", false);
    refused(armored(b"hello").as_bytes(), "it is not an age file", false);
    let empty = "-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n";
    refused(empty.as_bytes(), "it is not an age file", false);
}

#[test]
fn an_endless_header_is_refused_quickly() {
    let many = [b"age-encryption.org/v1\n".to_vec(), b"-> a\n\n".repeat(200_000)].concat();
    refused(&many, "its header is too long", false);
    let file = |stanzas: Vec<u8>| {
        [b"age-encryption.org/v1\n".to_vec(), stanzas, b"--- x\n0123456789abcdef".to_vec()].concat()
    };
    refused(&file(b"-> a b\n\n".repeat(4097)), "it is encrypted for more than 4096 recipients", false);
    // Inside the limits: many lines, which take minutes if each one is parsed from the start again.
    refused(&file(b"-> a b\n\n".repeat(4096)), "its header is malformed", false);
    let body = [b"A".repeat(64), b"\n".to_vec()].concat().repeat(16_000);
    refused(&file([b"-> a b\n".to_vec(), body, b"\n".to_vec()].concat()), "its header is malformed", false);
}

#[test]
fn a_file_cut_off_anywhere_never_opens() {
    let file = encrypt(b"hello, world", &[&ours()]);
    let keyring = host();
    for length in 0..file.len() {
        assert!(keyring.open_age_file(&file[..length]).is_err(), "{length}");
    }
    let text = armored(&file);
    for length in 0..text.trim_end().len() {
        assert!(keyring.open_age_file(&text.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_changed_bit_never_opens_as_something_else() {
    let file = encrypt(b"hello, world", &[&ours()]);
    let keyring = host();
    for at in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(keyring.open_age_file(&changed).is_err(), "bit {at}");
    }
    let text = armored(&file).into_bytes();
    for at in 0..text.len() * 8 {
        let mut changed = text.clone();
        changed[at / 8] ^= 1 << (at % 8);
        // A changed line end may still be one.
        let plaintext = keyring.open_age_file(&changed).map(|(plaintext, _)| plaintext.expose().to_vec());
        assert!(plaintext.is_err() || plaintext.is_ok_and(|text| text == b"hello, world"), "bit {at}");
    }
}

#[test]
fn bytes_behind_the_payload_are_refused() {
    for length in [0, 1, 65_535, 65_536, 65_537] {
        let mut file = encrypt(&vec![7; length], &[&ours()]);
        assert_eq!(host().open_age_file(&file).unwrap().0.expose(), vec![7; length]);
        file.push(0);
        refused(&file, "its payload is damaged or cut off", true);
        file.truncate(file.len() - 2);
        refused(&file, "its payload is damaged or cut off", true);
    }
}

#[test]
fn armor_is_read_as_strictly_as_sops_does() {
    let file = encrypt(&[5; 200], &[&ours()]);
    let text = armored(&file);
    let lines: Vec<_> = text.lines().collect();
    let opens = |text: String| assert!(host().open_age_file(text.as_bytes()).is_ok(), "{text}");
    opens(text.replace('\n', "\r\n"));
    opens(text.trim_end().into());
    opens(format!("{}{text}", "\n".repeat(1024)));
    opens(format!(" \t\r\n\n{text}"));
    opens(format!("{text}{}", " ".repeat(1023)));
    let end = "-----END AGE ENCRYPTED FILE-----";
    let cases = [
        (format!("{}{text}", "\n".repeat(1025)), "too much white space stands in front of its armor"),
        (format!("{text}{}", " ".repeat(1024)), "too much white space follows behind its armor"),
        (format!("{text}x"), "something follows behind its armor"),
        (format!("{text}{text}"), "something follows behind its armor"),
        (format!(" {text}"), "it does not start with '-----BEGIN AGE ENCRYPTED FILE-----'"),
        (format!("x\n{text}"), "it does not start with '-----BEGIN AGE ENCRYPTED FILE-----'"),
        (text.replace(end, "").trim_end().into(), "its armor is cut off: the END line is missing"),
        (text.replace(lines[2], &format!("{}\n", lines[2])), "line 4 of its armor is empty"),
        (text.replace(lines[2], &lines[2][..60]), "line 3 of its armor is short and not the last one"),
        (
            text.replace(lines[2], &format!("{}AAAA", lines[2])),
            "line 3 of its armor is longer than 64 characters",
        ),
        (text.replace(lines[2], &format!(" {}", &lines[2][1..])), "line 3 of its armor is not valid base64"),
        (text.replace(lines[2], &format!("-{}", &lines[2][1..])), "line 3 of its armor is not valid base64"),
    ];
    for (text, reason) in cases {
        refused(text.as_bytes(), reason, false);
    }
}

#[test]
fn armor_with_stray_bits_or_without_padding_is_refused() {
    let end = "-----END AGE ENCRYPTED FILE-----\n";
    for last in ["QUI", "QUI==", "QUJ=", "QQ", "QR==", "Q", "QQ=\r="] {
        let text = format!("-----BEGIN AGE ENCRYPTED FILE-----\n{last}\n{end}");
        refused(text.as_bytes(), "line 2 of its armor is not valid base64", false);
    }
}
