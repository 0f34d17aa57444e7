//! Users of the node, read from `/etc/passwd` and `/etc/group`.
//!
//! The C library's `getpwnam` is no use here: the agent is statically linked, and the static
//! library would load name-service modules of whatever version the node has.

use nix::unistd::{Gid, Uid};
use std::fs;

/// Whom to run a process as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    pub uid: Uid,
    pub gid: Gid,
    /// All groups, the main one included.
    pub groups: Vec<Gid>,
    pub home: String,
}

impl User {
    /// The user called `name`.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
        };
        Self::parse(name, &read("/etc/passwd")?, &read("/etc/group")?).ok_or_else(|| {
            format!("there is no user `{name}` in /etc/passwd: create it, or install the package that does")
        })
    }

    fn parse(name: &str, passwd: &str, group: &str) -> Option<Self> {
        let fields: Vec<&str> =
            passwd.lines().map(|line| line.split(':').collect()).find(|f: &Vec<_>| f[0] == name)?;
        let main = Gid::from_raw(fields.get(3)?.parse().ok()?);
        let others = group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let member = fields.get(3)?.split(',').any(|member| member == name);
            member.then(|| fields[2].parse().ok().map(Gid::from_raw))?
        });
        let mut groups: Vec<Gid> = std::iter::once(main).chain(others).collect();
        groups.dedup();
        Some(Self {
            name: name.to_owned(),
            uid: Uid::from_raw(fields.get(2)?.parse().ok()?),
            gid: main,
            groups,
            home: (*fields.get(5)?).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_all_its_groups() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:105:110:,,,:/var/lib/pg:/bin/sh\n";
        let group = "root:x:0:\nssl-cert:x:109:postgres,other\npostgres:x:110:\nx:x:7:postgresq\n";
        let user = User::parse("postgres", passwd, group).unwrap();
        assert_eq!(user.uid.as_raw(), 105);
        assert_eq!(user.groups, [Gid::from_raw(110), Gid::from_raw(109)]);
        assert_eq!(user.home, "/var/lib/pg");
        assert_eq!(User::parse("postgre", passwd, group), None);
    }

    #[test]
    fn a_missing_user_is_named() {
        assert!(User::named("no-such-user").unwrap_err().contains("`no-such-user`"));
    }
}
