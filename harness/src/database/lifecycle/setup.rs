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
        let mut environment = self.own_environment(&facts, node.index)?;
        let shown = argv.join(" ");
        let argv = match &setup.user {
            None => argv,
            Some(user) => {
                // Through env(1), since a login of another user has an environment of its own.
                let variables = std::mem::take(&mut environment);
                let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
                let head = ["runuser", "-u", user, "--", "env"].map(str::to_owned);
                head.into_iter().chain(variables).chain(argv).collect()
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
