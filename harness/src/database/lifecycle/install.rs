//! Installation: packages, an archive, and users that local nodes lack.

use super::{COMMAND_LIMIT, INSTALL_LIMIT, Lifecycle, ended, parent, run};
use crate::control::{Command, Exit};
use crate::local::archives;
use crate::{Cluster, Node};
use std::time::Duration;

/// Unpacking hundreds of megabytes takes its time.
const UNPACK_LIMIT: Duration = Duration::from_secs(300);

impl Lifecycle {
    /// Installs the archive, and the packages where the program is absent. The error says what to do.
    pub async fn install(&self, cluster: &Cluster, node: &Node) -> Result<(), String> {
        self.put_archive(node).await?;
        self.install_program(cluster, node).await?;
        self.make_users(node).await
    }

    async fn install_program(&self, cluster: &Cluster, node: &Node) -> Result<(), String> {
        let Some(program) = &self.definition.program else { return Ok(()) };
        let program = self.render(program, &self.facts(cluster), node.index)?;
        if has_program(node, &program).await? {
            return Ok(());
        }
        let packages = self.definition.packages.join(" ");
        if self.layered || packages.is_empty() {
            let name = &self.definition.name;
            let how = match (self.layered, packages.is_empty()) {
                (true, false) => format!("install it on this machine: apt-get install {packages}"),
                (true, true) => "install it on this machine".to_owned(),
                (false, _) => format!("install it on {} and have it on PATH", node.name),
            };
            return Err(format!(
                "{}: {name} needs the program `{program}`: {how}, or correct `program` under [install] \
                 of its database.toml",
                node.name
            ));
        }
        self.install_packages(node).await?;
        if has_program(node, &program).await? {
            return Ok(());
        }
        Err(format!(
            "{}: `{program}` is not on PATH even after apt-get install {packages}: \
             is `install.program` of its database.toml right?",
            node.name
        ))
    }

    async fn install_packages(&self, node: &Node) -> Result<(), String> {
        let mut argv: Vec<String> =
            ["/bin/sh", "-c", INSTALL_SCRIPT, "sh"].map(str::to_owned).into();
        argv.extend(self.definition.packages.iter().cloned());
        let command = Command::new(argv).as_root().timeout(INSTALL_LIMIT);
        let output = run(node, &command).await?;
        if output.success() {
            return Ok(());
        }
        Err(format!(
            "{}: apt-get install {} {}",
            node.name,
            self.definition.packages.join(" "),
            ended(&output)
        ))
    }

    /// Puts the archive where the definition says, unless the same is there already.
    async fn put_archive(&self, node: &Node) -> Result<(), String> {
        let Some(wanted) = &self.definition.archive else { return Ok(()) };
        let fetched = archives::fetch(wanted, self.folder.as_deref()).map_err(|e| e.to_string())?;
        let mark = format!("{}/.perjury-{}", wanted.into, fetched.sha256);
        let there = Command::new(["test", "-e", &mark]).as_root().timeout(COMMAND_LIMIT);
        if run(node, &there).await?.success() {
            return Ok(());
        }
        let above = parent(&wanted.into);
        let clear = format!("rm -rf -- \"$1\" && mkdir -p -- \"$1\" \"{above}\"");
        self.must(
            node,
            ["/bin/sh", "-c", &clear, "sh", &wanted.into].map(str::to_owned),
            UNPACK_LIMIT,
        )
        .await?;
        let remote = format!("{}/{}", wanted.into, fetched.name);
        node.session
            .upload(&fetched.path, &remote, 0o755)
            .await
            .map_err(|error| format!("{}: {remote} was not written: {error}", node.name))?;
        if fetched.is_tar() {
            let unpack = ["tar", "-x", "-f", &remote, "-C", &wanted.into, "--no-same-owner"];
            self.must(node, unpack.map(str::to_owned), UNPACK_LIMIT).await?;
            self.must(node, ["rm", "--", &remote].map(str::to_owned), COMMAND_LIMIT).await?;
        }
        self.must(node, ["touch", "--", &mark].map(str::to_owned), COMMAND_LIMIT).await
    }

    /// On local nodes no package's script has made the users that it wants: they are made in the
    /// node's own `/etc/passwd`.
    async fn make_users(&self, node: &Node) -> Result<(), String> {
        if !self.layered {
            return Ok(());
        }
        let setups = self.definition.setup.iter().filter_map(|setup| setup.user.as_ref());
        let mut users: Vec<&String> = self.definition.start.user.iter().chain(setups).collect();
        users.sort();
        users.dedup();
        for user in users {
            let argv = ["/bin/sh", "-c", USER_SCRIPT, "sh", user].map(str::to_owned);
            self.must(node, argv, COMMAND_LIMIT).await?;
        }
        Ok(())
    }
}

/// Installs with services held back: a database that its package starts would take the ports.
pub(super) const INSTALL_SCRIPT: &str = r#"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 143' TERM INT HUP
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy" || exit 1
fi
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -- "$@"
}
install "$@" || { apt-get update -q && install "$@"; }
"#;

/// Makes user and group `$1` unless they are there, with the first number that nobody has.
const USER_SCRIPT: &str = r#"
grep -q "^$1:" /etc/passwd && exit 0
# On an ordinary user's local nodes these belong to a user who is not there.
for file in /etc/passwd /etc/group; do
    [ -w "$file" ] && continue
    copy=$(mktemp) && cat "$file" > "$copy" && chmod 644 "$copy" && mount --bind "$copy" "$file" || exit 1
done
number=990
while grep -q "^[^:]*:[^:]*:$number:" /etc/passwd /etc/group; do number=$((number - 1)); done
grep -q "^$1:" /etc/group || echo "$1:x:$number:" >> /etc/group
group=$(grep "^$1:" /etc/group | cut -d: -f3)
echo "$1:x:$number:$group:made for a test:/var/lib/$1:/bin/sh" >> /etc/passwd
"#;

async fn has_program(node: &Node, program: &str) -> Result<bool, String> {
    // As root, who has /usr/sbin on PATH and for whom the agent will look it up.
    let argv = ["/bin/sh", "-c", "command -v -- \"$1\"", "sh", program];
    let command = Command::new(argv).as_root().timeout(COMMAND_LIMIT);
    let output = run(node, &command).await?;
    match output.exit {
        Exit::Code(0) => Ok(true),
        Exit::Code(1 | 127) => Ok(false),
        _ => Err(format!("{}: looking for `{program}` {}", node.name, ended(&output))),
    }
}
