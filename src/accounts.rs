//! User and group names to numbers, from the bytes of `/etc/passwd` and `/etc/group`. No NSS.
//!
//! The binary is static, and the name service switch wants to load libraries. So only accounts in the two
//! files exist here: on NixOS that is every declared one. Lines that cannot be read are passed over, as
//! the C library does (passwd(5), group(5)).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The largest id that is taken: the next one, -1, would make `chown` keep the old owner.
const LARGEST_ID: u32 = u32::MAX - 1;

/// Names and numbers of all users and groups.
#[derive(Default)]
pub struct Accounts {
    users: HashMap<Vec<u8>, u32>,
    groups: HashMap<Vec<u8>, u32>,
}

impl Accounts {
    /// Reads the contents of `/etc/passwd` and `/etc/group`. A file that is missing is an empty one.
    #[must_use]
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: table(passwd), groups: table(group) }
    }

    /// The number of a user.
    #[must_use]
    pub fn uid(&self, name: &str) -> Option<u32> {
        self.users.get(name.as_bytes()).copied()
    }

    /// The number of a group.
    #[must_use]
    pub fn gid(&self, name: &str) -> Option<u32> {
        self.groups.get(name.as_bytes()).copied()
    }

    /// The group of the directories that secrets lie in: `keys`, else `nogroup`, else root.
    ///
    /// Only the members of that group may list them; `nogroup`, which nobody should be in, is what
    /// sops-nix takes on systems without `keys`.
    #[must_use]
    pub fn directory_gid(&self) -> u32 {
        self.gid("keys").or_else(|| self.gid("nogroup")).unwrap_or(0)
    }

    /// The user whose name is nearest to `name`, if one is near enough to be meant.
    #[must_use]
    pub fn similar_user(&self, name: &str) -> Option<&str> {
        similar(&self.users, name)
    }

    /// The group whose name is nearest to `name`, if one is near enough to be meant.
    #[must_use]
    pub fn similar_group(&self, name: &str) -> Option<&str> {
        similar(&self.groups, name)
    }
}

/// `name:password:id:…` lines, of which both files are made. The first line of a name counts.
fn table(file: &[u8]) -> HashMap<Vec<u8>, u32> {
    let mut table = HashMap::new();
    for line in file.split(|byte| *byte == b'\n') {
        if let Some((name, id)) = entry(line.strip_suffix(b"\r").unwrap_or(line))
            && let Entry::Vacant(vacant) = table.entry(name.to_vec())
        {
            vacant.insert(id);
        }
    }
    table
}

/// Name and id of a line, or `None` if it is not one of an account of this machine.
fn entry(line: &[u8]) -> Option<(&[u8], u32)> {
    let mut fields = line.splitn(4, |byte| *byte == b':');
    let (name, _password, id) = (fields.next()?, fields.next()?, fields.next()?);
    // The rest of the line (of a group: its members) must exist, but may be empty.
    fields.next()?;
    // `+` and `-` lines are orders to NIS, not accounts.
    let strange = name.is_empty() || matches!(name[0], b'+' | b'-' | b'#') || name.contains(&0);
    let digits = !id.is_empty() && id.iter().all(u8::is_ascii_digit);
    if strange || !digits {
        return None;
    }
    let id = str::from_utf8(id).ok()?.parse().ok()?;
    (id <= LARGEST_ID).then_some((name, id))
}

/// The longest name that is compared; longer ones are not typing errors.
const LONGEST_COMPARED: usize = 64;

fn similar<'t>(table: &'t HashMap<Vec<u8>, u32>, name: &str) -> Option<&'t str> {
    if name.is_empty() || name.len() > LONGEST_COMPARED {
        return None;
    }
    let allowed = if name.len() < 4 { 1 } else { 2 };
    table
        .keys()
        .filter(|known| known.len() <= LONGEST_COMPARED)
        .filter_map(|known| Some((distance(name.as_bytes(), known), str::from_utf8(known).ok()?)))
        .filter(|(distance, _)| *distance <= allowed)
        // By name too, so that the answer does not depend on the order of the table.
        .min()
        .map(|(_, known)| known)
}

