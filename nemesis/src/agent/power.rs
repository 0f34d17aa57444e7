//! The machine's power: since when it is on, and cutting it.

use super::procfs;
use crate::wire::power::{Boot, CutPower};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

/// The kernel's own way to reset a machine at once, whatever `kernel.sysrq` allows from a keyboard.
const TRIGGER: &str = "/proc/sysrq-trigger";
/// Between the answer and the end.
const NOTICE: Duration = Duration::from_millis(150);
/// What the kernel calls the first namespaces, by inode: in others we would cut the power of more than
/// the node (`include/linux/proc_ns.h`).
const FIRST: [(&str, u64); 3] = [("pid", 0xEFFF_FFFC), ("user", 0xEFFF_FFFD), ("uts", 0xEFFF_FFFE)];

/// Since when this machine runs, and whether its power can be cut.
pub(crate) fn boot() -> Boot {
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = uptime.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    Boot {
        id: procfs::boot_id(),
        uptime_ms: seconds.map_or(0, |seconds| (seconds * 1000.0) as u64),
        problem: problem(),
    }
}

fn problem() -> Option<String> {
    if FIRST.iter().any(|(name, inode)| !is_first(name, *inode)) {
        return Some("it is a container: its power is that of the machine beneath it".to_owned());
    }
    let opened = OpenOptions::new().write(true).open(TRIGGER);
    opened.err().map(|error| format!("{TRIGGER} cannot be written: {error}"))
}

fn is_first(name: &str, inode: u64) -> bool {
    let link = fs::read_link(format!("/proc/self/ns/{name}")).unwrap_or_default();
    link.to_string_lossy() == format!("{name}:[{inode}]")
}

/// Answers what is about to end, and ends it.
pub(crate) fn cut(what: &CutPower) -> Result<Boot, String> {
    let boot = boot();
    if let Some(problem) = boot.problem {
        return Err(problem);
    }
    if boot.id.is_empty() || boot.id != what.boot {
        return Err(format!("it runs since another boot, {}, not {}", boot.id, what.boot));
    }
    if what.controller.is_empty() || boot.id == what.controller {
        return Err("it is the controller's own machine".to_owned());
    }
    std::thread::spawn(|| {
        std::thread::sleep(NOTICE);
        let reset = OpenOptions::new().write(true).open(TRIGGER);
        if let Err(error) = reset.and_then(|mut trigger| trigger.write_all(b"b")) {
            tracing::error!("the power was not cut: {error}");
        }
    });
    Ok(boot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_has_a_name() {
        let boot = boot();
        assert_eq!(boot.id.len(), 36, "{boot:?}");
        assert!(boot.uptime_ms > 0, "{boot:?}");
    }

    #[test]
    fn neither_another_boot_nor_the_controllers_machine_is_cut() {
        let here = boot().id;
        let ask = |boot: &str, controller: &str| {
            cut(&CutPower { boot: boot.to_owned(), controller: controller.to_owned() })
        };
        for (boot, controller) in [("an earlier one", "x"), (&*here, &*here), (&*here, "")] {
            let refusal = ask(boot, controller).unwrap_err();
            assert!(!refusal.is_empty());
        }
    }
}
