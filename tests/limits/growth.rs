//! What is put together from little may become large: it ends at a limit, and does not take the others with it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sops_activate::manifest::{self, Manifest};
use sops_activate::open::{self, MAX_RUN, OpenedSecret};
use sops_activate::plan::{self, Owners};
use sops_activate::secret::{Secret, SecretBuffer};
use sops_activate::sops::{Document, Fault, FaultKind, Format};
use sops_activate::system::plugins::Plugins;
use sops_activate::template::{Placeholders, Template};

use crate::plain::{beside_block, block_key, new_keyring};

fn whole(body: &str, format: Format) -> Result<usize, Fault> {
    let file = beside_block(body.as_bytes(), format);
    let secret = Document::parse(&file, format)?.open(block_key(format))?.whole()?;
    Ok(secret.expose().len())
}

/// A format, bodies by the number of their small parts, a number that still opens and one that does not.
type Case<'b> = (Format, &'b dyn Fn(usize) -> String, [usize; 2]);

/// Not covered by the MAC: everybody who can write to the file can do this.
#[test]
fn a_small_file_that_prints_large_is_refused() {
    let nulls = |count: usize| format!("[{}null]", "null,".repeat(count));
    let deep = |count: usize| format!("{}{}{}", "[".repeat(490), nulls(count), "]".repeat(490));
    let deep_maps = |count: usize| format!("{}{}{}", "{a: ".repeat(490), nulls(count), "}".repeat(490));
    let short = |count: usize| (0..count).map(|key| key.to_string() + "=\n").collect::<String>();
    let padded = |count: usize| format!("[s]\n{} = \n{}", "k".repeat(64 * 1024), short(count));
    let cases: [Case<'_>; 3] = [
        (Format::Json, &|count| format!("{{\"a\":{}}}", deep(count)), [1000, 600_000]),
        (Format::Yaml, &|count| format!("a: {}\n", deep_maps(count)), [1000, 150_000]),
        (Format::Ini, &padded, [1000, 4200]),
    ];
    for (format, body, counts) in cases {
        let grown = whole(&body(counts[0]), format).unwrap();
        assert!(grown > 4 * body(counts[0]).len(), "{format:?} has grown to {grown} only");
        let fault = whole(&body(counts[1]), format).err().unwrap();
        assert_eq!(fault.kind, FaultKind::Limit, "{format:?} {fault}");
        assert!(fault.message.contains("larger than 256 MiB"), "{fault}");
    }
}

#[test]
fn a_template_that_renders_large_is_refused() {
    let placeholders = Placeholders::new([("<A>", "a", Some(0))]);
    let value = Secret::new(vec![b'"'; 8 * 1024 * 1024]);
    let rendered = |text: &str| {
        let template = Template::parse(text.as_bytes(), &placeholders).unwrap();
        template.render(|_| Some(&value)).map(|rendered| rendered.expose().len()).map_err(|fault| fault.text)
    };
    assert_eq!(rendered(&"<A>".repeat(32)), Ok(SecretBuffer::MAX));
    for text in ["<A>".repeat(33), "<A|base64>".repeat(25)] {
        assert_eq!(rendered(&text), Err("it becomes larger than 256 MiB".to_owned()), "{text}");
    }
    let bases = format!("<A{}>", "|base64".repeat(18));
    assert_eq!(rendered(&bases), Err("secret 'a': it becomes larger than 256 MiB".to_owned()));
}

#[test]
fn a_filter_list_is_only_so_long() {
    let placeholders = Placeholders::new([("<A>", "a", Some(0))]);
    for (list, is_one) in [("|trim".repeat(25), true), ("|trim".repeat(26), false)] {
        let text = format!("<A{list}>");
        let template = Template::parse(text.as_bytes(), &placeholders).unwrap();
        let rendered = template.render(|_| None);
        assert_eq!(rendered.is_err(), is_one, "only a filter list needs the value: {text}");
    }
}

fn manifest_of(files: &[&Path]) -> Manifest {
    let secret = |(number, file): (usize, &&Path)| json!({ "name": format!("s{number}"), "sopsFile": file, "format": "binary", "path": format!("/run/secrets/s{number}") });
    let secrets: Vec<_> = files.iter().enumerate().map(secret).collect();
    let manifest =
        json!({ "secrets": secrets, "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets" });
    manifest::parse(manifest.to_string().as_bytes()).unwrap()
}

#[test]
fn files_that_are_large_together_fail_one_by_one() {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/keys/sealed.binary");
    let names = ["a", "b"].map(|name| {
        let copy = std::env::temp_dir().join(format!("sops-activate-limits-{}-{name}", std::process::id()));
        fs::copy(&original, &copy).unwrap();
        copy
    });
    // Two secrets from one file are held once.
    let manifest = manifest_of(&[&names[0], &names[0], &names[1]]);
    for (room, opens) in [(18, [false, false, false]), (19, [true, true, false]), (38, [true, true, true])] {
        let plugins = &mut Plugins::default();
        let opened = open::all_within(room, &manifest.secrets, &mut new_keyring(), plugins);
        assert_eq!(opened.iter().map(|secret| secret.value.is_ok()).collect::<Vec<_>>(), opens, "{room}");
        for failure in opened.iter().filter_map(|secret| secret.value.as_ref().err()) {
            assert!(failure.cause.contains("all secrets and templates together are larger"), "{failure}");
        }
    }
    for name in names {
        fs::remove_file(name).unwrap();
    }
}

#[test]
fn a_run_writes_only_so_much() {
    let file = Path::new("/s");
    let manifest = manifest_of(&[file; 6]);
    let large = Arc::new(Secret::new(vec![0; MAX_RUN / 5]));
    let opened = (0..6).map(|_| OpenedSecret { value: Ok(Arc::clone(&large)), opened_by: None }).collect();
    let no_files = |_: &Path| Err(String::new());
    let planned = plan::generation(&manifest, opened, &no_files, &Owners::All { uid: 0, gid: 0 });
    let written: Vec<bool> = planned.iter().map(|file| file.content.is_ok()).collect();
    assert_eq!(written, [true, true, true, true, true, false]);
}
