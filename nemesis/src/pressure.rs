//! `cpu` and `memory`: something else on the node takes its processors or its memory.
//!
//! They are commands like those of a user's own fault (see [`crate::custom`]), so they are observed,
//! leased and undone as these are.

use crate::custom::Custom;
use perjury_harness::fault::CustomFault;
use perjury_harness::span::Span;

/// Loops that each want a processor, as many as there are; their pids are kept in a file.
const BURN: &str = "
for _ in $(seq \"$(nproc)\"); do
    setsid sh -c 'while :; do :; done' perjury-cpu </dev/null >/dev/null 2>&1 &
    echo $! >>/var/tmp/perjury-cpu
done";

/// A pid may belong to somebody else by now: only what has our name is killed.
const COOL: &str = "
for pid in $(cat /var/tmp/perjury-cpu 2>/dev/null); do
    grep -q perjury-cpu /proc/$pid/cmdline 2>/dev/null && kill -9 $pid
done
rm -f /var/tmp/perjury-cpu";

/// What they have used of the processors in half a second, in hundredths of a second. On a busy
/// machine that is little, but it is some.
const HEAT: &str = "
[ -e /var/tmp/perjury-cpu ] || exit 1
used() {
    sum=0
    for pid in $(cat /var/tmp/perjury-cpu); do
        set -- $(cat /proc/$pid/stat 2>/dev/null)
        sum=$((sum + ${14:-0} + ${15:-0}))
    done
    echo $sum
}
before=$(used)
sleep 0.5
after=$(used)
echo \"$((after - before)) ticks of processor time in half a second\"
[ $((after - before)) -ge 3 ]";

/// Shared memory is not given back until it is removed. Nodes that share a machine are not to
/// bring it down together, so it is an eighth of what is available.
const FILL: &str = "
available=$(grep MemAvailable /proc/meminfo | tr -dc 0-9)
fallocate -l $((available / 8))K /dev/shm/perjury-memory ||
    head -c $((available / 8))K /dev/zero >/dev/shm/perjury-memory";

const EMPTY: &str = "rm -f /dev/shm/perjury-memory";

/// What it takes, which is not what its length says.
const FULL: &str = "
taken=$(du -k /dev/shm/perjury-memory 2>/dev/null | cut -f1)
echo \"${taken:-0} KiB of memory taken\"
[ \"${taken:-0}\" -gt 1024 ]";

/// Takes all processors of a node.
pub(crate) fn cpu() -> Custom {
    fault("cpu", "keeps all processors of a node busy with something else", [BURN, COOL, HEAT])
}

/// Takes memory of a node.
pub(crate) fn memory() -> Custom {
    let about = "takes an eighth of the memory that a node has available";
    fault("memory", about, [FILL, EMPTY, FULL])
}

fn fault(name: &str, about: &str, [inject, heal, observe]: [&str; 3]) -> Custom {
    Custom::new(CustomFault {
        name: name.to_owned(),
        about: about.to_owned(),
        inject: inject.to_owned(),
        heal: heal.to_owned(),
        observe: observe.to_owned(),
        limit: Span::seconds(20),
    })
}
