//! What the engines for queues say of each kind of contradiction.

use serde_json::Value;

use super::{Contradiction, fifo_queue, priority_queue, unordered_queue};
use crate::linear::QueueCall::{Dequeue, DequeueEmpty, DequeueUnknown, Enqueue};
use crate::linear::{NEVER, PriorityCall, QueueCall, Ranked, Timed, Values};

fn names() -> Values {
    let mut values = Values::default();
    (0..100).for_each(|number| assert_eq!(values.intern(&Value::from(number)), number as u32));
    values
}

fn timed<C: Copy>(calls: &[(C, u32, u32)]) -> Vec<Timed<C>> {
    calls.iter().map(|&(call, start, end)| Timed { call, start, end }).collect()
}

fn fifo(calls: &[(QueueCall, u32, u32)]) -> Option<Contradiction> {
    fifo_queue(&timed(calls), &names()).expect("the engine applies").contradiction
}

fn unordered(calls: &[(QueueCall, u32, u32)]) -> Option<Contradiction> {
    unordered_queue(&timed(calls), &names()).expect("the engine applies").contradiction
}

/// The least value leaves first.
fn least(calls: &[(QueueCall, u32, u32)]) -> Option<Contradiction> {
    let ranked = |value: u32| Ranked::integer(i64::from(value), value);
    let call = |(call, start, end): &(QueueCall, u32, u32)| {
        let call = match *call {
            Enqueue(value) => PriorityCall::Insert(ranked(value)),
            Dequeue(value) => PriorityCall::Delete(ranked(value)),
            DequeueEmpty => PriorityCall::DeleteEmpty,
            DequeueUnknown => PriorityCall::DeleteUnknown,
        };
        (call, *start, *end)
    };
    let calls: Vec<_> = calls.iter().map(call).collect();
    priority_queue(&timed(&calls), &names()).expect("the engine applies").contradiction
}

#[track_caller]
fn says(found: Option<Contradiction>, kind: &str, calls: &[usize], why: &str) {
    let found = found.expect("a contradiction");
    assert_eq!((found.kind, &found.calls[..], &*found.why), (kind, calls, why));
    assert!(!found.title.is_empty());
}

#[test]
fn elements_out_of_nothing() {
    let phantom = [(Enqueue(1), 0, 1), (Dequeue(2), 2, 3)];
    let future = [(Dequeue(1), 0, 1), (Enqueue(1), 2, 3)];
    let twice = [(Enqueue(1), 0, 1), (Dequeue(1), 2, 3), (Enqueue(2), 4, 5), (Dequeue(1), 6, 7)];
    for judge in [fifo, unordered, least] {
        let why = "2 was handed out, but no call ever put it in.";
        says(judge(&phantom), "phantom-dequeue", &[1], why);
        let why = "1 was handed out before anybody had begun to put it in.";
        says(judge(&future), "future-dequeue", &[0, 1], why);
        let why = "1 was put in once, and handed out twice.";
        says(judge(&twice), "duplicate-dequeue", &[0, 1, 3], why);
    }
}

#[test]
fn order_of_a_fifo_queue() {
    let swapped = [
        (Enqueue(1), 0, 1),
        (Enqueue(2), 2, 3),
        (Enqueue(3), 4, 5),
        (Dequeue(3), 6, 7),
        (Dequeue(1), 8, 9),
        (Dequeue(2), 10, 11),
    ];
    let why = "2 had been enqueued before anybody began to enqueue 3, so 2 had to leave first; \
               but 3 had left before anybody began to dequeue 2.";
    says(fifo(&swapped), "fifo-inversion", &[1, 2, 3, 5], why);
    assert_eq!(unordered(&swapped), None);

    let lost = [(Enqueue(1), 0, 1), (Enqueue(2), 2, 3), (Dequeue(2), 4, 5)];
    let why = "1 had been enqueued before anybody began to enqueue 2, so 1 had to leave first; \
               but 2 left, and nobody ever dequeued 1: it is lost or was overtaken.";
    says(fifo(&lost), "lost-element", &[0, 1, 2], why);
    assert_eq!(unordered(&lost), None);

    // One unknown dequeue can have taken one of two.
    let mut calls = vec![(Enqueue(1), 0, 1), (Enqueue(2), 2, 3), (Enqueue(3), 4, 5)];
    calls.extend([(DequeueUnknown, 6, NEVER), (Dequeue(3), 7, 8), (DequeueUnknown, 9, NEVER)]);
    let why = "2 elements that no known dequeue took had been enqueued before anybody began to \
               enqueue 3, so they had to leave before 3 did; but when it had left, only one \
               dequeue of unknown outcome had begun that can have taken them.";
    says(fifo(&calls), "lost-element", &[0, 1, 2, 3, 4], why);
    calls[5].1 = 7;
    calls[4].1 = 8;
    calls[4].2 = 9;
    calls.swap(4, 5);
    assert_eq!(fifo(&calls), None);
}

