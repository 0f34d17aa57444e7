//! Stacks and sets under load.

use super::{Random, Subject};
use crate::linear::models::{SetCall, StackCall};

/// A stack: half pushes, each of a new value, and half pops, many of which find nothing.
#[derive(Clone, Debug, Default)]
pub struct StackLoad {
    stack: Vec<u32>,
    values: u32,
}

/// What a client asks of a stack.
#[derive(Clone, Copy, Debug)]
pub enum StackRequest {
    Push(u32),
    Pop,
}

impl Subject for StackLoad {
    type Request = StackRequest;
    type Call = StackCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> StackRequest {
        if random.chance(50) {
            self.values += 1;
            StackRequest::Push(self.values)
        } else {
            StackRequest::Pop
        }
    }

    fn apply(&mut self, request: &StackRequest) -> Option<StackCall> {
        Some(match *request {
            StackRequest::Push(value) => {
                self.stack.push(value);
                StackCall::Push(value)
            }
            StackRequest::Pop => self.stack.pop().map_or(StackCall::PopEmpty, StackCall::Pop),
        })
    }

    fn unanswered(&self, request: &StackRequest) -> Option<StackCall> {
        Some(match *request {
            StackRequest::Push(value) => StackCall::Push(value),
            StackRequest::Pop => StackCall::PopUnknown,
        })
    }
}

/// A set: each element is added once, mostly removed once, and looked for meanwhile.
#[derive(Clone, Debug, Default)]
pub struct SetLoad {
    /// Adds and removes do not say whether they changed anything.
    pub silent: bool,
    /// If not 0, all is about this many elements, which are added and removed over and over.
    pub hot: u32,
    present: Vec<bool>,
    /// Elements that nobody was asked to remove yet.
    left: Vec<u32>,
}

/// What a client asks of a set.
#[derive(Clone, Copy, Debug)]
pub enum SetRequest {
    Add(u32),
    Remove(u32),
    Contains(u32),
}

/// How far back elements are removed and looked for.
const RECENT: usize = 64;

impl Subject for SetLoad {
    type Request = SetRequest;
    type Call = SetCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> SetRequest {
        let kind = random.below(10);
        if self.hot > 0 {
            self.present.resize(self.hot as usize, false);
            let element = random.below(u64::from(self.hot)) as u32;
            return match kind {
                0..4 => SetRequest::Add(element),
                4..7 => SetRequest::Remove(element),
                _ => SetRequest::Contains(element),
            };
        }
        let back = random.below(RECENT as u64) as usize;
        let count = self.present.len();
        match kind {
            4..7 if !self.left.is_empty() => {
                let place = self.left.len() - 1 - back.min(self.left.len() - 1);
                SetRequest::Remove(self.left.remove(place))
            }
            7..10 if count > 0 => SetRequest::Contains((count - 1 - back.min(count - 1)) as u32),
            _ => {
                self.present.push(false);
                self.left.push(count as u32);
                SetRequest::Add(count as u32)
            }
        }
    }

    fn apply(&mut self, request: &SetRequest) -> Option<SetCall> {
        let told = |told: bool| (!self.silent).then_some(told);
        Some(match *request {
            SetRequest::Add(element) => {
                let was = std::mem::replace(&mut self.present[element as usize], true);
                SetCall::Add(element, told(!was))
            }
            SetRequest::Remove(element) => {
                let was = std::mem::replace(&mut self.present[element as usize], false);
                SetCall::Remove(element, told(was))
            }
            SetRequest::Contains(element) => {
                SetCall::Contains(element, self.present[element as usize])
            }
        })
    }

    fn unanswered(&self, request: &SetRequest) -> Option<SetCall> {
        match *request {
            SetRequest::Add(element) => Some(SetCall::Add(element, None)),
            SetRequest::Remove(element) => Some(SetCall::Remove(element, None)),
            SetRequest::Contains(_) => None,
        }
    }
}
