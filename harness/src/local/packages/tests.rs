//! Package layers: what is read out of apt-get's plan, and how packages fit a merged `/usr`.

use super::*;

#[test]
fn a_plan_names_packages_with_versions() {
    let text = "Reading package lists...\n\
        Inst netbase (6.4 Debian:12.5/stable [all])\n\
        Inst etcd-server [3.4.1] (3.4.23+dfsg-4+b6 Debian:12.5/stable [amd64])\n\
        Conf etcd-server (3.4.23+dfsg-4+b6 Debian:12.5/stable [amd64])\n";
    let expected = [("netbase", "6.4"), ("etcd-server", "3.4.23+dfsg-4+b6")];
    let expected: Vec<_> =
        expected.map(|(name, version)| (name.to_owned(), version.to_owned())).into();
    assert_eq!(planned(text), expected);
}

#[test]
fn installed_programs_need_no_layer() {
    let cache = tempfile::tempdir().unwrap();
    let needs =
        [Need { package: "dash", program: "sh" }, Need { package: "dash", program: "/bin/sh" }];
    assert_eq!(ensure(&needs, cache.path()).unwrap(), Vec::<PathBuf>::new());
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn names_that_could_be_options_are_refused() {
    let need = Need { package: "--evil", program: "no-such-program" };
    assert!(matches!(ensure(&[need], Path::new("/nowhere")), Err(PackageError::Name(_))));
}

#[test]
fn a_cached_package_needs_no_network() {
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir(cache.path().join("thing_1_all")).unwrap();
    fs::write(cache.path().join("thing.layers"), "thing_1_all\n").unwrap();
    let need = Need { package: "thing", program: "no-such-program" };
    assert_eq!(ensure(&[need], cache.path()).unwrap(), [cache.path().join("thing_1_all")]);
}

#[test]
fn packages_from_before_the_merge_fit() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, machine) = (directory.path().join("tree"), directory.path().join("machine"));
    for path in ["lib/systemd/system", "usr/lib/systemd"] {
        fs::create_dir_all(tree.join(path)).unwrap();
    }
    fs::write(tree.join("lib/systemd/system/a.service"), "a").unwrap();
    fs::write(tree.join("usr/lib/systemd/b"), "b").unwrap();
    fs::create_dir(&machine).unwrap();
    std::os::unix::fs::symlink("usr/lib", machine.join("lib")).unwrap();
    merge_usr(&tree, &machine).unwrap();
    assert_eq!(fs::read(tree.join("usr/lib/systemd/system/a.service")).unwrap(), b"a");
    assert_eq!(fs::read(tree.join("usr/lib/systemd/b")).unwrap(), b"b");
}
