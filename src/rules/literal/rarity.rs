//! How rare a window is in ordinary text: a Markov chain over byte pairs, measured by `tools/rarity.py`.

use super::layout::FOLD;

const CLASSES: usize = 100;
static PAIRS: &[u8; CLASSES * CLASSES] = include_bytes!("rarity.bin");

/// Natural logarithms of probabilities, for exact or for folded bytes.
pub(crate) struct Rarity {
    /// ln P(b), and ln P(next | b) at `a * 256 + b`.
    first: [f32; 256],
    next: Box<[f32]>,
}

fn class_of(byte: u8) -> usize {
    match byte {
        0x09 => 0,
        0x0a => 1,
        0x0d => 2,
        0x20..=0x7e => byte as usize - 0x20 + 3,
        0..0x20 => CLASSES - 2,
        _ => CLASSES - 1,
    }
}

impl Rarity {
    /// `fold` as in the table's header: with it, the probability is that of any byte that folds alike.
    pub fn new(fold: u32) -> Self {
        debug_assert!(fold == 0 || fold == FOLD);
        let fold = fold as u8;
        let mut class = [0; 256];
        for byte in 0..=255u8 {
            class[byte as usize] = class_of(byte);
        }
        let value: Vec<f32> = (0..256).map(|v| (-(v as f32) / 8.0).exp()).collect();
        let mut pair = vec![0f32; 65536].into_boxed_slice();
        let mut single = [0f32; 256];
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let p = value[PAIRS[class[a as usize] * CLASSES + class[b as usize]] as usize];
                pair[(a | fold) as usize * 256 + (b | fold) as usize] += p;
                single[(a | fold) as usize] += p;
            }
        }
        for a in 0..256 {
            for b in 0..256 {
                let p = &mut pair[a * 256 + b];
                *p = if *p > 0.0 { (*p / single[a]).ln() } else { -50.0 };
            }
        }
        Self { first: single.map(|p| if p > 0.0 { p.ln() } else { -50.0 }), next: pair }
    }

    /// ln P of `window` (folded already if this is for folded bytes).
    pub fn ln(&self, window: &[u8]) -> f32 {
        let Some(&first) = window.first() else {
            return 0.0;
        };
        let mut sum = self.first[first as usize];
        for pair in window.windows(2) {
            sum += self.step(pair[0], pair[1]);
        }
        sum
    }

    /// ln P(b | a before it).
    pub fn step(&self, a: u8, b: u8) -> f32 {
        self.next[a as usize * 256 + b as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_text_is_commoner_than_odd_text() {
        let exact = Rarity::new(0);
        assert!(exact.ln(b"return") > exact.ln(b"qz#J~9"));
        assert!(exact.ln(b"    ") > exact.ln(b"self"));
        let folded = Rarity::new(FOLD);
        assert!(folded.ln(b"self") >= exact.ln(b"self"));
        assert!(folded.ln(b"self").is_finite() && folded.ln(&[0x20, 0xff]).is_finite());
    }

    #[test]
    fn probabilities_sum_to_about_one() {
        for fold in [0, FOLD] {
            let r = Rarity::new(fold);
            let sum: f32 = r.first.iter().map(|p| p.exp()).sum();
            assert!((0.8..1.2).contains(&sum), "{sum}");
        }
    }
}
