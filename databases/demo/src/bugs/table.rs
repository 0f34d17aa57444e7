//! The table of bugs: whom each imitates, and the run that shows it.

use perjury_harness::database::Bug;

/// In the order of [`super::Bug::ALL`].
pub const TABLE: &[Bug] = &[
    Bug {
        name: "stale-reads",
        about: "any node answers reads from its own state, without asking the leader",
        imitates: "etcd's default reads in 2014, served by whichever node was asked, and Consul's, \
                   served by a leader that did not confirm it still was one \
                   (Jepsen: etcd and Consul, 2014)",
        workload: "register",
        nemesis: &["partition"],
        anomalies: &["stale-read", "nonlinearizable"],
        settings: &[("nemesis-interval", "3s")],
    },
    Bug {
        name: "early-ack",
        about: "the leader acknowledges a write when it has it, before a majority does",
        imitates: "MongoDB with write concerns that ask for less than a majority, and Redis Sentinel's \
                   asynchronous replication: what a primary had acknowledged before it was \
                   replaced was rolled back (Jepsen: MongoDB, Redis, both 2013)",
        workload: "set",
        nemesis: &["partition"],
        anomalies: &["lost-element"],
        settings: &[("nemesis-interval", "3s"), ("partition-shapes", "primaries,halves")],
    },
    Bug {
        name: "no-fsync",
        about: "the log reaches the disk only every few seconds, but is acknowledged at once",
        imitates: "NATS JetStream, which by default synced its files every two minutes (Jepsen: NATS \
                   2.12.1, 2025), and Elasticsearch 1.x, which synced its transaction log every \
                   five seconds by default",
        workload: "set",
        nemesis: &["kill"],
        anomalies: &["lost-element"],
        settings: &[("nemesis-interval", "4s"), ("kill-targets", "all")],
    },
    Bug {
        name: "dirty-reads",
        about: "the leader's reads see transactions that are not committed and may never be",
        imitates: "VoltDB 6.3, whose reads saw a cut-off replica's uncommitted writes, and \
                   MongoDB's reads from a primary whose writes were rolled back later \
                   (Jepsen: VoltDB 6.3, 2016; MongoDB stale reads, 2015)",
        workload: "list-append",
        nemesis: &["partition"],
        anomalies: &["G1a", "incompatible-order"],
        settings: &[("nemesis-interval", "3s"), ("partition-shapes", "primaries")],
    },
    Bug {
        name: "torn-transactions",
        about: "the operations of a transaction happen one by one, visible in between",
        imitates: "Cassandra's logged batches over several partitions, which are all applied in the end \
                   but are not isolated, so that others see them half done (its documentation \
                   says so), and the read skew of MongoDB's transactions (Jepsen: MongoDB 4.2.6, 2020)",
        workload: "list-append",
        nemesis: &[],
        anomalies: &["G1b", "G1c", "G-single", "G2-item", "internal"],
        settings: &[],
    },
    Bug {
        name: "lost-cas",
        about: "compare-and-set compares first and writes later, as if nobody came in between",
        imitates: "Elasticsearch 1.1.0, whose version checks did not keep concurrent updates from \
                   overwriting each other (Jepsen: Elasticsearch, 2014)",
        workload: "register",
        nemesis: &[],
        anomalies: &["lost-update", "lost-write", "stale-read", "nonlinearizable"],
        settings: &[("rate", "500"), ("keys", "3")],
    },
    Bug {
        name: "retry-duplicates",
        about: "a request without a quick answer is sent again, and then happens twice",
        imitates: "jetcd 0.8.2, etcd's Java client, whose retries executed transactions more than once \
                   (Jepsen: jetcd 0.8.2, 2024)",
        workload: "list-append",
        nemesis: &["kill", "pause", "partition"],
        anomalies: &["duplicate-elements"],
        settings: &[
            ("nemesis-interval", "4s"),
            ("kill-targets", "primaries"),
            ("pause-targets", "primaries"),
            ("partition-shapes", "primaries"),
        ],
    },
    Bug {
        name: "split-brain",
        about: "a leader without a majority goes on serving reads and writes on its own copy",
        imitates: "Elasticsearch 1.1.0 and RabbitMQ's mirrored queues, where both sides of a \
                   partition accepted writes and one side's were discarded when it healed \
                   (Jepsen: Elasticsearch, RabbitMQ, both 2014)",
        workload: "register",
        nemesis: &["partition"],
        anomalies: &["stale-read", "lost-write", "nonlinearizable"],
        settings: &[("nemesis-interval", "3s"), ("partition-shapes", "primaries,halves")],
    },
    Bug {
        name: "late-lease",
        about: "the leader's read lease is counted from when answers arrive, not from when it asked",
        imitates: "etcd's Go client, which counts the time of a lease from when the answer to its \
                   keep-alive arrives (client/v3/lease.go), so that it believes longer than the \
                   server that it holds it; the rule is Gray and Cheriton's (Leases, 1989)",
        workload: "register",
        nemesis: &["packet"],
        anomalies: &["stale-read", "nonlinearizable"],
        settings: &[
            ("nemesis-interval", "3s"),
            ("packet-kinds", "delay"),
            ("packet-targets", "primaries"),
            ("packet-directions", "in"),
            ("packet-delay-ms", "1500"),
            // Writes that wait for a majority must not occupy every client of the old leader.
            ("concurrency", "20n"),
            ("rate", "60"),
        ],
    },
    Bug {
        name: "clock-lease",
        about: "the leader answers reads alone while its lease lasts, by the wall clock",
        imitates: "Redis, which expired keys by the wall clock, so that locks built on it outlived \
                   their time (Kleppmann, How to do distributed locking, 2016), and Aerospike \
                   3.99.0.3, which lost updates when clocks were too far apart (Jepsen, 2018)",
        workload: "register",
        nemesis: &["clock", "partition"],
        anomalies: &["stale-read", "nonlinearizable"],
        settings: &[
            ("nemesis-interval", "3s"),
            ("operation-timeout", "500ms"),
            ("clock-kinds", "jump,freeze"),
            ("clock-targets", "all"),
            ("partition-shapes", "primaries"),
        ],
    },
    Bug {
        name: "page-cache",
        about: "the log is written before it is acknowledged, and never synced: only a power loss \
                takes it",
        imitates: "Kafka's default, which leaves syncing to the operating system and trusts in its \
                   replicas (its documentation says so), and NATS JetStream, which by default synced \
                   every two minutes (Jepsen: NATS 2.12.1, 2025)",
        workload: "set",
        nemesis: &["power"],
        anomalies: &["lost-element"],
        settings: &[
            ("nemesis-interval", "4s"),
            ("power-targets", "all"),
            ("power-survivors", "none"),
        ],
    },
    Bug {
        name: "memory-ids",
        about: "each node counts its identifiers in memory, and begins again when it starts again",
        imitates: "InnoDB before MySQL 8.0, which kept the next AUTO_INCREMENT in memory, so that \
                   those of deleted rows came again after a restart (MySQL bug 199), and \
                   Materialize, whose allocator reused identifiers after a crash (pull request 1928, \
                   2020)",
        workload: "unique-ids",
        nemesis: &["kill"],
        anomalies: &["duplicate-id"],
        settings: &[("nemesis-interval", "3s")],
    },
    Bug {
        name: "write-skew",
        about: "a transaction is refused only if another wrote what it writes, not what it read",
        imitates: "PostgreSQL before 9.1, whose SERIALIZABLE was snapshot isolation (its \
                   documentation says so), and PostgreSQL 12.3, whose serializable transactions \
                   could miss each other's inserts (Jepsen: PostgreSQL 12.3, 2020)",
        workload: "g2",
        nemesis: &[],
        anomalies: &["G2"],
        settings: &[],
    },
    Bug {
        name: "loose-order",
        about: "a dequeue takes one of the first messages of the queue, not always the first",
        imitates: "Amazon SQS's standard queues, which deliver in the order in which messages were sent \
                   as far as they can and now and then in another one (its documentation says so), \
                   since a queue lies on several servers and a request asks some of them",
        workload: "queue",
        nemesis: &[],
        anomalies: &["reordered-message"],
        settings: &[("ordered", "true")],
    },
    Bug {
        name: "auto-commit",
        about: "a group's position moves on as records are handed out, not when they have arrived",
        imitates: "RabbitMQ's automatic acknowledgements, with which a message counts as delivered as \
                   soon as it is sent and is lost if the consumer's connection closes first (its \
                   documentation says so), and Redis streams read with NOACK",
        workload: "partitioned-log",
        nemesis: &["pause"],
        anomalies: &["group-skip"],
        settings: &[("nemesis-interval", "2s"), ("operation-timeout", "500ms")],
    },
    Bug {
        name: "skipping-watch",
        about: "a watcher that has fallen behind goes on with newer changes, and is not told",
        imitates: "etcd 3.4 and 3.5, which moved a slow watcher past events that had been compacted \
                   meanwhile instead of cancelling it (etcd issue 17529, 2024)",
        workload: "watch",
        nemesis: &["pause"],
        anomalies: &["lost-event"],
        settings: &[("nemesis-interval", "3s"), ("rate", "200")],
    },
    Bug {
        name: "no-repair",
        about: "nodes never ask each other for what they missed",
        imitates: "Cassandra, where a write that a node missed for longer than hints are kept reaches it \
                   only if somebody runs a repair, as its documentation says, and Riak before it had \
                   active anti-entropy (1.3, 2013)",
        workload: "eventual",
        nemesis: &["partition"],
        anomalies: &["divergence", "divergent-merge"],
        settings: &[("nemesis-interval", "3s")],
    },
    Bug {
        name: "resurrection",
        about: "a removal is remembered for a second, and whoever was away for longer never hears of it",
        imitates: "Cassandra, whose tombstones are dropped after gc_grace_seconds: data comes back \
                   from a node that was down for longer, as its documentation warns",
        workload: "or-set",
        nemesis: &["partition"],
        anomalies: &["resurrected-element", "divergence", "divergent-merge"],
        settings: &[("nemesis-interval", "3s")],
    },
    Bug {
        name: "double-count",
        about: "an addition that reaches a node twice counts twice",
        imitates: "Cassandra's counters, which counted an increment again when it was retried after a \
                   timeout (Jepsen: Cassandra, 2013; CASSANDRA-4775)",
        workload: "crdt-counter",
        nemesis: &["pause", "partition"],
        anomalies: &["phantom-update", "divergence", "divergent-merge"],
        settings: &[("nemesis-interval", "3s")],
    },
    Bug {
        name: "last-write-wins",
        about: "of values that were written at the same time one is kept, and the others are gone",
        imitates: "Riak without allow_mult, which kept the value with the latest timestamp and lost \
                   acknowledged ones (Jepsen: Riak, 2013)",
        workload: "mv-register",
        nemesis: &["partition"],
        anomalies: &["lost-write", "missing-your-writes", "non-monotonic-reads"],
        settings: &[("nemesis-interval", "3s")],
    },
    Bug {
        name: "eternal-locks",
        about: "a lock is never taken back from a client that is gone",
        imitates: "ZooKeeper before 3.3.4, where the ephemeral node of a session could outlive it \
                   (ZOOKEEPER-1208, 2011), and with it the lock that it was",
        workload: "lock",
        nemesis: &[],
        anomalies: &["held-by-the-dead"],
        settings: &[],
    },
    Bug {
        name: "sticky-claims",
        about: "a consumer that comes back to its group keeps the logs that others were given meanwhile",
        imitates: "Kafka's cooperative sticky assignor, to which two consumers could claim the same \
                   partition, both in one generation (KAFKA-12984, 2021)",
        workload: "partitioned-log",
        nemesis: &[],
        anomalies: &["double-assignment"],
        settings: &[],
    },
];
