//! Ports already taken: who listens, according to `/proc/net/tcp` on the node.

use super::{COMMAND_LIMIT, run};
use crate::Node;
use crate::control::Command;
use crate::database::Definition;

/// The state LISTEN in `/proc/net/tcp` (include/net/tcp_states.h of the kernel).
const LISTEN: &str = "0A";

/// A socket that listens.
#[derive(Debug, PartialEq, Eq)]
struct Listener {
    port: u16,
    inode: u64,
}

/// Whether nobody listens on any of the definition's ports on `node`.
pub(super) async fn check(node: &Node, definition: &Definition) -> Result<(), String> {
    if definition.ports.is_empty() {
        return Ok(());
    }
    // A kernel without IPv6 has no tcp6: what cat then says does not matter.
    let command = Command::new(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).timeout(COMMAND_LIMIT);
    let output = run(node, &command).await?;
    let listeners = listeners(&String::from_utf8_lossy(&output.stdout));
    for (name, port) in &definition.ports {
        if let Some(listener) = listeners.iter().find(|listener| listener.port == *port) {
            let holder = holder(node, listener.inode).await;
            let holder = holder.map(|holder| format!(" by {holder}")).unwrap_or_default();
            return Err(format!(
                "{}: port {port} ({name}) is already taken{holder}: stop that, or give {} \
                 another port in its database.toml",
                node.name, definition.name
            ));
        }
    }
    Ok(())
}

fn listeners(table: &str) -> Vec<Listener> {
    // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
            (*state == LISTEN).then_some(Listener { port, inode: inode.parse().ok()? })
        })
        .collect()
}

/// The process that has the socket open, as `etcd (pid 4711)`.
async fn holder(node: &Node, inode: u64) -> Option<String> {
    let pattern = format!("socket:\\[{inode}\\]");
    let argv = ["find", "/proc", "-mindepth", "3", "-maxdepth", "3", "-path", "/proc/[0-9]*/fd/*"];
    let argv = argv.into_iter().chain(["-lname", &pattern]).map(str::to_owned);
    let command = Command::new(argv).as_root().timeout(COMMAND_LIMIT);
    let output = run(node, &command).await.ok()?;
    let pid = process_of(&output.text())?;
    let command = Command::new(["cat", &format!("/proc/{pid}/comm")]).timeout(COMMAND_LIMIT);
    let name = run(node, &command).await.ok()?.text();
    Some(if name.is_empty() { format!("pid {pid}") } else { format!("{name} (pid {pid})") })
}

/// `4711` from `/proc/4711/fd/5`.
fn process_of(found: &str) -> Option<u32> {
    found.lines().next()?.split('/').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::process::Command as Process;

    #[test]
    fn own_listeners_are_found_with_their_process() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = TcpListener::bind(address).unwrap();
            let port = socket.local_addr().unwrap().port();
            let mut table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            table.push_str(&std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default());
            let found = listeners(&table);
            let ours = found.iter().find(|listener| listener.port == port).unwrap();
            let pattern = format!("socket:\\[{}\\]", ours.inode);
            let output = Process::new("find")
                .args(["/proc", "-mindepth", "3", "-maxdepth", "3"])
                .args(["-path", "/proc/[0-9]*/fd/*", "-lname", &pattern])
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let pids: Vec<_> = text.lines().filter_map(process_of).collect();
            assert!(pids.contains(&std::process::id()), "{text}");
        }
    }

    #[test]
    fn connections_and_headers_are_no_listeners() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n\
            0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1 0\n\
            1: 0100007F:094C 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 0 0 78 1 0\n";
        assert_eq!(listeners(table), [Listener { port: 2379, inode: 77 }]);
    }
}
