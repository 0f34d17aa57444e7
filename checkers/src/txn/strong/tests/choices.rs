//! Refutations that need a choice: either order of each pair of versions is possible by itself,
//! and no choice of orders is.

use crate::Budget;
use crate::testing::Random;
use crate::txn::strong::network::Network;
use crate::txn::strong::saturate::{Rounds, Saturated, saturate};
use crate::txn::strong::{Decision, Isolation, Level, Polygraph};
use crate::txn::transactions::{Action, Atom, Builder, Status};

use super::stores::simple;
use super::{decide, is_valid};

/// Writers of one version each, and readers of some keys, each in a session of its own.
struct Choices {
    /// Per version its key.
    versions: Vec<u32>,
    /// Per reader the versions that it read.
    readers: Vec<Vec<u32>>,
}

impl Choices {
    fn polygraph(&self) -> Polygraph {
        let mut builder = Builder::new(false);
        let mut session = 0..;
        let mut begin = |builder: &mut Builder| {
            builder.begin_in_session(session.next().expect("a session"), Status::Committed);
        };
        for (version, key) in (0u32..).zip(&self.versions) {
            begin(&mut builder);
            builder.micro(Action::Write, Atom(*key), Atom(version));
        }
        for reader in &self.readers {
            begin(&mut builder);
            for version in reader {
                let key = self.versions[*version as usize];
                builder.micro(Action::Read, Atom(key), Atom(*version));
            }
        }
        let txns = builder.finish();
        Polygraph::new(&txns, &simple(&txns), &[])
    }

    /// Whether some order of the writers shows each reader what it read at some moment: all
    /// orders are tried. As nobody reads and writes, this is every level alike.
    fn holds(&self) -> bool {
        let mut order: Vec<u32> = (0..self.versions.len() as u32).collect();
        self.any_order(&mut order, 0)
    }

    fn any_order(&self, order: &mut Vec<u32>, fixed: usize) -> bool {
        if fixed == order.len() {
            return self.readers.iter().all(|reader| self.shows(order, reader));
        }
        (fixed..order.len()).any(|next| {
            order.swap(fixed, next);
            let holds = self.any_order(order, fixed + 1);
            order.swap(fixed, next);
            holds
        })
    }

    fn shows(&self, order: &[u32], reader: &[u32]) -> bool {
        let mut current = vec![None; self.versions.len()];
        order.iter().any(|version| {
            current[self.versions[*version as usize] as usize] = Some(*version);
            let sees = |read: &u32| current[self.versions[*read as usize] as usize] == Some(*read);
            reader.iter().all(sees)
        })
    }
}

/// Whether saturation leaves everything as open as it was.
fn saturation_sees_nothing(polygraph: &Polygraph, level: Level) -> bool {
    let budget = Budget::default();
    let mut network = Network::new(polygraph, level, None, &budget).expect("time");
    let saturated = saturate(&mut network, &mut Rounds::default(), true, &budget);
    matches!(saturated, Saturated::Order(_)) && network.edges.len() == network.known_edges
}

#[test]
fn four_states_of_two_keys_with_two_versions() {
    // Two keys change once each, so only three combinations are ever there.
    let readers = vec![vec![0, 2], vec![0, 3], vec![1, 2], vec![1, 3]];
    let mut choices = Choices { versions: vec![0, 0, 1, 1], readers };
    assert!(!choices.holds());
    let polygraph = choices.polygraph();
    for level in Level::all() {
        assert!(saturation_sees_nothing(&polygraph, level), "{level:?}");
        let (decision, effort) = decide(&polygraph, level);
        let Decision::Invalid(proof) = decision else { panic!("{level:?} {decision:?}") };
        assert!(effort.searched && effort.conflicts > 0, "{level:?} {effort:?}");
        assert_eq!((proof.cases.len(), proof.cycles.len()), (2, 4), "{level:?} {proof:?}");
    }
    // Three are.
    choices.readers.pop();
    for level in Level::all() {
        assert!(is_valid(&decide(&choices.polygraph(), level).0), "{level:?}");
    }
}

#[test]
fn choices_at_random() {
    let mut random = Random(3);
    let (mut refuted, mut searched, mut held) = (0, 0, 0);
    for _ in 0..2_000 {
        let keys = 2 + random.below(2) as u32;
        let versions: Vec<u32> = (0..6).map(|version| version % keys).collect();
        let reader = |random: &mut Random| {
            let mut read: Vec<u32> = Vec::new();
            for _ in 0..2 + random.below(2) {
                let version = random.below(6) as u32;
                if read.iter().all(|other| other % keys != version % keys) {
                    read.push(version);
                }
            }
            read
        };
        let readers = (0..4 + random.below(6)).map(|_| reader(&mut random)).collect();
        let choices = Choices { versions, readers };
        let (holds, polygraph) = (choices.holds(), choices.polygraph());
        for level in Level::all() {
            let (decision, effort) = decide(&polygraph, level);
            assert!(!matches!(decision, Decision::Unknown(_)), "{level:?} {decision:?}");
            assert_eq!(is_valid(&decision), holds, "{level:?} {decision:?}");
            if level.isolation != Isolation::Serializable {
                continue;
            }
            held += u32::from(holds);
            refuted += u32::from(!holds);
            let left_open = !holds && saturation_sees_nothing(&polygraph, level);
            assert!(!left_open || effort.searched && effort.conflicts > 0, "{effort:?}");
            searched += u32::from(left_open);
        }
    }
    assert!(held > 500 && refuted > 500 && searched > 50, "{held} {refuted} {searched}");
}