#[test]
fn a_queue_that_was_not_empty() {
    let one = [(Enqueue(1), 0, 1), (DequeueEmpty, 2, 3), (Dequeue(1), 4, 5)];
    let why = "1 was inside all the while: it had been put in before the dequeue began, and \
               nobody began to take it out before the dequeue had ended.";
    for judge in [fifo, unordered, least] {
        says(judge(&one), "false-empty", &[0, 2, 1], why);
    }

    let lost = [(Enqueue(1), 0, 1), (DequeueEmpty, 2, 3)];
    let why = "1 had been put in, and nobody ever took it out.";
    for judge in [fifo, unordered, least] {
        says(judge(&lost), "lost-element", &[0, 1], why);
    }

    // Each element comes before the one before it goes; 9 is there too, but not needed.
    let chain = [
        (Enqueue(1), 0, 1),
        (DequeueEmpty, 2, 13),
        (Enqueue(2), 3, 4),
        (Enqueue(9), 5, 6),
        (Dequeue(1), 7, 20),
        (Enqueue(3), 8, 9),
        (Dequeue(9), 11, 21),
        (Dequeue(2), 12, 22),
        (Dequeue(3), 14, 23),
    ];
    let why = "At every moment of the dequeue 1, 2 or 3 was inside: each had been put in before \
                anybody began to take out the one before it.";
    for judge in [fifo, unordered, least] {
        says(judge(&chain), "false-empty", &[0, 2, 4, 5, 7, 8, 1], why);
    }

    // With a gap between two of them there is a moment.
    let mut gap = chain;
    gap[5].2 = 15;
    for judge in [fifo, unordered, least] {
        assert_eq!(judge(&gap), None);
    }
}

#[test]
fn more_elements_stayed_than_can_have_been_taken() {
    // The first gives way to 1, and both are taken; for 2 nobody is left.
    let calls = [
        (Enqueue(0), 0, 1),
        (DequeueEmpty, 2, 9),
        (Enqueue(1), 3, 4),
        (DequeueUnknown, 5, NEVER),
        (Enqueue(2), 6, 7),
        (DequeueUnknown, 8, NEVER),
    ];
    let why = "3 elements had been put in that no known dequeue took, and the 2 dequeues of \
               unknown outcome that had begun cannot have taken all of them.";
    for judge in [fifo, unordered, least] {
        says(judge(&calls), "lost-element", &[0, 2, 3, 4, 5, 1], why);
    }
    // Held by 5 first, and then by what stayed.
    let calls = [(Enqueue(5), 0, 1), (DequeueEmpty, 2, 9), (Enqueue(6), 3, 4), (Dequeue(5), 5, 8)];
    let why = "At every moment of the dequeue 5 or 6 was inside: each had been put in before \
                anybody began to take out the one before it.";
    for judge in [fifo, unordered, least] {
        says(judge(&calls), "false-empty", &[0, 2, 3, 1], why);
    }
}

#[test]
fn held_at_first_and_then_too_many_stayed() {
    let calls = [
        (DequeueUnknown, 0, NEVER),
        (Enqueue(5), 1, 2),
        (DequeueEmpty, 3, 20),
        (Enqueue(6), 4, 5),
        (Enqueue(7), 6, 7),
        (Dequeue(5), 8, 9),
    ];
    let why = "At every moment of the dequeue something was inside: 5, or what nobody took, for \
               2 elements had been put in that no known dequeue took, and the one dequeue of \
               unknown outcome that had begun cannot have taken all of them.";
    for judge in [fifo, unordered, least] {
        says(judge(&calls), "false-empty", &[0, 1, 3, 4, 5, 2], why);
    }
}

