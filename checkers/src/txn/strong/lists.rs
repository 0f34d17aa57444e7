//! Lists that are appended to, as versions: the order of what was read is known, what nobody read
//! came later, in any order.

use rustc_hash::FxHashMap;

use crate::txn::key_value::{INITIAL, KeyValue, Read};
use crate::txn::transactions::{Action, Atom, Micro, NEVER, Status, Transactions, Writes};

/// Of transactions that both appended to a key, the first did so earlier.
type Known = Vec<(u32, u32, u32)>;

/// Takes lists apart. Linear in the length of all reads. The error says that what was read is no
/// history of lists at all, whatever the level.
pub(super) fn key_value(txns: &Transactions, writes: &Writes) -> Result<(KeyValue, Known), String> {
    let longest = longest(txns)?;
    let mut lists = Lists { txns, writes, longest, happened: Vec::new() };
    lists.happened = txns.all().iter().map(|txn| txn.status == Status::Committed).collect();
    let mut orders: Vec<Vec<u32>> = Vec::with_capacity(txns.key_count());
    for key in 0..txns.key_count() as u32 {
        orders.push(lists.order(key)?);
    }
    let numbers: Vec<u32> =
        (0..txns.len() as u32).filter(|number| lists.happened[*number as usize]).collect();
    let mut here = vec![NEVER; txns.len()];
    for (place, number) in (0u32..).zip(&numbers) {
        here[*number as usize] = place;
    }
    let mut simple = KeyValue::empty(txns, numbers.clone());
    for number in &numbers {
        let (reads, written) = lists.transaction(*number, &here)?;
        simple.push(&reads, &written);
    }
    let known = lists.known(&orders, &here);
    Ok((simple, known))
}

/// Per key the longest list that was read.
fn longest(txns: &Transactions) -> Result<Vec<&[u32]>, String> {
    let mut longest: Vec<&[u32]> = vec![&[]; txns.key_count()];
    for micro in txns.all_micros() {
        let list = match micro.action {
            Action::ReadList => txns.list(micro),
            Action::Read if micro.value != Atom::NIL => {
                return Err(format!(
                    "key {} is read as a list and as one value",
                    txns.key(micro.key)
                ));
            }
            _ => continue,
        };
        let known = &mut longest[micro.key as usize];
        let common = known.len().min(list.len());
        if known[..common] != list[..common] {
            return Err(format!(
                "reads of key {} contradict each other about the order of its elements; \
                 list-append tells more",
                txns.key(micro.key)
            ));
        }
        if list.len() > known.len() {
            *known = list;
        }
    }
    Ok(longest)
}

struct Lists<'l> {
    txns: &'l Transactions,
    writes: &'l Writes,
    longest: Vec<&'l [u32]>,
    /// Per transaction whether it happened.
    happened: Vec<bool>,
}

impl Lists<'_> {
    fn amiss(&self, key: u32, what: &str) -> String {
        format!("key {} shows {what}; list-append tells more", self.txns.key(key))
    }

    /// Who appended to a key, in order, as far as it was read.
    fn order(&mut self, key: u32) -> Result<Vec<u32>, String> {
        let mut order: Vec<u32> = Vec::new();
        let mut met: FxHashMap<u32, ()> = FxHashMap::default();
        for element in self.longest[key as usize] {
            let write = self.writes.find(key, Atom(*element));
            let write = write.ok_or_else(|| self.amiss(key, "what nobody appended"))?;
            let writer = self.writes.writer(write);
            match self.txns.txn(writer).status {
                Status::Aborted => return Err(self.amiss(key, "an aborted append")),
                Status::Unknown => self.happened[writer as usize] = true,
                Status::Committed => {}
            }
            if order.last() != Some(&writer) {
                if met.insert(writer, ()).is_some() {
                    return Err(self.amiss(key, "a transaction's appends torn apart"));
                }
                order.push(writer);
            }
        }
        Ok(order)
    }

    /// What a transaction read from others, and the keys that it appended to.
    fn transaction(&self, number: u32, here: &[u32]) -> Result<(Vec<Read>, Vec<u32>), String> {
        let mut reads = Vec::new();
        let mut own: Vec<(u32, Vec<u32>)> = Vec::new();
        for micro in self.txns.micros(number) {
            let place = own.iter().position(|(key, _)| *key == micro.key);
            match (micro.action, place) {
                (Action::Write, Some(place)) => own[place].1.push(micro.value.0),
                (Action::Write, None) => own.push((micro.key, vec![micro.value.0])),
                (Action::ReadUnknown, _) => {}
                (Action::Read | Action::ReadList, place) => {
                    let appended = place.map_or(&[][..], |place| own[place].1.as_slice());
                    reads.push(self.read(micro, appended, here)?);
                }
            }
        }
        Ok((reads, own.into_iter().map(|(key, _)| key).collect()))
    }

    /// Whose version a read saw, before what the reader had appended itself.
    fn read(&self, micro: &Micro, own: &[u32], here: &[u32]) -> Result<Read, String> {
        let key = micro.key;
        let list = if micro.action == Action::ReadList { self.txns.list(micro) } else { &[] };
        let Some(others) = list.strip_suffix(own) else {
            return Err(self.amiss(key, "a read that lacks the transaction's own appends"));
        };
        let from = match others.last() {
            None => INITIAL,
            Some(element) => {
                let write = self.writes.find(key, Atom(*element));
                let whole = write.filter(|write| !self.writes.is_intermediate(*write));
                let whole = whole.ok_or_else(|| self.amiss(key, "part of a transaction"))?;
                here[self.writes.writer(whole) as usize]
            }
        };
        Ok(Read { key, from })
    }

    /// Each read version before the next, and the last before all that nobody read.
    fn known(&self, orders: &[Vec<u32>], here: &[u32]) -> Known {
        let mut known: Known = Vec::new();
        for (key, order) in (0u32..).zip(orders) {
            let pairs = order.windows(2).map(|pair| (pair[0], pair[1]));
            known.extend(pairs.map(|(a, b)| (key, here[a as usize], here[b as usize])));
            let Some(last) = order.last().copied() else { continue };
            let mut unread: Vec<u32> = self
                .writes
                .of_key(key)
                .map(|write| self.writes.writer(write))
                .filter(|writer| self.happened[*writer as usize])
                .collect();
            unread.dedup();
            let read: FxHashMap<u32, ()> = order.iter().map(|writer| (*writer, ())).collect();
            unread.retain(|writer| !read.contains_key(writer));
            known.extend(unread.iter().map(|b| (key, here[last as usize], here[*b as usize])));
        }
        known
    }
}