/// How many bytes must be put in, taken out or changed to make one of the other (Levenshtein).
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:System administrator:/root:/bin/bash\n\
        web:x:995:994::/var/empty:/run/current-system/sw/bin/nologin\n\
        alice:x:1000:100:Alice:/home/alice:/bin/bash\n\
        nobody:x:65534:65534:Unprivileged account (don't use!):/var/empty:/bin/false";
    const GROUP: &[u8] =
        b"root:x:0:\nwheel:x:1:alice\nusers:x:100:\nkeys:x:96:\nweb:x:994:\nnogroup:x:65534:\n";

    #[test]
    fn names_are_found_in_their_own_file() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        assert_eq!(accounts.uid("root"), Some(0));
        assert_eq!(accounts.uid("web"), Some(995));
        assert_eq!(accounts.uid("nobody"), Some(65534), "the last line needs no newline");
        assert_eq!(accounts.gid("web"), Some(994));
        assert_eq!(accounts.gid("wheel"), Some(1));
        assert_eq!((accounts.uid("wheel"), accounts.gid("alice")), (None, None));
        for name in ["", "x", "1000", "Root", "root ", "web:x", "System administrator"] {
            assert_eq!((accounts.uid(name), accounts.gid(name)), (None, None), "{name:?}");
        }
    }

    #[test]
    fn the_group_of_the_directories_falls_back_to_root() {
        let gid = |group: &[u8]| Accounts::parse(b"", group).directory_gid();
        assert_eq!(gid(GROUP), 96);
        assert_eq!(gid(b"root:x:0:\nnogroup:x:65534:\n"), 65534);
        assert_eq!(gid(b"root:x:0:\n"), 0);
        assert_eq!(gid(b""), 0);
    }

    #[test]
    fn bad_lines_are_passed_over_and_the_others_count() {
        let passwd: &[&[u8]] = &[
            b"",
            b"junk",
            b"a:x",
            b"a:x:1",
            b":x:2:2::/:/bin/sh",
            b"# b:x:3:3::/:/bin/sh",
            b"#c:x:3:3::/:/bin/sh",
            b"+nis:x:4:4::/:/bin/sh",
            b"+::::::",
            b"-nis:x:4:4::/:/bin/sh",
            b"empty:x::5::/:/bin/sh",
            b"negative:x:-1:5::/:/bin/sh",
            b"plus:x:+1:5::/:/bin/sh",
            b"blank:x: 1:5::/:/bin/sh",
            b"hex:x:0x1:5::/:/bin/sh",
            b"all:x:4294967295:5::/:/bin/sh",
            b"over:x:4294967296:5::/:/bin/sh",
            b"far:x:99999999999999999999999999:5::/:/bin/sh",
            b"nul\0:x:6:6::/:/bin/sh",
            b"l\xc3\xb6we:x:7:7::/:/bin/sh",
            b"\xff\xfe:x:8:8::/:/bin/sh",
            b"crlf:x:9:9::/:/bin/sh\r",
            b"twice:x:10:10::/:/bin/sh",
            b"twice:x:0:0::/:/bin/sh",
            b"largest:x:4294967294:5::/:/bin/sh",
            b"zeros:x:0012:5::/:/bin/sh",
            b"many:x:13:1:2:3:4:5:6:7:8:9",
        ];
        let accounts = Accounts::parse(&passwd.join(&b'\n'), b"g:x:5:\r\n\0\0\0\nh:x:6:a,b");
        let refused =
            ["a", "b", "c", "#c", "nis", "+nis", "-nis", "+", "empty", "negative", "plus", "blank", "hex"];
        for name in refused.into_iter().chain(["all", "over", "far", "nul", "nul\0", "junk"]) {
            assert_eq!(accounts.uid(name), None, "{name:?}");
        }
        let taken = [
            ("löwe", 7),
            ("crlf", 9),
            ("twice", 10),
            ("largest", 4_294_967_294),
            ("zeros", 12),
            ("many", 13),
        ];
        for (name, uid) in taken {
            assert_eq!(accounts.uid(name), Some(uid), "{name}");
        }
        assert_eq!((accounts.gid("g"), accounts.gid("h")), (Some(5), Some(6)));
    }

    #[test]
    fn a_damaged_file_costs_no_more_than_the_damaged_line() {
        for at in 0..PASSWD.len() {
            for byte in [0, b':', b'\n', b'\r', b'+', b'9', 0xff] {
                let mut damaged = PASSWD.to_vec();
                damaged[at] = byte;
                let accounts = Accounts::parse(&damaged, GROUP);
                let found = [("root", 0), ("web", 995), ("alice", 1000), ("nobody", 65534)]
                    .into_iter()
                    .filter(|(name, uid)| accounts.uid(name) == Some(*uid))
                    .count();
                // A newline that is lost takes two lines.
                let lost = if PASSWD[at] == b'\n' { 2 } else { 1 };
                assert!(found + lost >= 4, "byte {byte} at {at}");
            }
        }
    }

    #[test]
    fn a_misspelt_name_is_recognised() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        assert_eq!(accounts.similar_user("alise"), Some("alice"));
        assert_eq!(accounts.similar_user("Alice"), Some("alice"));
        assert_eq!(accounts.similar_user("rot"), Some("root"));
        assert_eq!(accounts.similar_group("wheels"), Some("wheel"));
        for name in ["", "postgres", "xyz", &"a".repeat(1 << 20)] {
            assert_eq!(accounts.similar_user(name), None);
        }
        let odd = Accounts::parse(b"\xff\xfe:x:8:8::/:/bin/sh\n", b"");
        assert_eq!(odd.similar_user("ab"), None, "a name that cannot be printed is not offered");
    }

    #[test]
    fn the_distance_of_two_names_is_the_number_of_changed_bytes() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
            ("x", "x", 0),
        ];
        for (one, other, expected) in cases {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
    }
}
