//! Watches: what watchers of a map are told.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "lost-event",
        "A watcher was told of everything up to some revision, and a change before that was not \
         among it. What it keeps, such as a cache, is wrong from then on.",
        "reliable watches",
        source::ETCD,
    ),
    class(
        "torn-event",
        "A watcher was told of some of the changes that one write made, in an answer that claims to \
         be complete. It sees a state that never was.",
        "atomic watches",
        source::ETCD,
    ),
    class(
        "duplicate-event",
        "A watcher was told of one change twice, though it had not asked to begin again. What the \
         change stands for is done again.",
        "unique events",
        source::ETCD,
    ),
    class(
        "event-inversion",
        "A watcher was told of a change after it had been told that everything up to a later \
         revision was delivered. It ends with an old value.",
        "ordered and bookmarkable watches",
        source::ETCD,
    ),
    class(
        "inconsistent-event",
        "At one revision, one key was changed in two ways, as writers and watchers were told. They \
         do not speak of the same log.",
        "one log of changes for all",
        source::ETCD,
    ),
    class(
        "phantom-event",
        "A watcher was told of a change that nobody had asked for, or only in vain. It was invented, \
         or rolled back after it was shown.",
        "every consistency model",
        source::ETCD,
    ),
    class(
        "revision-inversion",
        "A write that began after another was acknowledged was not given a greater revision. The \
         order of revisions is not the order of events.",
        "revisions that grow, and linearizability",
        source::ETCD,
    ),
];
