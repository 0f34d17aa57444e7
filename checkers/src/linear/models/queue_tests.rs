//! How the models of queues read calls, and what they say of them.

use serde_json::{Value, json};

use super::{FifoQueue, PriorityCall, PriorityQueue, QueueCall, Ranked, UnorderedQueue};
use crate::linear::model::{Answer, Asked, Model, Values};

fn read<M: Model>(
    model: &M,
    values: &mut Values,
    (f, input): (&str, Value),
    answer: Answer<'_>,
) -> Result<Option<M::Call>, String> {
    model.call(Asked { f, input: &input, answer, process: 0 }, values)
}

#[test]
fn queues_read_the_usual_names() {
    let mut values = Values::default();
    let queue = FifoQueue::default();
    let (null, seven) = (json!(null), json!(7));
    for f in ["enqueue", "add", "offer"] {
        let call = read(&queue, &mut values, (f, json!(7)), Answer::Ok(&null));
        assert_eq!(call, Ok(Some(QueueCall::Enqueue(0))));
        let call = read(&queue, &mut values, (f, json!(7)), Answer::Unknown);
        assert_eq!(call, Ok(Some(QueueCall::Enqueue(0))));
        assert_eq!(read(&queue, &mut values, (f, json!(7)), Answer::Failed), Ok(None));
        assert!(read(&queue, &mut values, (f, json!(null)), Answer::Ok(&null)).is_err());
    }
    for f in ["dequeue", "remove", "poll"] {
        let mut call = |answer| read(&queue, &mut values, (f, json!(null)), answer);
        assert_eq!(call(Answer::Ok(&seven)), Ok(Some(QueueCall::Dequeue(0))));
        assert_eq!(call(Answer::Ok(&null)), Ok(Some(QueueCall::DequeueEmpty)));
        assert_eq!(call(Answer::Unknown), Ok(Some(QueueCall::DequeueUnknown)));
        assert_eq!(call(Answer::Failed), Ok(None));
    }
    let strict = UnorderedQueue { failed_dequeue_is_empty: true };
    let call = read(&strict, &mut values, ("dequeue", json!(null)), Answer::Failed);
    assert_eq!(call, Ok(Some(QueueCall::DequeueEmpty)));
    let error = read(&queue, &mut values, ("read", json!(null)), Answer::Unknown);
    assert_eq!(error, Err("a queue has no `read`, only enqueue and dequeue".to_owned()));
}

#[test]
fn priority_queues_read_numbers_and_lists() {
    let mut values = Values::default();
    let least = PriorityQueue::default();
    let most = PriorityQueue { max_first: true, ..least };
    let (null, element) = (json!(null), json!([3, "job"]));
    let call = read(&least, &mut values, ("insert", element.clone()), Answer::Ok(&null));
    assert_eq!(call, Ok(Some(PriorityCall::Insert(Ranked::integer(3, 0)))));
    let call = read(&least, &mut values, ("delete-min", json!(null)), Answer::Ok(&element));
    assert_eq!(call, Ok(Some(PriorityCall::Delete(Ranked::integer(3, 0)))));
    let call = read(&least, &mut values, ("dequeue", json!(null)), Answer::Ok(&null));
    assert_eq!(call, Ok(Some(PriorityCall::DeleteEmpty)));
    let call = read(&most, &mut values, ("delete-max", json!(null)), Answer::Unknown);
    assert_eq!(call, Ok(Some(PriorityCall::DeleteUnknown)));
    assert!(read(&least, &mut values, ("delete-max", json!(null)), Answer::Unknown).is_err());
    assert!(read(&most, &mut values, ("delete-min", json!(null)), Answer::Unknown).is_err());
    for bad in [json!("job"), json!([]), json!(["job", 3]), json!(null), json!({})] {
        let error = read(&least, &mut values, ("insert", bad), Answer::Unknown);
        assert!(error.is_err_and(|error| error.contains("is a number or [number, value]")));
    }
}

#[test]
fn priorities_compare_as_numbers_do() {
    // Each line is of one priority, and less than the next.
    let ascending = [
        vec![json!(-1e300)],
        vec![json!(i64::MIN), json!(-9_223_372_036_854_775_808.0)],
        vec![json!(-9_007_199_254_740_993_i64)],
        vec![json!(-9_007_199_254_740_992_i64), json!(-9_007_199_254_740_992.0)],
        vec![json!(-1.5)],
        vec![json!(-1), json!(-1.0)],
        vec![json!(-5e-324)],
        vec![json!(0), json!(0.0), json!(-0.0)],
        vec![json!(5e-324)],
        vec![json!(0.5)],
        vec![json!(1), json!([1, "with something"])],
        vec![json!(9_007_199_254_740_992_i64)],
        vec![json!(9_007_199_254_740_993_i64)],
        vec![json!(9_007_199_254_740_994_i64), json!(9_007_199_254_740_994.0)],
        vec![json!(i64::MAX)],
        vec![json!(1_u64 << 63), json!(9_223_372_036_854_775_808.0)],
        vec![json!((1_u64 << 63) + 1)],
        vec![json!(u64::MAX)],
        vec![json!(18_446_744_073_709_551_616.0)],
        vec![json!(1e300)],
    ];
    let mut values = Values::default();
    let mut priority = |max_first: bool, value: &Value| {
        let model = PriorityQueue { max_first, ..PriorityQueue::default() };
        match read(&model, &mut values, ("insert", value.clone()), Answer::Unknown) {
            Ok(Some(PriorityCall::Insert(element))) => element.priority(),
            other => panic!("{other:?}"),
        }
    };
    for (m, these) in ascending.iter().enumerate() {
        for (n, those) in ascending.iter().enumerate() {
            for (a, b) in these.iter().flat_map(|a| those.iter().map(move |b| (a, b))) {
                assert_eq!(priority(false, a).cmp(&priority(false, b)), m.cmp(&n), "{a} {b}");
                assert_eq!(priority(true, a).cmp(&priority(true, b)), n.cmp(&m), "{a} {b}");
            }
        }
    }
}

