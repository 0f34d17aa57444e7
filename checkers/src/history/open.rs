//! Open calls: something of each process that waits for its answer.

use rustc_hash::FxHashMap;

/// One thing a process. Nearly all processes have small numbers, and need no hashing.
#[derive(Debug)]
pub(crate) struct Open<T> {
    small: Vec<Option<T>>,
    large: FxHashMap<u32, T>,
}

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self { small: Vec::new(), large: FxHashMap::default() }
    }
}

impl<T> Open<T> {
    const SMALL: u32 = 1 << 16;

    pub(crate) fn take(&mut self, process: u32) -> Option<T> {
        match self.small.get_mut(process as usize) {
            Some(call) => call.take(),
            None => self.large.remove(&process),
        }
    }

    /// Notes a call, and returns the one that was open.
    pub(crate) fn insert(&mut self, process: u32, call: T) -> Option<T> {
        if process >= Self::SMALL {
            return self.large.insert(process, call);
        }
        if self.small.len() <= process as usize {
            self.small.resize_with(process as usize + 1, || None);
        }
        self.small[process as usize].replace(call)
    }

    /// Those that were never answered, in the order of their processes.
    pub(crate) fn left(self) -> impl Iterator<Item = T> {
        let mut large: Vec<(u32, T)> = self.large.into_iter().collect();
        large.sort_unstable_by_key(|(process, _)| *process);
        self.small.into_iter().flatten().chain(large.into_iter().map(|(_, call)| call))
    }
}
