//! Joining: parts of a history that were read each for itself, with numbers of their own.

use super::{Batch, Logs, Membership, Mode, NOBODY, Reader, Sent};

impl<'h> Reader<'h> {
    pub(super) fn joined(parts: Vec<Reader<'h>>) -> Self {
        let mut reader = Self::default();
        let sum = |count: fn(&Logs<'_>) -> usize| parts.iter().map(|part| count(&part.logs)).sum();
        reader.logs.batches.reserve(sum(|logs| logs.batches.len()));
        reader.logs.sent.reserve(sum(|logs| logs.sent.len()));
        for part in parts {
            reader.join(part);
        }
        reader
    }

    /// Takes what was read in the operations that follow.
    fn join(&mut self, part: Self) {
        let consumers = self.join_consumers(&part);
        let part = part.logs;
        // Per key its number here, and how many mentions it has so far.
        let mut keys: Vec<(u32, u32)> = Vec::with_capacity(part.keys.len());
        for key in part.keys {
            let number = self.named(&key.name);
            let known = &mut self.logs.keys[number as usize];
            keys.push((number, known.mentions));
            known.mentions += key.mentions;
            known.parts.extend(key.parts);
        }
        let logs = &mut self.logs;
        let (memberships, owned) = (logs.memberships.len() as u32, logs.owned.len() as u32);
        logs.owned.extend(part.owned.iter().map(|key| keys[*key as usize].0));
        logs.memberships.extend(part.memberships.into_iter().map(|membership| Membership {
            consumer: consumers[membership.consumer as usize],
            first: owned + membership.first,
            ..membership
        }));
        for batch in part.batches {
            let (key, before) = keys[batch.key as usize];
            logs.keys[key as usize].batches.push(logs.batches.len() as u32);
            let (consumer, first) = (consumers[batch.consumer as usize], before + batch.first);
            let membership = match batch.membership {
                NOBODY => NOBODY,
                number => memberships + number,
            };
            logs.batches.push(Batch { key, consumer, first, membership, ..batch });
        }
        logs.sent.extend(part.sent.into_iter().map(|sent| {
            let (key, before) = keys[sent.key as usize];
            Sent { key, mention: before + sent.mention, ..sent }
        }));
        logs.calls.extend(part.calls);
        logs.attempts += part.attempts;
        logs.polls += part.polls;
    }

    fn join_consumers(&mut self, part: &Self) -> Vec<u32> {
        let groups: Vec<u32> = part.logs.groups.iter().map(|group| self.group(group)).collect();
        let consumers = part.processes.iter().zip(&part.logs.consumers);
        let join = |(process, mode): (&u32, &Mode)| match *mode {
            Mode::Subscribed { group } => {
                self.new_consumer(*process, Mode::Subscribed { group: groups[group as usize] })
            }
            // Nothing was said in this part. It may have been before.
            Mode::Unsaid => match self.numbers.consumers.get(process) {
                Some(known) => *known,
                None => self.new_consumer(*process, Mode::Unsaid),
            },
            Mode::Assigned { .. } => self.new_consumer(*process, *mode),
        };
        consumers.map(join).collect()
    }
}
