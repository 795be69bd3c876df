//! The texts and the sets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Literals with their case rule.
pub type Set = Vec<(Vec<u8>, bool)>;

/// Source text of the crates on this machine, sorted by path; empty if there is none.
pub struct Sources(Vec<PathBuf>);

impl Sources {
    pub fn find() -> Self {
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| std::env::home_dir().map(|h| h.join(".cargo"))).unwrap_or_default();
        let mut files = Vec::new();
        collect(&home.join("registry/src"), &mut files);
        files.sort();
        Self(files)
    }

    /// About `len` bytes: a piece of every so-manieth file.
    pub fn text(&self, len: usize) -> Vec<u8> {
        const PIECE: usize = 8 << 10;
        let mut text = Vec::with_capacity(len);
        let step = (self.0.len() * PIECE / len.max(1)).max(1);
        for start in 0..step {
            for file in self.0.iter().skip(start).step_by(step) {
                let bytes = std::fs::read(file).unwrap_or_default();
                let at = bytes.len().saturating_sub(PIECE) / 2;
                text.extend(&bytes[at..bytes.len().min(at + PIECE)]);
                if text.len() >= len {
                    text.truncate(len);
                    return text;
                }
            }
        }
        text
    }

    /// `count` words and identifiers of 5 to 24 bytes, chosen by their hash from all there are.
    pub fn words(&self, count: usize) -> Set {
        let mut words = BTreeSet::new();
        for file in &self.0 {
            let bytes = std::fs::read(file).unwrap_or_default();
            for word in bytes.split(|b| !b.is_ascii_alphanumeric() && *b != b'_') {
                if (5..=24).contains(&word.len()) && !word.iter().all(u8::is_ascii_digit) {
                    words.insert((xxhash_rust::xxh3::xxh3_64(word), word.to_vec()));
                }
            }
            // The rarest hashes only: keeps the set small while it grows.
            while words.len() > 2 * count {
                words.pop_last();
            }
        }
        words.into_iter().take(count).map(|w| (w.1, false)).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "md") {
            files.push(path);
        }
    }
}

/// A file of one literal a line.
pub fn lines(path: &Path) -> Option<Set> {
    let text = std::fs::read(path).ok()?;
    Some(text.split(|&b| b == b'\n').filter(|l| !l.is_empty()).map(|l| (l.to_vec(), false)).collect())
}

/// The keywords of a gitleaks rule file, without repeats, caseless.
pub fn keywords(path: &Path) -> Option<Set> {
    let file: toml::Table = std::fs::read_to_string(path).ok()?.parse().ok()?;
    let rules = file.get("rules")?.as_array()?;
    let words: BTreeSet<String> = rules
        .iter()
        .filter_map(|r| r.get("keywords")?.as_array())
        .flatten()
        .filter_map(|k| Some(k.as_str()?.to_ascii_lowercase()))
        .collect();
    Some(words.into_iter().map(|w| (w.into_bytes(), true)).collect())
}

/// Twenty literals of one to three bytes, as somebody who looks at source text might choose.
pub fn short() -> Set {
    let short = [
        "@", "~", "%", "\\", "$", "->", "=>", "::", "&&", "||", "<<", "!=", "0x", "if", "fn", "pub", "let", "use",
        "u32", "///",
    ];
    short.iter().map(|s| (s.as_bytes().to_vec(), false)).collect()
}

/// Text with a literal of the set every 32 bytes.
pub fn dense(mut text: Vec<u8>, set: &Set) -> Vec<u8> {
    for (i, at) in (0..text.len().saturating_sub(32)).step_by(32).enumerate() {
        let literal = &set[i * 7919 % set.len()].0;
        text[at + 6..at + 6 + literal.len().min(26)].copy_from_slice(&literal[..literal.len().min(26)]);
    }
    text
}
