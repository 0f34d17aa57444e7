//! A bank: transfers between accounts, and reads of all of them; the total never changes.
//!
//! After Jepsen's `bank`: a read that sees one half of a transfer shows a wrong total, and two
//! transfers decided on the same balance overdraw an account.

use crate::{last, settings};
use perjury_checkers::Checker;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// What is transferred at the most. Of ten, that is often more than there is.
const MAX_AMOUNT: u64 = 5;

/// What a bank opens with: accounts, numbered from 0, with the same balance each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// How many.
    pub accounts: u32,
    /// What each holds at first.
    pub balance: u32,
}

impl Opening {
    /// Without any `--set`.
    pub const USUAL: Self = Self { accounts: 8, balance: 10 };

    /// As `--set accounts=N` and `--set balance=N` have it; the error says what is wrong with them.
    pub fn of(options: &Options) -> Result<Self, String> {
        let accounts = settings::number(options, "accounts", Self::USUAL.accounts)?;
        let balance = settings::number(options, "balance", Self::USUAL.balance)?;
        if !(2..=1000).contains(&accounts) {
            return Err(format!("--set accounts={accounts}: a bank has 2 to 1000 accounts"));
        }
        Ok(Self { accounts, balance })
    }
}

/// Transfers and reads, one to one.
pub struct Bank;

impl Workload for Bank {
    fn name(&self) -> &'static str {
        "bank"
    }

    fn about(&self) -> &'static str {
        "transfers money between accounts and reads them all; every read shows the same total, and \
         no account overdrawn unless --set negative-balances-allowed=true (--set accounts=8 \
         balance=10)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["wrong-total", "wrong-accounts", "negative-balance"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "transfer",
                "{\"from\": a, \"to\": b, \"amount\": n}; fails when a would be overdrawn",
            ),
            ("read", "null, answered with {\"0\": 10, \"1\": 10, …}, all accounts at one moment"),
        ]
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let accounts = Opening::of(options).unwrap_or(Opening::USUAL).accounts;
        from_fn(seed.derive("bank"), move |rng| next(rng, accounts))
    }

    /// Every worker reads until it has an answer.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last::until_ok(read()))
    }

    /// A wrong total stays wrong.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        Opening::of(options)?;
        settings::flag(options, "negative-balances-allowed").map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let opening = Opening::of(options).ok();
        let allowed = settings::flag(options, "negative-balances-allowed");
        vec![Box::new(perjury_checkers::bank::Bank {
            total: opening.map(|all| i64::from(all.accounts) * i64::from(all.balance)),
            accounts: opening.map(|all| all.accounts as usize),
            negative_allowed: allowed.ok().flatten().unwrap_or(false),
        })]
    }
}

fn read() -> Op {
    Op::new("read", Value::Null)
}

fn next(rng: &mut ChaCha8Rng, accounts: u32) -> Op {
    if chance(rng, 1, 2) {
        return read();
    }
    let from = below(rng, u64::from(accounts));
    // One of the others.
    let to = (from + 1 + below(rng, u64::from(accounts) - 1)) % u64::from(accounts);
    let amount = 1 + below(rng, MAX_AMOUNT);
    Op::new("transfer", json!({"from": from, "to": to, "amount": amount}))
}

#[cfg(test)]
mod tests;
