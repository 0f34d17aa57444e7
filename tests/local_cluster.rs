//! Local clusters, through the real binary: as whoever runs the tests and as an ordinary user.

mod local;

use local::{Lab, Survivors, User};
use std::time::{Duration, Instant};

/// Runs a test as both kinds of user, where there are both.
fn as_each_user(test: impl Fn(&Lab)) {
    for user in User::all() {
        test(&Lab::new(*user));
    }
}

#[test]
fn nodes_have_names_and_keep_their_changes_to_themselves() {
    as_each_user(|lab| {
        let output = lab.script(
            3,
            &[],
            r#"
            for n in n1 n2 n3; do on $n 'echo "name $(hostname) $(cat /etc/hostname)"'; done
            on n1 'for d in /etc /opt /srv /tmp /run /root /home /usr/local/bin /var/lib /var/log /var/tmp; do
                       echo mine > $d/planted || echo "n1 may not write to $d"
                   done' 2>&1
            for n in n1 n2; do
                on $n 'cat /{etc,opt,srv,tmp,run,root,home,usr/local/bin,var/{lib,log,tmp}}/planted' bash \
                    2>/dev/null | wc -l
            done
            on n1 'mkdir -p /var/lib/db/wal && rm -rf /var/lib/db && mkdir /var/lib/db && echo again'
            on n3 'tail -1 /etc/hosts; getent ahostsv4 n1 | head -1; getent ahostsv6 n2 | head -1; id -u'
            "#,
        );
        output.has("name n1 n1\nname n2 n2\nname n3 n3\n11\n0\nagain\n");
        output.has("fd70:6a::1\tperjury\n10.99.0.10 ");
        output.has("fd70:6a::11 ");
        assert!(!output.text.contains("may not write"), "{}", output.text);
        assert!(!std::path::Path::new("/opt/planted").exists());
    });
}

#[test]
fn layers_are_unpacked_and_the_program_itself_is_there() {
    as_each_user(|lab| {
        let output = lab.script(
            1,
            &[],
            r#"on n1 'p=$(ls -t /var/tmp/perjury/perjury-* | head -n 1); stat -c %A $p
                      (echo x > $p) 2>/dev/null || echo locked
                      $p local up --help | head -1; sha256sum $p | cut -c1-16; basename $p | cut -d- -f2'"#,
        );
        output.has("-rwxr-xr-x\n");
        output.has("locked\nBrings a local cluster up");
        let lines: Vec<&str> = output.text.lines().rev().take(2).collect();
        assert_eq!(lines[0], lines[1]);
    });
}

#[test]
fn nodes_and_controller_talk_over_both_protocols() {
    as_each_user(|lab| {
        let output = lab.script(
            3,
            &["--links", "links.json"],
            r#"
            serve n2 7000
            for to in 10.99.0.11 fd70:6a::11 n2; do on n1 "$(say $to 7000)"; done
            sh -c "$(say n2 7000)"
            "#,
        );
        for from in ["10.99.0.10", "fd70:6a::10", "10.99.0.10", "10.99.0.1\n"] {
            output.has(&format!("heard {from}"));
        }
        let links = lab.links();
        assert!(links.delivered("n1", "n2") >= 10, "{links:?}");
        assert!(links.delivered("controller", "n2") >= 3, "{links:?}");
        assert!(links.nothing_dropped(), "{links:?}");
    });
}

#[test]
fn a_cut_is_one_way_and_counted() {
    as_each_user(|lab| {
        let output = lab.script(
            3,
            &["--cut", "n1:n2", "--links", "links.json"],
            r#"
            listen n1; listen n2; listen n3
            on n1 'for to in 10.99.0.11 fd70:6a::11 10.99.0.12; do echo from1 >/dev/udp/$to/7001; done' bash
            on n2 'for to in 10.99.0.10 fd70:6a::10 10.99.0.12; do echo from2 >/dev/udp/$to/7001; done' bash
            sleep 0.3
            for n in n1 n2 n3; do echo "$n heard $(on $n 'sort /tmp/heard | tr "\n" " "')"; done
            "#,
        );
        output.has("n1 heard from2 from2 \nn2 heard \nn3 heard from1 from2 \n");
        let links = lab.links();
        assert!(links.dropped("n1", "n2") >= 2, "{links:?}");
        assert!(links.delivered("n2", "n1") >= 2 && links.dropped("n2", "n1") == 0, "{links:?}");
    });
}

#[test]
fn the_control_link_survives_every_cut() {
    as_each_user(|lab| {
        let cuts = ["--cut", "n1:n2", "--cut", "n2:n1", "--cut", "n1:controller"];
        let cuts = [&cuts[..], &["--cut", "controller:n1"]].concat();
        let output = lab.script(2, &cuts, "on n1 'ip link set eth0 down 2>&1; echo still here'");
        output.has("still here\n");
    });
}

