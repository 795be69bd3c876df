//! A piece of ordinary text, and how often a set's windows are in it: where the pair model of [`super::rarity`] cannot
//! know that a set's strings come from the kind of text they are looked for in.

use super::layout::{high_offset, low_mask, word_at};
use super::windows::Owned;

/// Text as good as any: this crate's own.
pub(super) const TEXT: [&[u8]; 2] = [include_bytes!("windows.rs"), include_bytes!("layout.rs")];

/// The two words of each window of `text`, folded.
pub(super) fn words(text: &[u8], window: u32, fold: u32) -> impl Iterator<Item = (u32, u32)> {
    let (mask, high) = (low_mask(window), high_offset(window));
    // All but the last windows are read as whole words.
    let word = move |at: usize| match text[at..].first_chunk() {
        Some(&word) => u32::from_le_bytes(word),
        None => word_at(text, at),
    };
    (0..(text.len() + 1).saturating_sub(window as usize)).map(move |at| {
        let low = (word(at) | fold) & mask;
        if window < 4 { (low, low) } else { (low, word(at + high) | fold) }
    })
}

/// The share of the text's starts that have one of these windows, which are in the order of their keys.
pub(super) fn share(owned: &[Owned], window: u32, fold: u32) -> f32 {
    // Nearly all starts are done after one look at a few thousand bits.
    const LOG2: u32 = 16;
    let place = |low: u32, high: u32| {
        let hash = low.wrapping_mul(0x9E37_79B1) ^ high.wrapping_mul(0x85EB_CA77);
        (hash >> (32 - LOG2 + 6), hash >> (32 - LOG2) & 63)
    };
    let mut bits = vec![0u64; 1 << (LOG2 - 6)];
    for o in owned {
        let (word, bit) = place(o.low, o.high);
        bits[word as usize] |= 1 << bit;
    }
    let there = |&(low, high): &(u32, u32)| {
        let (word, bit) = place(low, high);
        let key = u64::from(high) << 32 | u64::from(low);
        bits[word as usize] >> bit & 1 != 0 && owned.binary_search_by_key(&key, Owned::key).is_ok()
    };
    let found: usize = TEXT.iter().map(|text| words(text, window, fold).filter(there).count()).sum();
    found as f32 / TEXT.iter().map(|text| text.len()).sum::<usize>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_the_text_are_counted() {
        let owned = |text: &str, window: u32| {
            let (low, high) = words(text.as_bytes(), window, 0).next().expect("long enough");
            Owned { low, high, literal: 0, offset: 0 }
        };
        let count = |text: &str| {
            TEXT.iter().map(|t| t.windows(text.len()).filter(|w| *w == text.as_bytes()).count()).sum::<usize>()
        };
        for (text, window) in [("let", 3), ("self", 4), ("windo", 5), ("zqzqz", 5), ("windows", 7)] {
            let all: usize = TEXT.iter().map(|text| text.len()).sum();
            assert_eq!((share(&[owned(text, window)], window, 0) * all as f32).round(), count(text) as f32, "{text}");
        }
        assert!(count("self") > 0 && share(&[], 4, 0) == 0.0);
    }
}
