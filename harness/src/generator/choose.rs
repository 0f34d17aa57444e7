//! Choices: which of several generators comes next, by chance or by time.

use super::draw::below;
use super::{
    BoxGenerator, Context, Generator, Next, Worker, Workers, on_clients, on_nemesis, sooner,
};
use crate::Seed;
use perjury_checkers::{Event, Process};
use rand_chacha::ChaCha8Rng;

/// For each operation one of the generators, each as likely. One that has ended is left out from
/// then on. While the chosen one has to wait, all wait: so the sequence depends on the seed alone.
pub fn mix(seed: Seed, generators: Vec<BoxGenerator>) -> BoxGenerator {
    weighted_mix(seed, generators.into_iter().map(|generator| (1, generator)).collect())
}

/// As [`mix`], each generator as likely as its share of the weights. Weight 0 is never chosen.
pub fn weighted_mix(seed: Seed, choices: Vec<(u32, BoxGenerator)>) -> BoxGenerator {
    let choices = choices.into_iter().filter(|(weight, _)| *weight > 0).collect();
    Box::new(Mix { rng: seed.derive("generator.mix").rng(), choices, chosen: None })
}

#[derive(Clone)]
struct Mix {
    rng: ChaCha8Rng,
    choices: Vec<(u32, BoxGenerator)>,
    /// Drawn, and not taken yet.
    chosen: Option<usize>,
}

impl Mix {
    fn draw(&mut self) -> usize {
        let total = self.choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut point = below(&mut self.rng, total);
        for (position, (weight, _)) in self.choices.iter().enumerate() {
            match point.checked_sub(u64::from(*weight)) {
                Some(rest) => point = rest,
                None => return position,
            }
        }
        unreachable!("the point is less than the sum of the weights")
    }
}

impl Generator for Mix {
    fn next(&mut self, context: &Context) -> Next {
        while !self.choices.is_empty() {
            let chosen = self.chosen.unwrap_or_else(|| self.draw());
            self.chosen = Some(chosen);
            match self.choices[chosen].1.next(context) {
                Next::Done => {
                    self.choices.remove(chosen);
                    self.chosen = None;
                }
                next => return next,
            }
        }
        Next::Done
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(chosen) = self.chosen.take() {
            self.choices[chosen].1.took(context, at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        for (_, generator) in &mut self.choices {
            generator.update(context, event);
        }
    }
}

/// Whichever generator has the soonest operation, until all have ended.
pub fn any(generators: Vec<BoxGenerator>) -> BoxGenerator {
    Box::new(Any { generators, offered: 0, shortest: false })
}

/// As [`any`], until the first one has ended.
pub fn shortest_any(generators: Vec<BoxGenerator>) -> BoxGenerator {
    Box::new(Any { generators, offered: 0, shortest: true })
}

/// `clients` on the client workers and `nemesis` on the nemesis, side by side, until both have
/// ended.
pub fn clients_and_nemesis(clients: BoxGenerator, nemesis: BoxGenerator) -> BoxGenerator {
    any(vec![on_nemesis(nemesis), on_clients(clients)])
}

#[derive(Clone)]
struct Any {
    generators: Vec<BoxGenerator>,
    offered: usize,
    shortest: bool,
}

impl Generator for Any {
    fn next(&mut self, context: &Context) -> Next {
        let mut race = Race::default();
        for (position, generator) in self.generators.iter_mut().enumerate() {
            let done = race.enter(position, generator.next(context), context.time);
            if done && self.shortest {
                return Next::Done;
            }
        }
        let (next, offered) = race.finish(context);
        self.offered = offered;
        next
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(generator) = self.generators.get_mut(self.offered) {
            generator.took(context, at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        for generator in &mut self.generators {
            generator.update(context, event);
        }
    }
}

/// Finds the soonest of several offers. Of equally soon ones the nemesis's wins, then the one on
/// the worker whose turn it is, then one by the context's salt.
#[derive(Default)]
pub(super) struct Race {
    at: u64,
    offers: Vec<(usize, Process, Next)>,
    until: Option<u64>,
    pending: bool,
}

impl Race {
    /// Enters what the generator at `position` said at the time `now`; true if it said that it has
    /// ended. What is late does not win over what is due now: else it might win for ever.
    pub(super) fn enter(&mut self, position: usize, next: Next, now: u64) -> bool {
        match next {
            Next::Emit { at, process, .. } => {
                let at = at.max(now);
                if self.offers.is_empty() || at < self.at {
                    self.offers.clear();
                    self.at = at;
                }
                if at == self.at {
                    self.offers.push((position, process, next));
                }
                false
            }
            Next::Pending { until } => {
                self.pending = true;
                self.until = sooner(self.until, until);
                false
            }
            Next::Done => true,
        }
    }

    /// The winning offer and its generator's position; otherwise waiting, otherwise the end.
    ///
    /// A future offer does not hide that somebody who waits may have a sooner one later.
    pub(super) fn finish(mut self, context: &Context) -> (Next, usize) {
        if self.offers.is_empty() {
            let end = if self.pending { Next::Pending { until: self.until } } else { Next::Done };
            return (end, usize::MAX);
        }
        if self.at > context.time && self.until.is_some_and(|until| until < self.at) {
            return (Next::Pending { until: self.until }, usize::MAX);
        }
        let place = if self.offers.len() == 1 { 0 } else { self.winner(context) };
        let (position, _, next) = self.offers.swap_remove(place);
        (next, position)
    }

    fn winner(&self, context: &Context) -> usize {
        let nemesis = self.offers.iter().position(|(_, process, _)| *process == Process::Nemesis);
        if let Some(place) = nemesis {
            return place;
        }
        let workers: Workers =
            self.offers.iter().map(|(_, process, _)| context.worker(*process)).collect();
        let turn = context.choose(&workers).unwrap_or(Worker::Nemesis);
        let fits: Vec<usize> = (0..self.offers.len())
            .filter(|place| context.worker(self.offers[*place].1) == turn)
            .collect();
        // Other bits of the salt than those that chose the worker.
        let place = (context.salt >> 32).checked_rem(fits.len() as u64).unwrap_or(0);
        fits.get(place as usize).copied().unwrap_or(0)
    }
}
