//! A scripted conversation with a client that is a program: what it does wrong, each mistake in a
//! sentence, and what to do instead.

mod judge;

use super::child::{Child, Farewell};
use super::protocol;
use crate::Op;
use judge::Judged;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A function that no workload has.
pub const NONSENSE: &str = "perjury-nonsense";
/// How long the program is left alone before it is asked again: it must not give up meanwhile.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it has to end once its input has ended.
const END_LIMIT: Duration = Duration::from_secs(1);
/// Lines that are read in search of one answer.
const LINES_MAX: usize = 50;
/// An answer that takes longer than this would be too late in a run with the usual time limit.
const LATE: Duration = Duration::from_secs(5);

/// What is said to the program.
#[derive(Clone, Debug)]
pub struct Script {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where it runs; where this process runs when absent.
    pub folder: Option<PathBuf>,
    pub hello: Value,
    /// Asked in this order.
    pub operations: Vec<Op>,
    /// How long each answer may take.
    pub answer_limit: Duration,
}

/// How a remark is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Good,
    /// Allowed, and perhaps not what was wanted.
    Note,
    Mistake,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    pub state: State,
    /// A stable name, such as `wrong-id`.
    pub rule: &'static str,
    /// At which step it was first seen: `hello`, or the operation.
    pub at: String,
    pub what: String,
    /// What to do instead.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub instead: &'static str,
    /// How often it was seen.
    pub times: u32,
}

/// Holds the conversation and says what was seen. It is cut short by mistakes after which there is
/// nobody to speak to.
pub async fn converse(script: &Script) -> Vec<Remark> {
    let child = match Child::start(&script.argv, script.folder.as_deref()) {
        Ok(child) => child,
        Err(error) => {
            let what = format!("{error}; the folder is {}", folder(script));
            return vec![mistake("cannot-start", "start", what, judge::START)];
        }
    };
    let mut talk = Talk {
        child,
        line: String::new(),
        remarks: Vec::new(),
        limit: script.answer_limit,
        last: 0,
    };
    if talk.all(script).await { talk.farewell().await } else { talk.remarks }
}

/// Only the first words: whether the program is there and greets.
pub async fn greets(script: &Script) -> Vec<Remark> {
    let only_hello = Script { operations: Vec::new(), ..script.clone() };
    let Ok(child) = Child::start(&script.argv, script.folder.as_deref()) else {
        return converse(&only_hello).await;
    };
    let limit = script.answer_limit;
    let mut talk = Talk { child, line: String::new(), remarks: Vec::new(), limit, last: 0 };
    talk.hello(&script.hello).await;
    talk.remarks
}

fn folder(script: &Script) -> String {
    let here = || std::env::current_dir().unwrap_or_default();
    script
        .folder
        .clone()
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or_else(here)
        .display()
        .to_string()
}

fn mistake(rule: &'static str, at: &str, what: String, instead: &'static str) -> Remark {
    Remark { state: State::Mistake, rule, at: at.to_owned(), what, instead, times: 1 }
}

struct Talk {
    child: Child,
    line: String,
    remarks: Vec<Remark>,
    limit: Duration,
    last: u64,
}

/// Why there is no further line.
enum Silence {
    Late,
    Ended(String),
}

impl Talk {
    /// All but the end; false when there is nobody to speak to any more.
    async fn all(&mut self, script: &Script) -> bool {
        let Some(prepares) = self.hello(&script.hello).await else { return false };
        if prepares && !self.prepare().await {
            return false;
        }
        let mut happened = false;
        for op in &script.operations {
            match self.ask(op).await {
                None => return false,
                Some(ok) => happened |= ok,
            }
        }
        if !happened && !script.operations.is_empty() {
            self.note(
                "nothing-ok",
                "operations",
                "no operation was answered with ok",
                judge::NOTHING_OK,
            );
        }
        if self.ask(&Op::new(NONSENSE, Value::Null)).await.is_none() {
            return false;
        }
        sleep(PAUSE).await;
        // Whoever counts operations alone, and does not echo, is found now.
        self.last += 1000;
        match script.operations.first() {
            Some(op) => self.ask(op).await.is_some(),
            None => true,
        }
    }

    fn add(&mut self, remark: Remark) {
        let same = |known: &&mut Remark| {
            known.rule == remark.rule && known.state == remark.state && remark.state != State::Good
        };
        match self.remarks.iter_mut().find(same) {
            Some(known) => known.times += 1,
            None => self.remarks.push(remark),
        }
    }

    fn good(&mut self, at: &str, what: impl Into<String>) {
        let (state, rule) = (State::Good, "good");
        self.add(Remark {
            state,
            rule,
            at: at.to_owned(),
            what: what.into(),
            instead: "",
            times: 1,
        });
    }

    fn note(
        &mut self,
        rule: &'static str,
        at: &str,
        what: impl Into<String>,
        instead: &'static str,
    ) {
        let (at, what) = (at.to_owned(), what.into());
        self.add(Remark { state: State::Note, rule, at, what, instead, times: 1 });
    }

    fn wrong(
        &mut self,
        rule: &'static str,
        at: &str,
        what: impl Into<String>,
        instead: &'static str,
    ) {
        self.add(mistake(rule, at, what.into(), instead));
    }

