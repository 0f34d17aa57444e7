//! Joining: parts of a history that were read each for itself, with numbers of their own.

use super::{Batch, Mode, NOBODY, Reader, Record, Sent, Sighting};

impl<'h> Reader<'h> {
    /// Takes what was read in the operations that follow.
    pub(super) fn join(&mut self, part: Self) {
        let keys: Vec<u32> = part.logs.keys.iter().map(|key| self.named(key)).collect();
        let consumers = self.join_consumers(&part);
        let records = part.logs.records.iter();
        let records: Vec<u32> = records
            .map(|record| self.join_record(Record { key: keys[record.key as usize], ..*record }))
            .collect();
        let (logs, part) = (&mut self.logs, part.logs);
        let first = logs.sightings.len() as u32;
        logs.ends.extend(part.ends);
        logs.whole.extend(part.whole);
        logs.sightings.extend(part.sightings.iter().map(|sighting| Sighting {
            key: keys[sighting.key as usize],
            record: records[sighting.record as usize],
            ..*sighting
        }));
        logs.batches.extend(part.batches.iter().map(|batch| Batch {
            key: keys[batch.key as usize],
            consumer: consumers[batch.consumer as usize],
            first: batch.first + first,
            ..*batch
        }));
        let sent = part.sent.iter();
        logs.sent.extend(sent.map(|sent| Sent { record: records[sent.record as usize], ..*sent }));
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

    fn join_record(&mut self, later: Record<'h>) -> u32 {
        let number = self.record(later.key, later.value);
        let record = &mut self.logs.records[number as usize];
        record.sends += later.sends;
        if record.sender == NOBODY {
            record.sender = later.sender;
        }
        if record.acknowledged == NOBODY {
            record.acknowledged = later.acknowledged;
        }
        if later.failed != NOBODY {
            record.failed = later.failed;
        }
        number
    }
}
