//! Sets: n log n, an element at a time.
//!
//! Elements do not depend on each other, so each is judged by itself ([`element`]), unless
//! somebody read all of the set at once. If nothing is ever removed, such reads are judged as
//! well ([`reads`]). Linear time for sets without reads of the whole, of which each element is
//! added and removed once, is in Lee & Mathur, *Efficient decrease-and-conquer linearizability
//! monitoring* (OOPSLA 2025), and in Abdulla et al., *Efficient linearizability monitoring*
//! (PLDI 2025).

mod element;
mod proof;
mod reads;

use super::{Contradiction, Special};
use crate::linear::model::{Timed, Values};
use crate::linear::models::SetCall;
use element::{Judge, Op, Verdict};
use proof::Proof;

const ENGINE: &str = "set";

type Calls<'c> = &'c [Timed<SetCall>];

/// Decides whether calls, ordered by start, are those of a set. `None` if there are both reads
/// of the whole set and removals, and no element by itself is wrong; or if the answers to adds
/// and removes of one element leave too many possibilities.
pub(in crate::linear) fn decide(calls: Calls<'_>, values: &Values) -> Option<Special> {
    let proof = Proof { calls, values };
    let whole = calls.iter().any(|timed| matches!(timed.call, SetCall::Read(_)));
    let shrinks = calls.iter().any(|timed| matches!(timed.call, SetCall::Remove(..)));
    let elements = Elements::of(calls, whole && shrinks)?;
    let mut undecided = false;
    let mut judge = Judge::default();
    let mut ops = Vec::new();
    for element in 0..elements.count() {
        elements.read(element, calls, &mut ops)?;
        match judge.judge(&ops) {
            Verdict::Fine { .. } => {}
            Verdict::Undecided => undecided = true,
            Verdict::Stuck(place) => {
                let contradiction = proof.of_element(element, &ops, place);
                return Some(Special::contradiction(ENGINE, contradiction));
            }
        }
    }
    if undecided || (whole && shrinks) {
        return None;
    }
    let contradiction = if whole { reads::judge(&proof, &elements)? } else { None };
    Some(match contradiction {
        None => Special::linearizable(ENGINE),
        Some(contradiction) => Special::contradiction(ENGINE, contradiction),
    })
}

/// The numbers of the calls on each element.
struct Elements {
    /// Per element, where its calls begin in `numbers`; and where the last ones end.
    begins: Vec<u32>,
    numbers: Vec<u32>,
}

impl Elements {
    /// Reads of the whole set count as calls on the elements that they list if `listed`.
    /// `None` if elements are numbered in another way than a history's are.
    fn of(calls: Calls<'_>, listed: bool) -> Option<Self> {
        let mut most = 0;
        let mut total = 0;
        each(calls, true, |_, element| {
            most = most.max(element as usize + 1);
            total += 1;
        });
        if most > 4 * total + 64 {
            return None;
        }
        let mut begins = vec![0u32; most + 1];
        each(calls, listed, |_, element| begins[element as usize] += 1);
        let mut sum = 0;
        for begin in &mut begins {
            sum += std::mem::replace(begin, sum);
        }
        let mut numbers = vec![0; sum as usize];
        each(calls, listed, |number, element| {
            let place = &mut begins[element as usize];
            numbers[*place as usize] = number;
            *place += 1;
        });
        // Each begin has become the one after it.
        begins.rotate_right(1);
        begins[0] = 0;
        Some(Self { begins, numbers })
    }

    fn count(&self) -> u32 {
        self.begins.len() as u32 - 1
    }

    /// The operations on an element, ordered by start. `None` if no client can have made them.
    fn read(&self, element: u32, calls: Calls<'_>, ops: &mut Vec<Op>) -> Option<()> {
        let from = self.begins[element as usize] as usize;
        let until = self.begins[element as usize + 1] as usize;
        ops.clear();
        for number in &self.numbers[from..until] {
            ops.push(Op::of(*number, &calls[*number as usize])?);
        }
        Some(())
    }
}

/// All pairs of a call and an element that it is about.
fn each(calls: Calls<'_>, listed: bool, mut tell: impl FnMut(u32, u32)) {
    for (number, timed) in (0u32..).zip(calls) {
        match &timed.call {
            SetCall::Add(element, _)
            | SetCall::Remove(element, _)
            | SetCall::Contains(element, _) => tell(number, *element),
            SetCall::Read(elements) if listed => {
                elements.iter().for_each(|element| tell(number, *element));
            }
            SetCall::Read(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
