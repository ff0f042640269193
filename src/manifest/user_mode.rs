//! `%r` in the paths of a user's manifest.
//!
//! home-manager's module writes `%r` where the runtime directory of the user belongs, which is known only
//! when the agent runs. As in systemd's units, `%%` stands for `%`; any other `%` stands for itself.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::checks;
use super::fields::{Faults, shown};
use super::types::{Manifest, TemplateBody};

/// Replaces `%r` and `%%` in every path of a manifest with `userMode`; any other manifest stays as it is.
///
/// `runtime_dir` is `$XDG_RUNTIME_DIR`, if it is set. It is needed only if a path has `%r`.
///
/// # Errors
/// One line a fault: the runtime directory is needed and not known or not an absolute path, or a path is
/// not absolute after the replacement.
pub fn expand(mut manifest: Manifest, runtime_dir: Option<&OsStr>) -> Result<Manifest, Vec<String>> {
    if !manifest.user_mode {
        return Ok(manifest);
    }
    let mut faults = Vec::new();
    for path in paths(&mut manifest) {
        match expand_path(path, runtime_dir) {
            Ok(expanded) => *path = expanded,
            Err(why) => faults.push(why),
        }
    }
    faults.dedup();
    if !faults.is_empty() {
        return Err(faults);
    }
    // Two paths may only now turn out to be the same.
    let mut clashes = Faults::default();
    checks::paths(&manifest, &mut clashes);
    clashes.into_result(manifest)
}

/// Every path of the manifest.
fn paths(manifest: &mut Manifest) -> impl Iterator<Item = &mut PathBuf> {
    let secrets =
        manifest.secrets.iter_mut().flat_map(|secret| [&mut secret.sops_file, &mut secret.place.path]);
    let templates = manifest.templates.iter_mut().flat_map(|template| {
        let file = match &mut template.body {
            TemplateBody::File(file) => Some(file),
            TemplateBody::Content(_) => None,
        };
        file.into_iter().chain([&mut template.place.path])
    });
    [&mut manifest.mount_point, &mut manifest.symlink_path]
        .into_iter()
        .chain(&mut manifest.age_key_file)
        .chain(&mut manifest.age_ssh_key_paths)
        .chain(&mut manifest.gnupg_home)
        .chain(&mut manifest.gnupg_ssh_key_paths)
        .chain(&mut manifest.age_plugins)
        .chain(secrets)
        .chain(templates)
}

fn expand_path(path: &Path, runtime_dir: Option<&OsStr>) -> Result<PathBuf, String> {
    let mut expanded = Vec::new();
    let mut rest = path.as_os_str().as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind.split_first()) {
            (b'%', Some((b'%', behind))) => {
                expanded.push(b'%');
                rest = behind;
            }
            (b'%', Some((b'r', behind))) => {
                expanded.extend_from_slice(usable(runtime_dir)?);
                rest = behind;
            }
            _ => expanded.push(*first),
        }
    }
    let expanded = PathBuf::from(OsString::from_vec(expanded));
    if expanded.is_absolute() {
        // Without the doubled slashes that a runtime directory with one at its end makes.
        Ok(expanded.components().collect())
    } else {
        Err(format!("path '{}' is not absolute", shown(&path.to_string_lossy())))
    }
}

/// The runtime directory, if it can be one. The XDG base directory specification wants an absolute path;
/// an empty one would put secrets into the root directory.
fn usable(runtime_dir: Option<&OsStr>) -> Result<&[u8], String> {
    let Some(directory) = runtime_dir else {
        return Err(
            "cannot find the runtime directory, which '%r' stands for: XDG_RUNTIME_DIR is not set".into()
        );
    };
    let bytes = directory.as_bytes();
    if !bytes.starts_with(b"/") || bytes.split(|byte| *byte == b'/').any(|element| element == b"..") {
        let directory = shown(&directory.to_string_lossy());
        return Err(format!("XDG_RUNTIME_DIR '{directory}' is not an absolute path without '..'"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(path: &str, runtime_dir: &str) -> Result<String, String> {
        expand_path(Path::new(path), Some(OsStr::new(runtime_dir)))
            .map(|path| path.to_string_lossy().into_owned())
    }

    #[test]
    fn r_is_the_runtime_directory_and_two_percent_signs_are_one() {
        let cases = [
            ("%r/secrets.d", "/run/user/1000/secrets.d"),
            ("/home/%r-%%r-100%/l", "/home/run/user/1000-%r-100%/l"),
            ("%r", "/run/user/1000"),
            ("/a/%%%r", "/a/%/run/user/1000"),
            ("/a/%%%%r", "/a/%%r"),
            ("/a/%", "/a/%"),
            ("/a/%x%%x", "/a/%x%x"),
            ("/plain", "/plain"),
        ];
        for (path, expected) in cases {
            assert_eq!(expanded(path, "/run/user/1000"), Ok(expected.into()), "{path}");
        }
        assert_eq!(
            expanded("%r/x", "/%r/%%/"),
            Ok("/%r/%%/x".into()),
            "the directory itself is taken as it is"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_stay_as_they_are() {
        let expanded = expand_path(Path::new("%r/x"), Some(OsStr::from_bytes(b"/run/\xff")));
        assert_eq!(expanded, Ok(PathBuf::from(OsStr::from_bytes(b"/run/\xff/x"))));
    }

    #[test]
    fn a_runtime_directory_that_cannot_be_one_is_refused_where_it_is_needed() {
        for directory in ["", "run", "./x", "/run/../etc"] {
            let fault = expanded("%r/x", directory).unwrap_err();
            assert!(fault.contains(&format!("XDG_RUNTIME_DIR '{directory}'")), "{fault}");
            assert_eq!(expanded("/x", directory), Ok("/x".into()));
        }
        let fault = expand_path(Path::new("/a/%r"), None).unwrap_err();
        assert!(fault.contains("XDG_RUNTIME_DIR is not set"), "{fault}");
        assert_eq!(expand_path(Path::new("/a/%%r"), None), Ok(PathBuf::from("/a/%r")));
    }
}
