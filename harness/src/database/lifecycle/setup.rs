//! Set-up commands: what makes a node, or the cluster, what it has to be, once a run.

use super::{Lifecycle, ended, run};
use crate::control::Command;
use crate::database::definition::{Moment, Setup};
use crate::{Cluster, Node};

impl Lifecycle {
    /// Runs the commands of `at` that are meant for `node`, in order. The error tells what the first
    /// that failed said.
    pub(super) async fn set_up(
        &self,
        cluster: &Cluster,
        node: &Node,
        at: Moment,
    ) -> Result<(), String> {
        for setup in &self.definition.setup {
            if setup.at == at && self.is_meant(setup, node.index) {
                self.run_setup(cluster, node, setup).await?;
            }
        }
        Ok(())
    }

    fn is_meant(&self, setup: &Setup, here: usize) -> bool {
        let holds =
            |at: usize| setup.condition.holds(&self.options, self.definition.role(at), true);
        holds(here) && !(setup.once && (0..here).any(holds))
    }

    async fn run_setup(&self, cluster: &Cluster, node: &Node, setup: &Setup) -> Result<(), String> {
        let facts = self.facts(cluster);
        let argv = self.render_all(&setup.command, &facts, node.index)?;
        let environment = self.own_environment(&facts, node.index)?;
        let shown = argv.join(" ");
        let argv = match &setup.user {
            None => argv,
            Some(user) => {
                let head = ["/bin/sh", "-c", RUN_AS, "sh", user].map(str::to_owned);
                head.into_iter().chain(argv).collect()
            }
        };
        let mut command = Command::new(argv).as_root().timeout(setup.timeout).dir("/");
        for (name, value) in environment {
            command = command.env(name, value);
        }
        let output = run(node, &command).await?;
        if output.success() {
            return Ok(());
        }
        Err(format!("{}: the set-up command `{shown}` {}", node.name, ended(&output)))
    }
}

/// Runs `$2 …` as user `$1`: really, or, where an ordinary user's local nodes have only one user, in
/// a namespace in which that one has the other's number.
const RUN_AS: &str = r#"
user=$1
shift
HOME=$(grep "^$user:" /etc/passwd | cut -d: -f6) USER=$user
export HOME USER
if setpriv --reuid "$user" --regid "$user" --init-groups true 2>/dev/null; then
    exec setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
fi
exec unshare --user --map-user="$(id -u "$user")" --map-group="$(id -g "$user")" -- "$@"
"#;
