//! Quoting: the one place where a command becomes the string that SSH transports.
//!
//! SSH's `exec` request carries one string, which the server hands to the user's login shell.
//! The string sent here is `exec /bin/sh -c SCRIPT` (through `sudo -n --` for root), quoted so
//! that sh, dash, bash and zsh read it alike; SCRIPT exports the environment, changes directory
//! and `exec`s the program, so the program itself is what the server waits for and signals.

use super::Command;

/// A program may be handed at most 128 KiB in one argument (Linux's `MAX_ARG_STRLEN`), and the
/// whole string is one argument of the login shell.
const MAX_RENDERED_BYTES: usize = 120 << 10;

/// Environment variable by which a command and all that it started are found again on the node.
pub(super) const MARK: &str = "PERJURY_COMMAND";

/// The string for SSH's `exec` request, or why there is none.
///
/// `mark` is put into the environment under [`MARK`].
pub(super) fn render(command: &Command, user: &str, mark: Option<&str>) -> Result<String, String> {
    let script = script(command, mark)?;
    let sudo = if command.root && user != "root" { "sudo -n -- " } else { "" };
    let rendered = format!("exec {sudo}/bin/sh -c {}", quote(&script)?);
    if rendered.len() > MAX_RENDERED_BYTES {
        return Err(format!(
            "it is {} bytes long and at most {MAX_RENDERED_BYTES} can be passed: hand the data \
             over on standard input or in a file",
            rendered.len()
        ));
    }
    Ok(rendered)
}

fn script(command: &Command, mark: Option<&str>) -> Result<String, String> {
    let program = command.argv.first().map_or("", String::as_str);
    if program.is_empty() {
        return Err("it has no program".to_owned());
    }
    if program.starts_with('-') {
        return Err("a program's name cannot begin with `-`: write its path".to_owned());
    }
    let mut script = String::from(
        "PATH=\"${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin\"; export PATH; ",
    );
    if let Some(mark) = mark {
        script += &format!("export {MARK}={mark}; ");
    }
    for (name, value) in &command.env {
        if !is_variable(name) {
            return Err(format!("`{name}` is not the name of an environment variable"));
        }
        script += &format!("export {name}={}; ", quote(value)?);
    }
    if let Some(dir) = &command.dir {
        // `cd -` would mean something else.
        let dir = if dir.starts_with('-') { format!("./{dir}") } else { dir.clone() };
        script += &format!("cd {} || exit 126; ", quote(&dir)?);
    }
    script += "exec";
    for argument in &command.argv {
        script.push(' ');
        script += &quote(argument)?;
    }
    Ok(script)
}

/// One word for a shell.
fn quote(word: &str) -> Result<std::borrow::Cow<'_, str>, String> {
    shlex::try_quote(word).map_err(|_| "an argument contains a NUL byte".to_owned())
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command as Local, Stdio};

    /// Through a real shell, as the login shell would do it.
    fn run(shell: &str, command: &Command, user: &str, path: Option<&str>) -> String {
        let rendered = render(command, user, None).unwrap();
        let mut child = Local::new(shell);
        child.arg("-c").arg(rendered).stderr(Stdio::inherit());
        if let Some(path) = path {
            child.env("PATH", path);
        }
        String::from_utf8(child.output().unwrap().stdout).unwrap()
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
        #[test]
        fn any_arguments_come_through_a_shell(
            arguments in proptest::collection::vec("[^\\x00]{0,12}", 0..4),
            value in "[^\\x00]{0,12}",
        ) {
            let mut argv = vec!["/usr/bin/printf".to_owned(), "%s\\n<>\\n".to_owned()];
            argv.push("first".to_owned());
            argv.extend(arguments.clone());
            let expected: String =
                std::iter::once("first").chain(arguments.iter().map(String::as_str))
                    .map(|a| format!("{a}\n<>\n")).collect();
            let command = Command::new(argv).env("VALUE", value.clone());
            for shell in ["sh", "bash"] {
                proptest::prop_assert_eq!(run(shell, &command, "root", None), expected.clone());
            }
            let echo = Command::new(["/bin/sh", "-c", "printf %s \"$VALUE\""]).env("VALUE", value.clone());
            proptest::prop_assert_eq!(run("sh", &echo, "root", None), value);
        }
    }

    #[test]
    fn root_goes_through_sudo_only_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let sudo = dir.path().join("sudo");
        std::fs::write(&sudo, "#!/bin/sh\necho \"sudo $1 $2\"\nshift 2\nexec \"$@\"\n").unwrap();
        std::fs::set_permissions(&sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let command = Command::new(["echo", "it's"]).as_root();
        assert_eq!(run("sh", &command, "vagrant", Some(&path)), "sudo -n --\nit's\n");
        assert_eq!(run("sh", &command, "root", Some(&path)), "it's\n");
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let none: [&str; 0] = [];
        let big = "x".repeat(MAX_RENDERED_BYTES);
        for (command, word) in [
            (Command::new(none), "no program"),
            (Command::new(["-x"]), "begin with"),
            (Command::new(["echo", "a\0b"]), "NUL"),
            (Command::new(["echo", &big]), "standard input"),
            (Command::new(["echo"]).env("A=B", ""), "environment variable"),
        ] {
            let error = render(&command, "root", None).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn the_directory_is_changed_to() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a 'b'");
        std::fs::create_dir(&odd).unwrap();
        let command = Command::new(["pwd"]).dir(odd.to_str().unwrap());
        assert_eq!(run("sh", &command, "root", None).trim_end(), odd.to_str().unwrap());
    }
}
