//! `perjury test --vagrant`: a stand-in for Vagrant, and OpenSSH servers of different ports, users and
//! kinds of keys. What real machines do is in `docs/vagrant.md`.
//!
//! The machines are nodes of a local cluster. Of their own SSH servers only this file's script knows; the
//! run inside finds what the stand-in's `ssh-config` says.

mod common;

use common::{Bench, PERJURY, Ran};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// What Vagrant does, as far as it is asked: states are files, and every call leaves a line.
const STAND_IN: &str = r#"#!/bin/sh
set -eu
[ "$1" = --no-color ] && shift
echo "$*" >>"$STAND_IN/calls"
verb=$1; shift
names() { for word; do case $word in -*) ;; *) echo "$word" ;; esac; done; }
case $verb in
  --version) echo "Vagrant 9.9.9" ;;
  status)
    [ "$1" = --machine-readable ]
    echo "1,,ui,info,Current machine states:\n\nn1  running%!(VAGRANT_COMMA) and so on"
    for name in n1 n2 n3; do
      printf '1,%s,metadata,provider,stand-in\n1,%s,provider-name,stand-in\n1,%s,state,%s\n' \
        $name $name $name "$(cat "$STAND_IN/$name.state")"
    done ;;
  ssh-config)
    for name in $(names "$@"); do
      [ "$(cat "$STAND_IN/$name.state")" = running ] || { echo "$name is not running" >&2; exit 1; }
      cat "$STAND_IN/$name.ssh"
      echo
    done ;;
  up)
    for name in $(names "$@"); do
      if [ -e "$STAND_IN/$name.start" ]; then sh "$STAND_IN/$name.start"; fi
      echo running >"$STAND_IN/$name.state"
    done ;;
  halt) for name in $(names "$@"); do echo poweroff >"$STAND_IN/$name.state"; done ;;
  destroy) for name in $(names "$@"); do echo not_created >"$STAND_IN/$name.state"; done ;;
  snapshot) [ "$1" = restore ]; [ "$(cat "$STAND_IN/$2.state")" = running ] ;;
  *) echo "the stand-in does not know $verb" >&2; exit 1 ;;
esac
"#;

/// Starts an OpenSSH server on the node `$1`, on port `$2`, for the user `$3` with a key of the kind `$4`.
/// Everything has blanks in its path.
const SERVER: &str = r#"
machine() {
  name=$1 port=$2 user=$3 kind=$4
  keys="$STAND_IN/keys of $name"
  mkdir -p "$keys"
  ssh-keygen -q -t "$kind" -N "" -f "$keys/private key"
  cat >"$STAND_IN/$name.start" <<END
exec ssh -F "$PERJURY_SSH_CONFIG" $name "mkdir -p /run/sshd; exec /usr/sbin/sshd -f /etc/ssh/machine"
END
  ssh -F "$PERJURY_SSH_CONFIG" $name "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/machine_key
    cat >/etc/ssh/machine" <<END
Port $port
ListenAddress 0.0.0.0
HostKey /etc/ssh/machine_key
PidFile /run/machine.pid
AuthorizedKeysFile /etc/ssh/keys-of-%u
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
END
  public=$(cat "$keys/private key.pub")
  ssh -F "$PERJURY_SSH_CONFIG" $name "
    id $user >/dev/null 2>&1 || useradd --create-home --shell /bin/sh $user
    usermod -p '*' $user
    echo '$public' >/etc/ssh/keys-of-$user
    echo '$user ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/$user; chmod 440 /etc/sudoers.d/$user"
  sh "$STAND_IN/$name.start"
  echo running >"$STAND_IN/$name.state"
  address=$(ssh -F "$PERJURY_SSH_CONFIG" $name ip -o -4 addr show scope global |
    sed 's/.*inet \([0-9.]*\).*/\1/')
  cat >"$STAND_IN/$name.ssh" <<END
Host $name
  HostName ${5:-$address}
  User $user
  Port $port
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile "$keys/private key"
  IdentitiesOnly yes
  LogLevel FATAL
END
  if [ -n "${5:-}" ]; then
    # Its name is known to nobody: only the command finds the way.
    way="exec 3<>/dev/tcp/$address/%p; cat <&3 & exec cat >&3"
    echo "  ProxyCommand bash -c '$way'" >>"$STAND_IN/$name.ssh"
  fi
}
machine n1 2201 root rsa
machine n2 2202 vagrant ed25519
machine n3 2203 ubuntu ecdsa somewhere.invalid
"#;