#[test]
fn commands_over_ssh_end_as_they_ended() {
    as_each_user(|lab| {
        let output = lab.script(
            1,
            &[],
            r#"
            on n1 'exit 7'; echo "code $?"
            on n1 'kill -9 $$'; echo "signal $?"
            on n1 'echo out; echo err >&2' 2>/dev/null
            on n1 'echo out >/dev/null; echo err >&2' 2>&1 >/dev/null
            echo input | on n1 'cat; echo "eof"'
            on n1 'head -c 30000000 /dev/zero' | wc -c
            head -c 30000000 /dev/zero | on n1 'wc -c'
            head -c 3000000 /dev/zero | on n1 'sleep 0.2; echo unread'
            on n1 'sleep 60 >/dev/null 2>&1 & echo background'
            on n1 'no-such-program' 2>/dev/null; echo "missing $?"
            for i in 1 2 3 4 5 6 7 8; do on n1 "sleep 0.2; echo parallel" & done; wait
            on n1 'for i in 1 2 3; do (sleep 0.1 &); done; sleep 0.4; ps -o stat= ax | grep -c Z; true'
            "#,
        );
        output.has(
            "code 7\nsignal 255\nout\nerr\ninput\neof\n30000000\n30000000\nunread\nbackground\n",
        );
        output.has("missing 127\n");
        assert_eq!(output.text.matches("parallel").count(), 8, "{}", output.text);
        assert!(output.text.ends_with("\n0\n"), "zombies: {}", output.text);
    });
}

#[test]
fn files_go_both_ways_and_only_the_right_key_logs_in() {
    as_each_user(|lab| {
        let output = lab.script(
            1,
            &[],
            r#"
            cd /dev/shm
            head -c 5000000 /dev/urandom > big
            printf '%s\n' 'put big /root/there' 'chmod 640 /root/there' 'mkdir /root/d' \
                'rename /root/there /root/d/moved' 'get /root/d/moved back' 'ls -l /root/d' \
                'symlink /etc/hostname /root/d/link' 'get /root/d/link name' 'rm /root/d/link' \
                '-get /root/none none' 'rm /root/d/moved' 'rmdir /root/d' 'ls -a /root' > batch
            sftp -F $PERJURY_SSH_CONFIG -b batch n1 2>&1 | grep -v '^sftp>'
            cmp big back && echo same; cat name
            ssh-keygen -q -t ed25519 -N '' -f other
            sed 's/IdentityFile.*/IdentityFile other/' $PERJURY_SSH_CONFIG > wrong
            ssh -F wrong n1 true 2>&1
            sed 's/^n1 .*/n1 '"$(cut -d' ' -f1,2 other.pub | sed 's,/,\\/,g')"'/' ssh/known_hosts > known
            sed 's/UserKnownHostsFile.*/UserKnownHostsFile known/' $PERJURY_SSH_CONFIG > stranger
            ssh -F stranger n1 true 2>&1 | grep -c 'verification failed'
            "#,
        );
        output.has("same\nn1\n");
        output.has("5000000");
        output.has("Permission denied (publickey).");
        assert!(output.text.ends_with("\n1\n"), "{}", output.text);
    });
}

#[test]
fn exit_codes_and_files_are_the_users() {
    as_each_user(|lab| {
        assert_eq!(lab.run(&["--nodes", "1"], &["sh", "-c", "exit 42"]).code, 42);
        assert_eq!(lab.run(&["--nodes", "1"], &["sh", "-c", "kill -9 $$"]).code, 137);
        let file = lab.home().join("made-inside");
        let made = lab.run(&["--nodes", "1"], &["touch", file.to_str().unwrap()]);
        assert_eq!(made.code, 0, "{}", made.text);
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(&file).unwrap().uid(), lab.uid());
        let missing = lab.run(&["--nodes", "1"], &["/no/such/program"]);
        assert_eq!(missing.code, 3);
        missing.has("/no/such/program could not be started");
    });
}

#[test]
fn bad_arguments_are_refused_before_anything_starts() {
    let lab = Lab::new(User::all()[0]);
    for (options, message) in [
        (&["--nodes", "0"][..], "1 to 32 nodes"),
        (&["--nodes", "33"], "1 to 32 nodes"),
        (&["--cut", "n1:n9"], "`--cut n1:n9`"),
        (&["--package", "etcd"], "PACKAGE:PROGRAM"),
        (&["--colour"], "--colour"),
    ] {
        let output = lab.run(options, &["true"]);
        assert_eq!(output.code, 254, "{options:?}: {}", output.text);
        output.has(message);
    }
}

#[test]
fn a_signal_arrives_once_and_teardown_follows() {
    as_each_user(|lab| {
        for signal in ["INT", "TERM"] {
            // The whole process group is signalled, as a terminal and `timeout` do.
            let child = lab.start_script(
                2,
                &format!("trap 'echo got-{signal}' {signal}; echo ready; sleep 1 & wait; sleep 0.5; exit 9"),
            );
            let output = child.signal_group_when_ready(signal);
            assert_eq!(output.code, 9, "{}", output.text);
            assert_eq!(output.text.matches("got-").count(), 1, "{}", output.text);
        }
    });
}

