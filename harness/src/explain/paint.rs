//! Colours by what they mean, and words in lines.

use crate::report::text;

/// Colours, or none when colour is off.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub on: bool,
}

impl Paint {
    fn with(self, codes: &str, words: &str) -> String {
        if self.on { format!("\u{1b}[{codes}m{words}\u{1b}[0m") } else { words.to_owned() }
    }

    /// What everything else hangs from.
    pub fn strong(self, words: &str) -> String {
        self.with("1", words)
    }

    /// What is there to be looked up.
    pub fn dim(self, words: &str) -> String {
        self.with("2", words)
    }

    /// What is wrong.
    pub fn wrong(self, words: &str) -> String {
        self.with("1;31", words)
    }

    /// What is in doubt, and what was broken.
    pub fn doubtful(self, words: &str) -> String {
        self.with("33", words)
    }
}

/// Words in lines of at most `width` characters, longer words with their middle left out.
pub fn wrapped(words: &str, width: usize) -> Vec<String> {
    let clean = text::printable(words);
    let width = width.max(20);
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in clean.split_whitespace() {
        let word = text::elide(word, width);
        let size = word.chars().count();
        match lines.last_mut() {
            Some(last) if length + 1 + size <= width => {
                last.push(' ');
                last.push_str(&word);
                length += 1 + size;
            }
            _ => {
                lines.push(word.into_owned());
                length = size;
            }
        }
    }
    lines
}
