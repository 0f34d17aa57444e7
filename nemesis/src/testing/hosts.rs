//! Hosts for tests: nodes with networks and kernels' firewalls of their own, in namespaces.

use super::{Lab, shell};
use serde_json::json;
use std::process::{Child, Command, Stdio};

/// Hosts with networks of their own: a network namespace each, joined by a bridge, with IPv4 and
/// IPv6. Only inside [`super::in_namespaces`].
pub(crate) struct Hosts {
    pub(crate) lab: Lab,
    pub(crate) holders: Vec<Child>,
}

impl Hosts {
    pub(crate) fn new(size: usize, control: &str) -> Self {
        shell("ip link add bridge type bridge && ip link set bridge up && ip link set lo up");
        let mut holders = Vec::new();
        let mut nodes = Vec::new();
        for n in 1..=size {
            let mut holder = Command::new("unshare")
                .args(["--net", "/bin/sh", "-c", "echo; exec sleep 1000"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0]).unwrap();
            let pid = holder.id();
            shell(&format!(
                "ip link add veth{n} type veth peer name data netns {pid}
                 ip link set veth{n} master bridge up
                 nsenter -t {pid} -n sh -ec 'ip link set lo up; ip link set data up
                 ip addr add 10.77.0.{n}/24 dev data; ip addr add fd77::{n}/64 dev data nodad'"
            ));
            holders.push(holder);
            let mut command = Command::new("nsenter");
            command
                .args(["-t", &pid.to_string(), "-n"])
                .arg(std::env::current_exe().unwrap())
                .env("SSH_CONNECTION", control);
            nodes.push((command, format!("10.77.0.{n}").parse().unwrap()));
        }
        Self { lab: Lab::with(nodes, None), holders }
    }

    /// Whether a TCP connection gets an answer.
    pub(crate) fn connects(&self, from: usize, to: &str) -> bool {
        let with = json!({"targets": [to], "timeout_ms": 400});
        let answer = self.lab.call(from, "net.probe", with).unwrap();
        matches!(answer[0]["reach"].as_str(), Some("reached" | "refused"))
    }

    pub(crate) fn table(&self, node: usize) -> String {
        let pid = self.holders[node].id().to_string();
        let output = Command::new("nsenter")
            .args(["-t", &pid, "-n", "nft", "list", "ruleset"])
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}
