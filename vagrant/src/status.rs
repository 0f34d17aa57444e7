//! What `vagrant status --machine-readable` says: lines of `time,machine,kind,data...`.

/// The question.
pub(crate) const COMMAND: [&str; 2] = ["status", "--machine-readable"];

/// A machine as Vagrant knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) name: String,
    /// `libvirt`, `virtualbox`; empty when it does not say.
    pub(crate) provider: String,
    pub(crate) state: State,
}

/// What a machine is doing, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    NotCreated,
    /// Off, saved, paused: in the provider's word.
    Down(String),
}

impl State {
    fn of(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "not_created" | "preparing" => Self::NotCreated,
            other => Self::Down(other.to_owned()),
        }
    }

    /// For messages.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::NotCreated => "not created",
            Self::Down(word) => word,
        }
    }
}

/// The machines, in the order of the Vagrantfile.
pub(crate) fn parse(text: &str) -> Result<Vec<Machine>, String> {
    let mut machines: Vec<Machine> = Vec::new();
    let mut errors = Vec::new();
    for line in text.lines() {
        let fields: Vec<String> = line.split(',').map(unescape).collect();
        let [_, name, kind, data @ ..] = &fields[..] else { continue };
        let first = data.first().map_or("", String::as_str);
        match &**kind {
            "error-exit" => errors.push(data.get(1).map_or(first, String::as_str).to_owned()),
            "state" if !name.is_empty() => {
                machine(&mut machines, name).state = State::of(first);
            }
            "provider-name" if !name.is_empty() => {
                first.clone_into(&mut machine(&mut machines, name).provider);
            }
            _ => {}
        }
    }
    if let Some(error) = errors.first() {
        return Err(error.trim().replace('\n', " "));
    }
    if machines.is_empty() {
        return Err(
            "`vagrant status` names no machine: does the Vagrantfile define any?".to_owned()
        );
    }
    Ok(machines)
}

fn machine<'a>(machines: &'a mut Vec<Machine>, name: &str) -> &'a mut Machine {
    let position = machines.iter().position(|machine| machine.name == name);
    let position = position.unwrap_or_else(|| {
        let state = State::Down("unknown".to_owned());
        machines.push(Machine { name: name.to_owned(), provider: String::new(), state });
        machines.len() - 1
    });
    &mut machines[position]
}

/// Commas and ends of lines are written in words of Vagrant's own.
fn unescape(field: &str) -> String {
    field.replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n").replace("\\r", "\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\
1764023531,n1,metadata,provider,libvirt
1764023532,,ui,info,Machine states are told below%!(VAGRANT_COMMA) mind\\nthem
1764023532,n1,provider-name,libvirt
1764023532,n1,state,running
1764023532,n1,state-human-short,running
1764023532,n1,state-human-long,It is running. To stop it%!(VAGRANT_COMMA) you can run
1764023532,n2,provider-name,virtualbox
1764023532,n2,state,poweroff
1764023532,db-3,provider-name,libvirt
1764023532,db-3,state,not_created
";

    #[test]
    fn machines_keep_their_order_and_say_what_they_do() {
        let machines = parse(TWO).unwrap();
        let told: Vec<(&str, &str, &str)> = machines
            .iter()
            .map(|machine| (&*machine.name, &*machine.provider, machine.state.word()))
            .collect();
        let expected = [
            ("n1", "libvirt", "running"),
            ("n2", "virtualbox", "poweroff"),
            ("db-3", "libvirt", "not created"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_error_is_told_in_its_own_words() {
        let text = "1764023531,,ui,error,x\n\
                    1764023531,,error-exit,Vagrant::Errors::NoEnvironmentError,A Vagrant environment is \
                    required%!(VAGRANT_COMMA)\\nrun `vagrant init`\n";
        let error = parse(text).unwrap_err();
        assert_eq!(error, "A Vagrant environment is required, run `vagrant init`");
    }

    #[test]
    fn no_machine_at_all_is_an_error() {
        for text in ["", "\n\n", "1764023531,,ui,info,x", "garbage", "1,2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
