//! A saved rule set with changed bytes, its checksum made right again: refused, or it answers somehow. It must not
//! panic, hang, or read what is not its own.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trommel::rules::{CompileOptions, Pattern, Rules, Semantics, flags};
use trommel::scan::Scratch;

/// Good sets of every tier, to be changed.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let texts: [(&str, u32); 9] = [
        ("secret", flags::LITERAL | flags::CASELESS),
        ("ab", flags::LITERAL),
        ("key_[0-9a-f]{8}", 0),
        ("\\b[0-9a-f]{32}\\b", 0),
        ("(?:foo|bar)\\d+", flags::SINGLE),
        ("\\bgr\u{fc}n\\b", flags::UNICODE),
        ("a*", 0),
        ("x\\w*y", flags::START),
        ("[a-z]+\\d", 0),
    ];
    let patterns: Vec<Pattern<'_>> =
        (0u32..).zip(&texts).map(|(id, (text, flags))| Pattern { bytes: text.as_bytes(), id, flags: *flags }).collect();
    [Semantics::Leftmost, Semantics::AllEnds]
        .map(|semantics| {
            let options = CompileOptions { semantics, ..CompileOptions::default() };
            Rules::compile(&patterns, &options).expect("the patterns are good").serialize()
        })
        .into()
});

const TEXT: &[u8] = b"Secret key_0123abcd 0123456789abcdef0123456789abcdef foo1 gr\xC3\xBCn xaay abab z9";

fn load(bytes: &[u8]) {
    if let Ok(rules) = Rules::deserialize(bytes) {
        let _ = rules.info();
        rules.scan(TEXT, &mut Scratch::default(), 100, &mut Vec::new());
    }
}

fuzz_target!(|data: &[u8]| {
    // As they are: nearly always refused at once.
    load(data);
    // The first byte chooses a good set, the rest changes it: three bytes a place, one its new value.
    let Some((which, changes)) = data.split_first() else { return };
    let mut bytes = GOOD[usize::from(which & 1)].clone();
    let len = bytes.len();
    for change in changes.chunks_exact(4) {
        bytes[(usize::from(change[0]) | usize::from(change[1]) << 8 | usize::from(change[2]) << 16) % len] = change[3];
    }
    if which & 2 != 0 {
        bytes.truncate(len - usize::from(which >> 2).min(len));
        bytes.get_mut(16..24).map(|field| field.copy_from_slice(&(len as u64).to_le_bytes()));
    }
    if let Some(field) = bytes.get_mut(24..32) {
        field.fill(0);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes).to_le_bytes();
        bytes[24..32].copy_from_slice(&sum);
    }
    load(&bytes);
});
