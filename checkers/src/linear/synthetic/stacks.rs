//! Stacks and sets under load.

use super::{Random, Subject};
use crate::linear::models::StackCall;

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