/// However many there are, a proof lists a few.
#[test]
fn proofs_with_many_unknown_dequeues_are_short() {
    let (mut calls, mut at) = (Vec::new(), 0);
    for value in 0..50 {
        calls.push((Enqueue(value), at, at + 1));
        calls.push((DequeueUnknown, at + 2, NEVER));
        at += 3;
    }
    calls.extend([(Enqueue(50), at, at + 1), (DequeueEmpty, at + 2, at + 3)]);
    for judge in [fifo, unordered, least] {
        let found = judge(&calls).expect("a contradiction");
        assert_eq!((found.kind, &found.calls[..]), ("lost-element", &[100, 101][..]));
        assert!(found.why.starts_with("51 elements") && found.why.contains("the 50 dequeues"));
        assert!(found.why.ends_with("(only the last are listed)."), "{}", found.why);
    }
    calls.pop();
    calls.extend([(Enqueue(51), at + 2, at + 3), (Dequeue(51), at + 4, at + 5)]);
    let found = fifo(&calls).expect("a contradiction");
    assert_eq!((found.kind, &found.calls[..]), ("lost-element", &[100, 101, 102][..]));
    assert!(found.why.starts_with("51 elements"), "{}", found.why);
}

#[test]
fn order_of_a_priority_queue() {
    let waits = [(Enqueue(1), 0, 1), (Enqueue(2), 2, 3), (Dequeue(2), 4, 5), (Dequeue(1), 6, 7)];
    let why = "2 was handed out though an element that goes first was inside. 1 was inside all \
               the while: it had been put in before the dequeue began, and nobody began to take \
               it out before the dequeue had ended.";
    says(least(&waits), "priority-inversion", &[0, 1, 3, 2], why);

    let lost = &waits[..3];
    let why = "2 was handed out though an element that goes first was inside. 1 had been put in, \
               and nobody ever took it out.";
    says(least(lost), "lost-element", &[0, 1, 2], why);

    // 1 keeps 2 from leaving at first; then 2, still inside, keeps 3: but that is 1 again.
    let kept = [
        (Enqueue(1), 0, 1),
        (Enqueue(2), 2, 3),
        (Enqueue(3), 4, 5),
        (Dequeue(3), 6, 8),
        (Dequeue(2), 7, 20),
        (Dequeue(1), 9, 21),
    ];
    let found = least(&kept).expect("a contradiction");
    assert_eq!((found.kind, &found.calls[..]), ("priority-inversion", &[0, 2, 5, 3][..]));
}

/// Neither dequeue had to wait for both of what stayed, but one taker is not enough for two.
#[test]
fn too_few_unknown_dequeues_for_all_together() {
    let mut calls = vec![
        (DequeueUnknown, 0, NEVER),
        (Enqueue(11), 1, 2),
        (Enqueue(12), 3, 4),
        (Dequeue(12), 5, 6),
        (Enqueue(1), 7, 8),
        (Enqueue(2), 9, 10),
        (Dequeue(2), 11, 12),
    ];
    let why = "2 elements that no known dequeue took had come, and by the end of dequeues that \
               handed out what goes after them, or found nothing, they had to have left; but only \
               one dequeue of unknown outcome had begun by then that can have taken them.";
    says(least(&calls), "lost-element", &[0, 1, 2, 3, 4, 5, 6], why);
    calls.insert(0, (DequeueUnknown, 0, NEVER));
    assert_eq!(least(&calls), None);
}

#[test]
fn ties_leave_in_any_order() {
    let tied = |value| Ranked::integer(7, value);
    let calls = timed(&[
        (PriorityCall::Insert(tied(1)), 0, 1),
        (PriorityCall::Insert(tied(2)), 2, 3),
        (PriorityCall::Delete(tied(2)), 4, 5),
        (PriorityCall::Delete(tied(1)), 6, 7),
    ]);
    let found = priority_queue(&calls, &names()).expect("the engine applies");
    assert_eq!(found.contradiction, None);
}

#[test]
fn repeated_values_are_left_to_the_search() {
    let again = [(Enqueue(1), 0, 1), (Enqueue(1), 2, 3), (Dequeue(1), 4, 5), (DequeueEmpty, 6, 7)];
    assert_eq!(fifo_queue(&timed(&again), &names()), None);
    assert_eq!(unordered_queue(&timed(&again), &names()), None);
    // Which of them stayed does not matter if all did.
    let stayed = [(Enqueue(1), 0, 1), (Enqueue(1), 2, 3), (DequeueEmpty, 4, 5)];
    says(fifo(&stayed), "lost-element", &[0, 2], "1 had been put in, and nobody ever took it out.");
}
