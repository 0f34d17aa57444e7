//! Who: generators for some of the workers, and one for each of them.

use super::choose::Race;
use super::context::MAX_WORKERS;
use super::{BoxGenerator, Context, Generator, Next, Worker, Workers};
use perjury_checkers::{Event, Process};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Only on these workers, and learning only of their events.
pub fn on_workers(workers: Workers, generator: BoxGenerator) -> BoxGenerator {
    Box::new(On { workers, generator })
}

/// Only on clients.
pub fn on_clients(generator: BoxGenerator) -> BoxGenerator {
    on_workers(Workers::clients(MAX_WORKERS), generator)
}

/// Only on so many clients of each node.
pub fn on_few_of_each_node(count: usize, generator: BoxGenerator) -> BoxGenerator {
    Box::new(OnFew { count, generator })
}

#[derive(Clone)]
struct OnFew {
    count: usize,
    generator: BoxGenerator,
}

impl OnFew {
    /// Clients are spread over nodes in turn, so the first ones are as many of each.
    fn workers(&self, context: &Context) -> Workers {
        Workers::clients((self.count * context.nodes()).min(MAX_WORKERS))
    }
}

impl Generator for OnFew {
    fn next(&mut self, context: &Context) -> Next {
        self.generator.next(&context.restrict(&self.workers(context)))
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(&context.restrict(&self.workers(context)), at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        let workers = self.workers(context);
        if workers.contains(context.worker(event.process)) {
            self.generator.update(&context.restrict(&workers), event);
        }
    }
}

/// Only on the nemesis.
pub fn on_nemesis(generator: BoxGenerator) -> BoxGenerator {
    on_workers(Workers::nemesis(), generator)
}

#[derive(Clone)]
struct On {
    workers: Workers,
    generator: BoxGenerator,
}

impl Generator for On {
    fn next(&mut self, context: &Context) -> Next {
        self.generator.next(&context.restrict(&self.workers))
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(&context.restrict(&self.workers), at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if self.workers.contains(context.worker(event.process)) {
            self.generator.update(&context.restrict(&self.workers), event);
        }
    }
}

/// The first `n1` workers for one generator, the next `n2` for another, …, and the rest for
/// `rest`: `reserve(vec![(5, writes), (3, cas)], reads)`. Ends when all have ended. A generator for
/// which no worker is left is dropped with a warning.
pub fn reserve(ranges: Vec<(usize, BoxGenerator)>, rest: BoxGenerator) -> BoxGenerator {
    let (counts, mut generators): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
    generators.push(rest);
    Box::new(Reserve { counts, generators, ranges: Vec::new(), offered: usize::MAX })
}

#[derive(Clone)]
struct Reserve {
    counts: Vec<usize>,
    generators: Vec<BoxGenerator>,
    /// Of each generator, from the first ask on.
    ranges: Vec<Workers>,
    offered: usize,
}

impl Reserve {
    fn divide(&mut self, context: &Context) {
        let mut workers = context.all.usable();
        for count in &self.counts {
            let range: Workers = workers.iter().take(*count).collect();
            workers = workers.minus(&range);
            self.ranges.push(range);
        }
        self.ranges.push(workers);
        let dropped = self.ranges.iter().filter(|range| range.is_empty()).count();
        if dropped > 0 {
            tracing::warn!(
                "{dropped} of {} reserved groups have no worker: raise the concurrency above {}",
                self.ranges.len(),
                self.counts.iter().sum::<usize>()
            );
        }
    }
}

impl Generator for Reserve {
    fn next(&mut self, context: &Context) -> Next {
        if self.ranges.is_empty() {
            self.divide(context);
        }
        let mut race = Race::default();
        for (position, generator) in self.generators.iter_mut().enumerate() {
            let range = &self.ranges[position];
            if !range.is_empty() {
                race.enter(position, generator.next(&context.restrict(range)), context.time);
            }
        }
        let (next, offered) = race.finish(context);
        self.offered = offered;
        next
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(generator) = self.generators.get_mut(self.offered) {
            generator.took(&context.restrict(&self.ranges[self.offered]), at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        let worker = context.worker(event.process);
        if let Some(position) = self.ranges.iter().position(|range| range.contains(worker)) {
            self.generators[position].update(&context.restrict(&self.ranges[position]), event);
        }
    }
}

/// A copy of `generator` on each worker. Copies draw from equal streams: for different
/// operations on each worker, see [`each_thread_fn`].
pub fn each_thread(generator: BoxGenerator) -> BoxGenerator {
    each(Source::Copy(generator), false)
}

/// A generator of its own for each worker, made by a pure function of the worker's number (the
/// nemesis counts as 0): derive a seed from it.
pub fn each_thread_fn<F>(make: F) -> BoxGenerator
where
    F: Fn(usize) -> BoxGenerator + Send + Sync + 'static,
{
    each(Source::Make(Arc::new(make)), false)
}

/// As [`each_thread`], and a fresh copy for each process that takes a crashed one's place.
pub fn each_process(generator: BoxGenerator) -> BoxGenerator {
    each(Source::Copy(generator), true)
}

fn each(source: Source, per_process: bool) -> BoxGenerator {
    Box::new(Each { source, per_process, children: BTreeMap::new(), offered: None })
}

#[derive(Clone)]
enum Source {
    Copy(BoxGenerator),
    Make(Arc<dyn Fn(usize) -> BoxGenerator + Send + Sync>),
}

#[derive(Clone)]
struct Each {
    source: Source,
    per_process: bool,
    children: BTreeMap<Worker, Child>,
    offered: Option<Worker>,
}

#[derive(Clone)]
struct Child {
    process: Process,
    generator: BoxGenerator,
    done: bool,
}

impl Each {
    /// What the generator of `worker` says; it is made first where needed.
    fn ask(&mut self, context: &Context, worker: Worker) -> Next {
        let process = context.process(worker);
        let stale = |child: &Child| self.per_process && child.process != process;
        if self.children.get(&worker).is_none_or(stale) {
            let generator = match (&self.source, worker) {
                (Source::Copy(generator), _) => generator.clone(),
                (Source::Make(make), Worker::Client(number)) => make(number),
                (Source::Make(make), Worker::Nemesis) => make(0),
            };
            self.children.insert(worker, Child { process, generator, done: false });
        }
        match self.children.get_mut(&worker) {
            Some(child) if !child.done => {
                let next = child.generator.next(&alone(context, worker));
                child.done = next == Next::Done;
                next
            }
            _ => Next::Done,
        }
    }
}

fn alone(context: &Context, worker: Worker) -> Context {
    context.restrict(&Workers::from_iter([worker]))
}

impl Generator for Each {
    fn next(&mut self, context: &Context) -> Next {
        let all = context.all.usable();
        // Mostly the one whose turn it is has something to do at once, and nobody else is asked.
        if let Some(worker) = context.choose(&context.free.and(&all)) {
            let next = self.ask(context, worker);
            if matches!(next, Next::Emit { at, .. } if at <= context.time) {
                self.offered = Some(worker);
                return next;
            }
        }
        let workers: Vec<Worker> = all.iter().collect();
        let mut race = Race::default();
        for (position, worker) in workers.iter().enumerate() {
            race.enter(position, self.ask(context, *worker), context.time);
        }
        let (next, offered) = race.finish(context);
        self.offered = workers.get(offered).copied();
        next
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(worker) = self.offered
            && let Some(child) = self.children.get_mut(&worker)
        {
            child.generator.took(&alone(context, worker), at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        let worker = context.worker(event.process);
        if let Some(child) = self.children.get_mut(&worker)
            && (!self.per_process || child.process == event.process)
        {
            child.generator.update(&alone(context, worker), event);
        }
    }
}
