//! A store made by hand, and what the server says of it.

use crate::serve::door::Ask;
use crate::serve::query::Query;
use crate::serve::{Site, index, live, route};
use crate::{Options, Registry, Seed, Workload};
use perjury_checkers::linear::{CasRegister, Linearizable};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A store in a folder of its own.
pub(super) struct Shelf {
    pub(super) dir: tempfile::TempDir,
    pub(super) site: Site,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    /// In memory where there is such a folder: for thousands of files.
    pub(super) fn large() -> Self {
        Self::at(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn at(dir: tempfile::TempDir) -> Self {
        let root = fs::canonicalize(dir.path()).unwrap().join("store");
        fs::create_dir(&root).unwrap();
        let site = Site {
            root,
            registry: Registry::default().workload(Early).workload(Late),
            address: "127.0.0.1".parse().unwrap(),
            index: index::Index::default(),
            live: live::Book::default(),
        };
        Self { dir, site }
    }

    pub(super) fn folder(&self, name: &str, time: &str) -> PathBuf {
        let folder = self.site.root.join(name).join(time);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A run with results, which `change` changes.
    pub(super) fn run(&self, name: &str, time: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let folder = self.folder(name, time);
        let mut results = results(name);
        change(&mut results);
        fs::write(folder.join("results.json"), results.to_string()).unwrap();
        folder
    }

    /// The status and the text of an answer.
    pub(super) async fn get(&self, parts: &[&str], query: &str) -> (u16, String) {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        let ask = Ask { parts, query: Query::read(query) };
        let response = route::answer(&self.site, &ask).unwrap_or_else(|refusal| refusal.page());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

pub(super) fn results(name: &str) -> Value {
    json!({
        "version": 1, "verdict": "valid", "exit_code": 0, "reasons": [], "tool": "perjury",
        "host": "here", "name": name, "database": "db", "workload": "early", "seed": 7,
        "started": "2026-01-02T03:04:05Z", "nodes": ["n1"], "options": {"nemesis": "kill,pause"},
        "duration_ns": 5_000_000_000_u64, "phases": [], "errors": [], "faults": [], "findings": [],
        "operations": {"read": {"invoked": 10, "ok": 9, "fail": 0, "info": 1}},
    })
}

/// A plan of three seconds of that workload.
pub(super) fn plan(folder: &Path, workload: &str) {
    let plan = format!(
        "version = 1\nname = \"t\"\ndatabase = \"db\"\nworkload = \"{workload}\"\n\
         nemesis = [\"kill\"]\nseed = 1\nconcurrency = 1\nrate = 1.0\ntime_limit = \"3s\"\n\
         nemesis_interval = \"1s\"\noperation_timeout = \"1s\"\nkeys = 1\nops_per_key = 1\n\
         recovery_limit = \"1s\"\ncheck_limit = \"1s\"\n[cluster]\nlocal = 1\n"
    );
    fs::write(folder.join("plan.toml"), plan).unwrap();
}

/// A workload whose anomalies show early.
struct Early;

/// A workload that is judged at the end.
struct Late;

impl Workload for Early {
    fn name(&self) -> &'static str {
        "early"
    }

    fn about(&self) -> &'static str {
        ""
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn generator(&self, _: &Options, _: Seed) -> crate::BoxGenerator {
        crate::generator::any(Vec::new())
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn perjury_checkers::Checker>> {
        vec![Box::new(Linearizable::new(CasRegister::default()))]
    }
}

impl Workload for Late {
    fn name(&self) -> &'static str {
        "late"
    }

    fn about(&self) -> &'static str {
        ""
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn generator(&self, options: &Options, seed: Seed) -> crate::BoxGenerator {
        Early.generator(options, seed)
    }

    fn final_generator(&self, options: &Options, seed: Seed) -> Option<crate::BoxGenerator> {
        Some(Early.generator(options, seed))
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn perjury_checkers::Checker>> {
        Early.checkers(options)
    }
}
