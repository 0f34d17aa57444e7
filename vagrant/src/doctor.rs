//! `perjury doctor --vagrant DIR`: what is missing before machines can be used.

use crate::command::Vagrant;
use crate::status::{self, State};
use perjury_harness::machines::{Check, Severity};
use std::path::Path;

const HERE: &str = "vagrant";

/// Looks from the outside in: the folder, the program, what it says, the machines.
pub(crate) async fn look(directory: &Path) -> Vec<Check> {
    let problem =
        |what: String, remedy: &str| vec![Check::bad(HERE, Severity::Problem, what, remedy)];
    let vagrant = match Vagrant::at(directory) {
        Ok(vagrant) => vagrant,
        Err(error) => {
            return problem(error, "give the folder of a Vagrantfile, such as --vagrant vagrant");
        }
    };
    let version = match vagrant.ask(&["--version"]).await {
        Ok(version) => version,
        Err(error) => {
            return problem(
                error,
                "on Debian: apt-get install vagrant vagrant-libvirt, or run vagrant/lab",
            );
        }
    };
    let mut checks = vec![Check::good(HERE, version.trim())];
    let told = vagrant.ask(&status::COMMAND).await.and_then(|text| status::parse(&text));
    let machines = match told {
        Ok(machines) => machines,
        Err(error) => {
            let remedy = "see that `vagrant status` works in that folder; on a machine without KVM, \
                          vagrant/lab starts what it needs";
            checks.extend(problem(error, remedy));
            return checks;
        }
    };
    for machine in &machines {
        let provider = if machine.provider.is_empty() { "?" } else { &machine.provider };
        let what = format!("{} by {provider}", machine.state.word());
        checks.push(match machine.state {
            State::Running => Check::good(&machine.name, what),
            _ => Check::bad(
                &machine.name,
                Severity::Problem,
                what,
                format!("vagrant up {}, or perjury test --vagrant-up", machine.name),
            ),
        });
    }
    if machines.iter().any(|machine| machine.provider == "libvirt")
        && !Path::new("/dev/kvm").exists()
    {
        let what =
            "there is no /dev/kvm: processors are emulated, and everything takes ten times as long";
        checks.push(Check::bad(
            HERE,
            Severity::Warning,
            what,
            "give the machine KVM, or give runs time",
        ));
    }
    checks
}
