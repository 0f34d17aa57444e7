//! Tests of damaged files: whatever happens to a line, the error names that line.

use super::*;

/// A small file of each text format, one operation a line.
const FILES: [(&str, &str); 7] = [
    (
        "history.jsonl",
        "{\"index\":0,\"time\":1,\"process\":0,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[1,2]}\n\
         {\"index\":1,\"time\":2,\"process\":0,\"type\":\"ok\",\"f\":\"cas\",\"value\":[1,2]}\n\
         {\"index\":2,\"time\":3,\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}\n\
         {\"index\":3,\"time\":4,\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":\"x\"}\n",
    ),
    (
        "history.edn",
        "{:process 0, :type :invoke, :f :cas, :value [1 2], :time 1, :index 0}\n\
         #jepsen.history.Op{:process 0, :type :ok, :f :cas, :value [1 2], :time 2, :index 1}\n\
         {:process 1, :type :invoke, :f :read, :value nil, :time 3, :index 2}\n\
         {:process 1, :type :ok, :f :read, :value #{\"x\"}, :time 4, :index 3}\n",
    ),
    (
        "porcupine-kv.txt",
        "{:process 0, :type :invoke, :f :append, :key \"0\", :value \"x 0 0 y\"}\n\
         {:process 0, :type :ok, :f :append, :key \"0\", :value \"x 0 0 y\"}\n\
         {:process 0, :type :invoke, :f :get, :key \"7\", :value nil}\n\
         {:process 0, :type :ok, :f :get, :key \"7\", :value \"\"}\n",
    ),
    (
        "elle.json",
        "[{\"index\":0,\"process\":0,\"type\":\"invoke\",\"f\":\"txn\",\"value\":[[\"r\",1,null]]},\n\
         {\"index\":1,\"process\":0,\"type\":\"ok\",\"f\":\"txn\",\"value\":[[\"r\",1,[2]]]},\n\
         {\"index\":2,\"process\":0,\"type\":\"invoke\",\"f\":\"txn\",\"value\":[]},\n\
         {\"index\":3,\"process\":0,\"type\":\"ok\",\"f\":\"txn\",\"value\":[]}]\n",
    ),
    (
        "etcd.log",
        "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\n\
         INFO  jepsen.util - 0\t:info\t:cas\t:timed-out\n\
         INFO  jepsen.util - 1\t:invoke\t:read\tnil\n\
         INFO  jepsen.util - 1\t:ok\t:read\tnil\n",
    ),
    (
        "history.txt",
        "0\t:invoke\t:cas\t[1 2]\n\
         0\t:info\t:cas\t[1 2]\t:timed-out\n\
         1\t:invoke\t:read\tnil\n\
         1\t:ok\t:read\t\"x\"\n",
    ),
    (
        "violin.log",
        "# @object atomic-queue\n\
         [1] call add(1)\n\
         [1] return\n\
         [2] call remove\n\
         [2] return empty\n\
         [3] call add(22)\n",
    ),
];

/// The line that an error names.
fn named(error: &ReadError) -> Option<u64> {
    match error {
        ReadError::Line { line, .. }
        | ReadError::Malformed { line, .. }
        | ReadError::Foreign { line, .. } => Some(*line),
        _ => None,
    }
}

/// What can happen to a line when it breaks at a byte.
fn damages(line: &str, at: usize) -> [String; 5] {
    let (head, tail) = line.split_at(at);
    let rest = tail.get(1..).unwrap_or_default();
    [
        head.to_owned(),
        tail.to_owned(),
        format!("{head}{rest}"),
        format!("{head}\u{1}\u{2}{tail}"),
        format!("{head}\u{1}\u{2}{rest}"),
    ]
}

#[test]
fn the_damaged_line_is_named() {
    for (name, text) in FILES {
        let whole = read_with_hints(text.as_bytes(), name).expect(name);
        assert!(whole.history.events().len() >= 4, "{name}");
        let lines: Vec<&str> = text.lines().collect();
        let (mut refused, mut accepted) = (0, 0);
        for (number, line) in lines.iter().enumerate() {
            for damaged in (1..line.len()).flat_map(|at| damages(line, at)) {
                let mut copy: Vec<&str> = lines.clone();
                copy[number] = &damaged;
                let copy = copy.join("\n") + "\n";
                match read_any(copy.as_bytes(), name) {
                    Ok(_) => accepted += 1,
                    // Still an event by itself, but its answer below does not fit it any more.
                    Err(ReadError::Malformed { line, .. }) if line > number as u64 + 1 => {
                        accepted += 1;
                    }
                    Err(error) => {
                        refused += 1;
                        let expected = Some(number as u64 + 1);
                        assert_eq!(named(&error), expected, "{name}: {copy}\n{error}");
                    }
                }
            }
        }
        // Some damage makes another valid history: `:value 12` becomes `:value 1`.
        assert!(refused > accepted, "{name}: {refused} refused, {accepted} accepted");
    }
}

#[test]
fn an_operation_over_several_lines_is_not_blamed() {
    let edn = |index| format!("{{:index {index}, :type :ok, :f :read, :value [1 2]}}");
    let json = |index| format!("{{\"index\":{index},\"type\":\"ok\",\"f\":\"read\"}},");
    let mut array: Vec<String> = (0..8).map(json).collect();
    array[0].insert(0, '[');
    array[7] = array[7].replace("},", "}]");
    for (name, mut lines) in [("a.edn", (0..8).map(edn).collect()), ("a.json", array)] {
        lines[0] = lines[0].replace(',', ",\n ");
        let whole = lines.join("\n");
        assert_eq!(read_any(whole.as_bytes(), name).expect(name).0.events().len(), 8, "{name}");
        let torn = lines[0].lines().count() + 3;
        for at in 1..lines[3].len() - 2 {
            let mut copy = lines.clone();
            copy[3].truncate(at);
            let error = read_any((copy.join("\n") + "\n").as_bytes(), name).expect_err(name);
            assert_eq!(named(&error), Some(torn as u64), "{name}: {}: {error}", copy[3]);
        }
    }
}

#[test]
fn a_repeated_index_names_its_line() {
    for (name, from, to) in [
        ("history.jsonl", "\"index\":3", "\"index\":2"),
        ("history.edn", ":index 3", ":index 2"),
        ("elle.json", "\"index\":3", "\"index\":2"),
    ] {
        let (_, text) = FILES.into_iter().find(|(file, _)| *file == name).expect(name);
        let error = read_any(text.replace(from, to).as_bytes(), name).expect_err(name);
        assert!(matches!(error, ReadError::Malformed { line: 4, .. }), "{name}: {error}");
    }
}

#[test]
fn bytes_that_are_no_text_are_named() {
    for (name, text) in FILES {
        let mut bytes = text.as_bytes().to_vec();
        let second = text.find('\n').expect("more lines") + 9;
        bytes[second] = 0xff;
        let error = read_any(&bytes, name).expect_err(name);
        assert_eq!(named(&error), Some(2), "{name}: {error}");
    }
}
