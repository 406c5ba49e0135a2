//! Whatever happens to it: an index that has caught up says what the log says.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Something that happens to a log and its index.
#[derive(Clone, Debug)]
enum Step {
    /// Changes of the documents with these numbers; a small one deletes.
    Append(Vec<(u8, u16)>),
    CatchUp,
    Reopen,
    /// Killed, after the index was opened.
    Kill,
    Discard,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec((0u8..40, 0u16..2_000), 1..200).prop_map(Step::Append),
        5 => Just(Step::CatchUp),
        2 => Just(Step::Reopen),
        2 => Just(Step::Kill),
        1 => Just(Step::Discard),
    ]
}

fn append(log: &Log, changes: &[(u8, u16)]) {
    let body = [b'x'; 2_000];
    let keys: Vec<String> = changes.iter().map(|(document, _)| format!("document {document}")).collect();
    let changes: Vec<Change<'_>> = keys
        .iter()
        .zip(changes)
        .map(|(key, (_, bytes))| (key.as_str(), (*bytes > 300).then(|| &body[..usize::from(*bytes)])))
        .collect();
    log.append(&changes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_says_what_the_log_says(steps in vec(step(), 1..40)) {
        let dir = scratch();
        let log = Log::open(dir.path());
        let mut places = vec![dir.path().to_owned()];
        let mut index = open(dir.path(), &log);
        for step in steps {
            let place = places.last().unwrap().clone();
            match step {
                Step::Append(changes) => append(&log, &changes),
                Step::CatchUp => {
                    catch_up(&index, &log);
                    assert_true(&index, &log);
                }
                Step::Reopen => {
                    let applied_seq = index.applied_seq();
                    drop(index);
                    index = open(&place, &log);
                    prop_assert_eq!((index.origin(), index.applied_seq()), (&Origin::Kept, applied_seq));
                }
                Step::Kill => {
                    let left = dir.path().join(format!("left-{}", places.len()));
                    copy(&Indexes::new(&place).dir(UID, Documents::NAME), &Indexes::new(&left).dir(UID, Documents::NAME));
                    let applied_seq = index.applied_seq();
                    index = open(&left, &log);
                    prop_assert_eq!((index.origin(), index.applied_seq()), (&Origin::Kept, applied_seq));
                    places.push(left);
                }
                Step::Discard => {
                    drop(index);
                    Indexes::new(&place).remove(UID).unwrap();
                    index = open(&place, &log);
                    prop_assert_eq!(index.origin(), &Origin::Created);
                }
            }
        }
        catch_up(&index, &log);
        assert_true(&index, &log);
    }
}