/// Every state that may follow, in order.
fn after<M: Model>(model: &M, state: &M::State, call: &M::Call) -> Vec<M::State> {
    let mut states = Vec::new();
    model.steps(state, call, &mut |state| states.push(state));
    states.sort();
    states
}

#[test]
fn queues_do_what_they_should() {
    let (fifo, bag) = (FifoQueue::default(), UnorderedQueue::default());
    let (nothing, empty): (Vec<u32>, &[Vec<u32>]) = (vec![], &[vec![]]);
    let state = vec![4, 2, 7];
    assert_eq!(after(&fifo, &state, &QueueCall::Enqueue(1)), [vec![4, 2, 7, 1]]);
    assert_eq!(after(&fifo, &state, &QueueCall::Dequeue(4)), [vec![2, 7]]);
    assert!(after(&fifo, &state, &QueueCall::Dequeue(2)).is_empty());
    assert!(after(&fifo, &state, &QueueCall::DequeueEmpty).is_empty());
    assert_eq!(after(&fifo, &state, &QueueCall::DequeueUnknown), [vec![2, 7]]);
    assert_eq!(after(&fifo, &nothing, &QueueCall::DequeueEmpty), *empty);
    assert_eq!(after(&fifo, &nothing, &QueueCall::DequeueUnknown), *empty);

    let state = vec![2, 4, 7];
    assert_eq!(after(&bag, &state, &QueueCall::Enqueue(3)), [vec![2, 3, 4, 7]]);
    assert_eq!(after(&bag, &state, &QueueCall::Dequeue(4)), [vec![2, 7]]);
    assert!(after(&bag, &state, &QueueCall::Dequeue(5)).is_empty());
    assert!(after(&bag, &state, &QueueCall::DequeueEmpty).is_empty());
    let one_less = [vec![2, 4], vec![2, 7], vec![4, 7]];
    assert_eq!(after(&bag, &state, &QueueCall::DequeueUnknown), one_less);
    assert_eq!(after(&bag, &nothing, &QueueCall::DequeueUnknown), *empty);

    let least = PriorityQueue::default();
    let [a, b, c] = [(1, 5), (1, 3), (2, 4)].map(|(p, value)| Ranked::integer(p, value));
    let state = vec![b, a, c];
    let d = Ranked::integer(1, 4);
    assert_eq!(after(&least, &state, &PriorityCall::Insert(d)), [vec![b, d, a, c]]);
    assert_eq!(after(&least, &state, &PriorityCall::Delete(a)), [vec![b, c]]);
    assert_eq!(after(&least, &state, &PriorityCall::Delete(b)), [vec![a, c]]);
    assert!(after(&least, &state, &PriorityCall::Delete(c)).is_empty());
    assert!(after(&least, &state, &PriorityCall::DeleteEmpty).is_empty());
    let one_less = [vec![b, c], vec![a, c]];
    assert_eq!(after(&least, &state, &PriorityCall::DeleteUnknown), one_less);
    assert_eq!(after(&least, &vec![], &PriorityCall::DeleteEmpty), [Vec::<Ranked>::new()]);
}

#[test]
fn queues_say_what_was_done() {
    let mut values = Values::default();
    for value in [json!("a"), json!([3, "b"])] {
        values.intern(&value);
    }
    let fifo = FifoQueue::default();
    let said = [
        (QueueCall::Enqueue(0), "enqueued \"a\""),
        (QueueCall::Dequeue(1), "dequeued [3,\"b\"]"),
        (QueueCall::DequeueEmpty, "found the queue empty"),
        (QueueCall::DequeueUnknown, "dequeued something"),
    ];
    for (call, text) in said {
        assert_eq!(fifo.describe(&call, &values), text);
        assert_eq!(UnorderedQueue::default().describe(&call, &values), text);
    }
    assert_eq!(fifo.describe_state(&vec![1, 0], &values), "[[3,\"b\"], \"a\"]");
    assert_eq!(fifo.describe_state(&vec![], &values), "nothing");
    let least = PriorityQueue::default();
    let element = Ranked::integer(3, 1);
    let said = [
        (PriorityCall::Insert(element), "inserted [3,\"b\"]"),
        (PriorityCall::Delete(element), "removed [3,\"b\"]"),
        (PriorityCall::DeleteEmpty, "found the queue empty"),
        (PriorityCall::DeleteUnknown, "removed the minimum"),
    ];
    for (call, text) in said {
        assert_eq!(least.describe(&call, &values), text);
    }
    assert_eq!(least.describe_state(&vec![element], &values), "[[3,\"b\"]]");
}
