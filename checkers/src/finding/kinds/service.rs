//! Limits on what clients get of the database, which a test may set. No consistency is at stake.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "unavailable",
        "Fewer calls were served while a fault was in force than the test demands. No answer was \
         wrong; there were too few.",
        "the availability that the test asks for",
        source::JEPSEN,
    ),
    class(
        "degraded",
        "Just after a fault was mended, fewer calls were served than the test demands. The \
         database was there again, but not for all.",
        "the availability that the test asks for",
        source::JEPSEN,
    ),
    class(
        "long-outage",
        "While a fault was in force nothing was served for longer than the test allows. No answer \
         was wrong; for a while there was none.",
        "the longest outage that the test asks for",
        source::JEPSEN,
    ),
    class(
        "slow-recovery",
        "It took longer than the test allows until calls were served again after a fault was \
         mended. No answer was wrong; they came late.",
        "the time to recover that the test asks for",
        source::JEPSEN,
    ),
    class(
        "no-recovery",
        "After a fault was mended no call was served any more. The database did not come back by \
         itself.",
        "the time to recover that the test asks for",
        source::JEPSEN,
    ),
];