#[test]
fn nothing_survives_however_it_dies() {
    as_each_user(|lab| {
        // From before the namespaces exist until well after the nodes are up.
        for (round, delay) in
            [0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200, 350].iter().enumerate()
        {
            let mut child = lab.start_script(3, "on n1 'sleep 300 & sleep 300'");
            std::thread::sleep(Duration::from_millis(*delay));
            let survivors = Survivors::watch(&child);
            assert!(survivors.count() > 0, "the search must find what lives");
            if round % 3 == 2 {
                child.kill_controller();
            } else {
                child.kill();
            }
            survivors.must_be_gone();
        }
    });
}

#[test]
fn five_nodes_are_up_in_three_seconds_and_gone_in_one() {
    as_each_user(|lab| {
        let best = (0..3)
            .map(|_| {
                let started = Instant::now();
                assert_eq!(lab.run(&["--nodes", "5"], &["true"]).code, 0);
                started.elapsed()
            })
            .min()
            .unwrap();
        assert!(best < Duration::from_secs(4), "up and down took {best:?}");
    });
}

#[test]
fn without_the_right_to_namespaces_the_remedy_is_named() {
    let lab = Lab::new(*User::all().last().unwrap());
    // A user namespace in which no further one may be made, and whose root has no capabilities.
    let output = lab.wrapped(&[
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --no-new-privs --bounding-set=-all \
         --inh-caps=-all \"$0\" local up -- true",
    ]);
    assert_eq!(output.code, 3, "{}", output.text);
    output.has("local clusters cannot run here: this user may not create a user namespace");
    output.has("sysctl -w user.max_user_namespaces=15000");
}

#[test]
fn packages_are_unpacked_for_the_nodes_only() {
    as_each_user(|lab| {
        let sources =
            lab.package_repository("perjury-trial", "perjury-trial-program", "echo layered");
        let package = ["--nodes", "2", "--package", "perjury-trial:perjury-trial-program"];
        let look = "perjury-trial-program; ls /var/lib/trial";
        let script = format!("for n in n1 n2; do ssh -F $PERJURY_SSH_CONFIG $n '{look}'; done");
        let script = script.as_str();
        let output = lab.run_with(&[("APT_CONFIG", &sources)], &package, &["sh", "-c", script]);
        assert_eq!(output.code, 0, "{}", output.text);
        output.has("layered\nstate\nlayered\nstate\n");
        // From the cache: the repository is not asked again.
        std::fs::remove_dir_all(lab.home().join("repository")).unwrap();
        let again = lab.run_with(&[("APT_CONFIG", &sources)], &package, &["sh", "-c", script]);
        again.has("layered\nstate\nlayered\nstate\n");
        let missing = ["--package", "no-such-package:no-such-program"];
        let output = lab.run_with(&[("APT_CONFIG", &sources)], &missing, &["true"]);
        assert_eq!(output.code, 3, "{}", output.text);
        output.has("package no-such-package could not be fetched");
        output.has("Install it by hand");
    });
}

#[test]
fn mounts_of_the_machine_are_seen_and_kept() {
    let lab = Lab::new(*User::all().last().unwrap());
    // A machine of our own, with a file system on /opt and another inside it.
    let machine = "own=uid=$(id -u),gid=$(id -g) && mount -t tmpfs -o $own x /opt && \
                   mkdir /opt/sub && mount -t tmpfs -o $own y /opt/sub && \
                   echo deep > /opt/sub/file && echo top > /opt/file && ln -s sub /opt/link && \
                   mkdir /opt/plain && echo plain > /opt/plain/file && \
                   for over in 1 2; do \
                       mount -t overlay -o lowerdir=/srv:/opt/plain over$over /srv || exit 1; \
                   done";
    let inside = "ssh -F $PERJURY_SSH_CONFIG n1 'cd /opt && cat file sub/file link/file plain/file && \
                  echo new | tee file sub/new plain/new && rm sub/file && ls . sub; \
                  cat /srv/file; (echo new > /srv/file) 2>/dev/null || echo locked' && \
                  cat /opt/file /opt/sub/file && ls /opt/sub";
    // With rights in that namespace the mounts can be looked behind; without, they are locked.
    let rights = ["--map-user=0", "--map-group=0", ""];
    let drop_all = "setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all";
    let none = ["--map-user=1000", "--map-group=1000", drop_all];
    for [user, group, drop_rights] in [rights, none] {
        let script = format!(
            "{machine} && exec {drop_rights} \"$0\" local up --nodes 1 -- sh -c \"$INSIDE\""
        );
        let set = format!("INSIDE={inside}");
        let words = ["env", &set, "unshare", "--user", user, group, "--keep-caps", "--mount"];
        let output = lab.wrapped(&[&words[..], &["sh", "-c", &script]].concat());
        assert_eq!(output.code, 0, "{}", output.text);
        output.has("top\ndeep\ndeep\nplain\nnew\n");
        output.has("\n.:\nfile\nlink\nplain\nsub\n\nsub:\nnew\nplain\nlocked\ntop\ndeep\nfile\n");
    }
}
