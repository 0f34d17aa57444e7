//! The check of `[[sometimes]]` and `[[never]]`.

use super::check::{Checked, Checker};
use super::raw::{Raw, RawClaim};
use crate::assertion::{Claim, Kind, Seen};
use regex_lite::Regex;
use toml::Spanned;

impl Checker<'_> {
    /// What is asserted of each run.
    pub(super) fn claims(&self, raw: &Raw) -> Checked<Vec<Claim>> {
        let sometimes = raw.sometimes.iter().map(|raw| self.claim(Kind::Sometimes, raw));
        let never = raw.never.iter().map(|raw| self.claim(Kind::Never, raw));
        sometimes.chain(never).collect()
    }

    fn claim(&self, kind: Kind, raw: &RawClaim) -> Checked<Claim> {
        let span = raw.name.span();
        if raw.name.get_ref().trim().is_empty() {
            return self.refuse(span, "say what it is: it is told to people");
        }
        let seen = match (&raw.log, &raw.fault) {
            (Some(log), None) if raw.open.is_none() && !raw.primary => Seen::Log {
                pattern: self.pattern(log)?,
                except: raw.except.as_ref().map(|except| self.pattern(except)).transpose()?,
            },
            (Some(_), None) => return self.refuse(span, "`primary` and `open` go with `fault`"),
            (None, Some(fault)) if kind == Kind::Never => {
                let message = "a fault that must never be seen is one not to ask for: write `log`";
                return self.refuse(fault.span(), message);
            }
            (None, Some(_)) if raw.except.is_some() => {
                return self.refuse(span, "`except` goes with `log`");
            }
            (None, Some(fault)) => Seen::Fault {
                fault: fault.get_ref().clone(),
                primary: raw.primary,
                open: raw.open.as_ref().map(|open| open.get_ref().clone()),
            },
            _ => return self.refuse(span, "write how it is seen: either `log` or `fault`"),
        };
        let (name, needs) = (raw.name.get_ref().clone(), raw.needs.clone());
        Ok(Claim { name, kind, seen, needs })
    }

    fn pattern(&self, text: &Spanned<String>) -> Checked<Regex> {
        Regex::new(text.get_ref()).or_else(|error| {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.refuse(text.span(), format!("it is no regular expression: {why}"))
        })
    }
}