/// Runs `script` among three such machines; `$P` is the binary, `$STAND_IN` the folder of the Vagrantfile.
fn among_machines(bench: &Bench, script: &str) -> Ran {
    let folder = bench.dir.path().join("virtual machines");
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    fs::write(folder.join("Vagrantfile"), "# The stand-in needs none.\n").expect("a file");
    let program = folder.join("bin/vagrant");
    fs::write(&program, STAND_IN).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    let folder = folder.display();
    let script = format!(
        "set -eu; export STAND_IN=\"{folder}\" PATH=\"{folder}/bin:$PATH\"; P={PERJURY}\n{SERVER}\n{script}"
    );
    bench.run(&["local", "up", "--nodes", "3", "--", "sh", "-c", &script])
}

/// What the stand-in was asked for, but for questions.
fn calls(bench: &Bench) -> Vec<String> {
    let path = bench.dir.path().join("virtual machines/calls");
    let calls = fs::read_to_string(path).expect("the stand-in was called");
    let is_deed =
        |line: &&str| !["status", "ssh-config", "--version"].iter().any(|q| line.starts_with(q));
    calls.lines().filter(is_deed).map(str::to_owned).collect()
}

#[test]
fn every_machine_has_its_own_port_user_key_and_way() {
    let bench = Bench::new();
    let ran = among_machines(
        &bench,
        "$P doctor --vagrant \"$STAND_IN\"
         echo poweroff >\"$STAND_IN/n3.state\"
         $P doctor --vagrant \"$STAND_IN\" || echo \"doctor $?\"
         $P test demo --vagrant \"$STAND_IN\" --time-limit 2s || echo \"test $?\"
         $P test demo --vagrant \"$STAND_IN\" --vagrant-up --vagrant-snapshot clean --seed 6 \
           --nemesis partition --time-limit 9s --nemesis-interval 2s",
    );
    ran.expect_code(0);
    for words in [
        "Vagrant 9.9.9",
        "n1 (root@10.",
        "n2 (vagrant@10.",
        "n3 (ubuntu@somewhere.invalid:2203)",
        "PROBLEM  n3: poweroff by stand-in",
        "doctor 3",
        "test 3",
    ] {
        assert!(ran.stdout.contains(words), "`{words}` is not in:\n{}\n{}", ran.stdout, ran.stderr);
    }
    ran.expect_error("these machines do not run: n3 (poweroff)").expect_error("--vagrant-up");
    let expected = [
        "up n3",
        "snapshot restore n1 clean --no-provision",
        "snapshot restore n2 clean --no-provision",
        "snapshot restore n3 clean --no-provision",
        "halt n3",
    ];
    assert_eq!(calls(&bench), expected);
    let results = bench.results();
    let faults = results["faults"].as_array().expect("faults");
    assert!(faults.iter().any(|fault| fault["outcome"] == "healed"), "{results}");
    bench.assert_nothing_left(Duration::from_secs(2));
}

#[test]
fn a_machine_that_is_destroyed_fails_its_cell_which_is_tried_again() {
    let bench = Bench::new();
    let ran = among_machines(
        &bench,
        r#"cat >nightly.toml <<END
name = "destroyed"
seed = 3
[defaults]
vagrant = "$STAND_IN"
vagrant-up = true
vagrant-keep = true
nemesis = "none"
rate = 50
recovery-limit = "5s"
time-limit = "5s"
[[matrix]]
workload = ["register", "set"]
END
$P campaign nightly.toml --store store & campaign=$!
log=store/campaigns/destroyed/*/logs/demo-register-none-1-1.log
for try in $(seq 200); do grep -q 'load:' $log 2>/dev/null && break; sleep 0.1; done
grep -q 'load:' $log
echo not_created >"$STAND_IN/n2.state"
ssh -F "$PERJURY_SSH_CONFIG" n2 \
  'pkill -9 -f "[d]emo-server"; pkill -9 -f "[p]erjury.* agent"; pkill -9 -x sshd' || true
wait $campaign
"#,
    );
    ran.expect_code(0);
    let campaigns = bench.store().join("campaigns/destroyed");
    let folder = fs::read_dir(campaigns).expect("a campaign").flatten().next().expect("one").path();
    let text = fs::read_to_string(folder.join("campaign.json")).expect("campaign.json");
    let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let codes = |cell: usize| -> Vec<Option<u64>> {
        let attempts = record["cells"][cell]["attempts"].as_array().expect("attempts");
        attempts.iter().map(|attempt| attempt["exit_code"].as_u64()).collect()
    };
    assert_eq!(codes(0), [Some(3), Some(0)], "{text}");
    assert_eq!(codes(1), [Some(0)], "{text}");
    assert_eq!(calls(&bench), ["up n2"]);
}
