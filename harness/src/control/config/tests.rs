//! Tests of the resolution of hosts with the real `ssh -G`.

use super::*;

fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    std::fs::write(&file, text).unwrap();
    (dir, file)
}

async fn ask(host: &str, file: &Path) -> Result<SshTarget, ConfigError> {
    resolve(host, Some(file), &Overrides::default()).await
}

/// The case that library parsers get wrong: a Match block must not leak to other hosts.
#[tokio::test]
async fn match_blocks_give_each_host_its_own_user() {
    let (_dir, file) = write(
        "Host n1\n  HostName 10.0.0.1\n  User vagrant\nMatch host n2\n  User bob\n  Port 2222\n\
         Host *\n  HostName 10.0.0.9\n  User carol\n",
    );
    let users = [("n1", "vagrant", 22), ("n2", "bob", 2222), ("n3", "carol", 22)];
    for (host, user, port) in users {
        let target = ask(host, &file).await.unwrap();
        assert_eq!((target.name.as_str(), target.user.as_str(), target.port), (host, user, port));
    }
    assert_eq!(ask("n1", &file).await.unwrap().host, "10.0.0.1");
    let target = ask("dave@n1:77", &file).await.unwrap();
    assert_eq!((target.user.as_str(), target.port, target.name.as_str()), ("dave", 77, "n1"));
}

#[tokio::test]
async fn what_vagrant_prints() {
    let (_dir, file) = write(
        "Host n1\n  HostName 127.0.0.1\n  User vagrant\n  Port 2200\n  UserKnownHostsFile /dev/null\n  \
         StrictHostKeyChecking no\n  PasswordAuthentication no\n  \
         IdentityFile \"/home/a b/private_key\"\n  IdentityFile ~/.ssh/other\n  IdentitiesOnly yes\n",
    );
    let target = ask("n1", &file).await.unwrap();
    assert_eq!(target.host_keys, HostKeys::Insecure);
    assert_eq!(target.identity_files[0], Path::new("/home/a b/private_key"));
    assert_eq!(target.identity_files[1], std::env::home_dir().unwrap().join(".ssh/other"));
    assert_eq!((target.use_agent, target.port), (false, 2200));
}

#[tokio::test]
async fn host_key_policies() {
    let (_dir, file) = write(
        "Host new\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile /a/known /b/known\n\
         Host strict\n  StrictHostKeyChecking yes\nHost *\n  UserKnownHostsFile /c/known\n",
    );
    let keys = async |host| ask(host, &file).await.unwrap().host_keys;
    assert_eq!(keys("new").await, HostKeys::AcceptNew("/a/known".into()));
    assert_eq!(keys("strict").await, HostKeys::KnownHosts("/c/known".into()));
    assert_eq!(keys("ask").await, HostKeys::KnownHosts("/c/known".into()));
}

#[tokio::test]
async fn jump_chains_and_proxies() {
    let (_dir, file) = write(
        "Host far\n  ProxyJump near,bob@mid:99\nHost near\n  HostName 10.0.0.2\n  User alice\n\
         Host deep\n  ProxyJump far\nHost circle\n  ProxyJump circle2\nHost circle2\n  \
         ProxyJump circle\nHost piped\n  ProxyCommand nc %h %p\n",
    );
    let far = ask("far", &file).await.unwrap();
    let mid = far.jump.as_deref().unwrap();
    assert_eq!((mid.host.as_str(), mid.user.as_str(), mid.port), ("mid", "bob", 99));
    let near = mid.jump.as_deref().unwrap();
    assert_eq!((near.host.as_str(), near.user.as_str()), ("10.0.0.2", "alice"));
    assert!(near.jump.is_none());
    let deep = ask("deep", &file).await.unwrap();
    assert_eq!(deep.jump.unwrap().jump.unwrap().host, "mid");
    let error = ask("circle", &file).await.unwrap_err();
    assert!(matches!(error, ConfigError::TooManyJumps { .. }), "{error}");
    let piped = ask("piped", &file).await.unwrap();
    assert_eq!(piped.proxy_command.as_deref(), Some("nc %h %p"));
}

#[tokio::test]
async fn the_command_line_wins() {
    let (_dir, file) =
        write("Host n1\n  User alice\n  Port 9\n  ProxyJump j\nHost j\n  User jane\n");
    let overrides = Overrides {
        user: Some("root".into()),
        port: Some(2022),
        identity_files: vec!["/key".into()],
        host_keys: Some(HostKeys::Insecure),
    };
    let target = resolve("n1", Some(&file), &overrides).await.unwrap();
    assert_eq!((target.user.as_str(), target.port, target.use_agent), ("root", 2022, false));
    assert_eq!(target.identity_files, [PathBuf::from("/key")]);
    let jump = target.jump.unwrap();
    assert_eq!((jump.user.as_str(), jump.port), ("jane", 22));
    assert_eq!(jump.host_keys, HostKeys::Insecure);
}

#[tokio::test]
async fn without_ssh_plain_hosts_work_and_files_do_not() {
    let none = "/no/such/ssh";
    let overrides = Overrides::default();
    for (text, host, user, port) in [
        ("bob@db1:2222", "db1", Some("bob"), 2222),
        ("10.0.0.1", "10.0.0.1", None, 22),
        ("bob@[fd00::1]:23", "fd00::1", Some("bob"), 23),
        ("fd00::1", "fd00::1", None, 22),
    ] {
        let target = resolve_with(none, text, None, &overrides).await.unwrap();
        assert_eq!((target.host.as_str(), target.port), (host, port), "{text}");
        if let Some(user) = user {
            assert_eq!(target.user, user);
        }
    }
    let (_dir, file) = write("Host n1\n");
    let error = resolve_with(none, "n1", Some(&file), &overrides).await.unwrap_err();
    assert!(error.to_string().contains("openssh-client"), "{error}");
}

#[tokio::test]
async fn bad_hosts_and_files_are_named() {
    let (_dir, file) = write("Host n1\n  Colour blue\n");
    let error = ask("n1", &file).await.unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    let error = ask("n1", Path::new("/no/such/config")).await.unwrap_err();
    assert!(matches!(error, ConfigError::BadFile { .. }), "{error}");
    for text in ["", "-oProxyCommand=x", "a b", "bob@", "h:0", "h:x", "[::1", "[::1]x", "-l@h"] {
        let error = ask(text, &file).await.unwrap_err();
        assert!(matches!(error, ConfigError::BadHost { .. }), "{text}: {error}");
    }
}