    async fn hear(&mut self) -> Result<(), Silence> {
        match timeout(self.limit, self.child.hear(&mut self.line)).await {
            Err(_) => Err(Silence::Late),
            Ok(Err(error)) => Err(Silence::Ended(self.child.blame(&error))),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Greets it. Whether it wants to be asked to prepare, or nothing when it did not greet.
    async fn hello(&mut self, hello: &Value) -> Option<bool> {
        const AT: &str = "hello";
        // Whether it listened shows in what it answers.
        let said = self.child.say(hello).await;
        match self.hear().await {
            Err(Silence::Late) => {
                let what = format!("it did not say hello in {:?}", self.limit);
                self.wrong("no-hello", AT, self.child.blame(&what), judge::NO_HELLO);
                return None;
            }
            Err(Silence::Ended(error)) => {
                self.wrong("ended", AT, error, judge::ENDED_AT_HELLO);
                return None;
            }
            Ok(()) => {}
        }
        match protocol::hello(&self.line) {
            Ok(hello) => {
                if let Err(error) = said {
                    self.note("deaf", AT, error, judge::DEAF);
                }
                let prepares = if hello.prepare { ", and wants to prepare" } else { "" };
                self.good(AT, format!("it speaks protocol {}{prepares}", hello.protocol));
                Some(hello.prepare)
            }
            Err(error) => {
                self.wrong("hello", AT, self.child.blame(&error), judge::hello(&self.line));
                None
            }
        }
    }

    async fn prepare(&mut self) -> bool {
        const AT: &str = "prepare";
        let said = self.child.say(&json!({ "type": "prepare" })).await;
        let heard = match said {
            Ok(()) => self.hear().await,
            Err(error) => Err(Silence::Ended(self.child.blame(&error))),
        };
        match heard {
            Err(silence) => {
                self.silence(AT, silence);
                false
            }
            Ok(()) => {
                match protocol::prepared(&self.line) {
                    Ok(()) => self.good(AT, "ok"),
                    Err(error) if judge::says_no(&self.line) => {
                        self.note("not-prepared", AT, error, judge::NOT_PREPARED);
                    }
                    Err(error) => self.wrong("prepare", AT, error, judge::PREPARE),
                }
                true
            }
        }
    }

    fn silence(&mut self, at: &str, silence: Silence) {
        match silence {
            Silence::Late => {
                let what = format!("no answer came in {:?}", self.limit);
                self.wrong("no-answer", at, self.child.blame(&what), judge::NO_ANSWER);
            }
            Silence::Ended(error) => self.wrong("ended", at, error, judge::ENDED),
        }
    }

    /// Asks for one operation. Whether it happened, or nothing when nobody is there any more.
    async fn ask(&mut self, op: &Op) -> Option<bool> {
        self.last += 1;
        let at = format!("{} {}", op.f, op.value);
        let began = Instant::now();
        if let Err(error) = self.child.say(&protocol::op(self.last, op)).await {
            self.silence(&at, Silence::Ended(self.child.blame(&error)));
            return None;
        }
        for _ in 0..LINES_MAX {
            if let Err(silence) = self.hear().await {
                self.silence(&at, silence);
                return None;
            }
            let judged = judge::answer(&self.line, self.last, op);
            let taken = judged.is_the_answer();
            let happened = matches!(judged, Judged::Ok(_));
            self.take(&at, op, judged);
            if taken {
                if began.elapsed() > LATE {
                    let what = format!("the answer took {:.1} s", began.elapsed().as_secs_f64());
                    self.note("slow", &at, what, judge::SLOW);
                }
                return Some(happened);
            }
        }
        let what = format!("none of {LINES_MAX} lines was the answer");
        self.wrong("no-answer", &at, what, judge::NO_ANSWER);
        None
    }

    /// Notes what was seen of one line.
    fn take(&mut self, at: &str, op: &Op, judged: Judged) {
        let nonsense = &*op.f == NONSENSE;
        match judged {
            Judged::Ok(_) if nonsense => {
                self.wrong(
                    "nonsense",
                    at,
                    "an operation that does not exist was answered ok",
                    judge::NONSENSE,
                );
            }
            Judged::Info(_) if nonsense => {
                let what = "an operation that does not exist was answered info";
                self.wrong("nonsense", at, what, judge::NONSENSE);
            }
            Judged::Ok(value) => self.good(at, format!("ok {value}")),
            Judged::Fail(Some(error)) => self.good(at, format!("fail: {error}")),
            Judged::Info(Some(error)) => self.good(at, format!("info: {error}")),
            Judged::Fail(None) | Judged::Info(None) => {
                self.note("no-error", at, "it did not say why", judge::NO_ERROR);
            }
            Judged::Odd { rule, what, instead, .. } => self.wrong(rule, at, what, instead),
            Judged::Unfilled => {
                let what = "ok without a value, where something had to be filled in";
                self.note("no-value", at, what, judge::NO_VALUE);
            }
        }
    }

    /// Ends its input: it has to end, and has nothing more to say.
    async fn farewell(mut self) -> Vec<Remark> {
        const AT: &str = "end of input";
        let child = self.child;
        let Farewell { ended, said } = child.farewell(END_LIMIT).await;
        let extra = said.len();
        let first = said.into_iter().next();
        let mut remarks = std::mem::take(&mut self.remarks);
        if let Some(first) = first {
            let what = format!(
                "{extra} more lines came, which nobody asked for: {}",
                judge::brief(&first)
            );
            remarks.push(mistake("said-too-much", AT, what, judge::SAID_TOO_MUCH));
        }
        match ended {
            Some(how) => remarks.push(Remark {
                state: State::Good,
                rule: "good",
                at: AT.to_owned(),
                what: format!("it ended ({how})"),
                instead: "",
                times: 1,
            }),
            None => {
                let what = format!("it still ran {END_LIMIT:?} after its input had ended");
                remarks.push(mistake("does-not-end", AT, what, judge::DOES_NOT_END));
            }
        }
        remarks
    }
}
