//! Tables of each workload, and what is in them before the first client.

use crate::settings::Settings;
use crate::workloads::Workload;

/// InnoDB has transactions, and is the default nearly everywhere; TiDB takes the word and ignores it.
const ENGINE: &str = "ENGINE=InnoDB";

/// Statements that make what `workload` needs; made again, they change nothing.
pub(crate) fn statements(workload: Workload, settings: &Settings) -> Vec<String> {
    let table = |name: &str, columns: &str| {
        format!("CREATE TABLE IF NOT EXISTS {name} ({columns}) {ENGINE}")
    };
    let touched = "touched BIGINT NOT NULL DEFAULT 0";
    match workload {
        Workload::Register => {
            vec![table("registers", "k BIGINT PRIMARY KEY, v BIGINT NOT NULL")]
        }
        Workload::ListAppend => {
            let columns = format!("k BIGINT PRIMARY KEY, v LONGTEXT NULL, {touched}");
            vec![table("lists", &columns)]
        }
        Workload::RwRegister => {
            let columns = format!("k BIGINT PRIMARY KEY, v BIGINT NULL, {touched}");
            vec![table("pairs", &columns)]
        }
        Workload::Set => vec![table("elements", "v BIGINT PRIMARY KEY")],
        Workload::Counter => vec![
            table("counters", "id INT PRIMARY KEY, n BIGINT NOT NULL"),
            "INSERT IGNORE INTO counters (id, n) VALUES (0, 0)".to_owned(),
        ],
        Workload::Bank => {
            let balance = settings.balance;
            let rows = (0..settings.accounts).map(|account| format!("({account}, {balance})"));
            let rows = rows.collect::<Vec<_>>().join(", ");
            let columns = format!("id INT PRIMARY KEY, balance BIGINT NOT NULL, {touched}");
            let mut all = vec![table("accounts", &columns)];
            if !rows.is_empty() {
                all.push(format!("INSERT IGNORE INTO accounts (id, balance) VALUES {rows}"));
            }
            all
        }
        Workload::Queue => {
            vec![table("queue", "id BIGINT AUTO_INCREMENT PRIMARY KEY, v BIGINT NOT NULL")]
        }
        Workload::Lock => vec![
            table("locks", "id INT PRIMARY KEY, holders BIGINT NOT NULL"),
            "INSERT IGNORE INTO locks (id, holders) VALUES (0, 0)".to_owned(),
        ],
    }
}

/// A table of `workload`, to ask whether it is there.
pub(crate) fn table(workload: Workload) -> &'static str {
    match workload {
        Workload::Register => "registers",
        Workload::ListAppend => "lists",
        Workload::RwRegister => "pairs",
        Workload::Set => "elements",
        Workload::Counter => "counters",
        Workload::Bank => "accounts",
        Workload::Queue => "queue",
        Workload::Lock => "locks",
    }
}
