//! How often a string is to be expected in typical text: a rough guess that decides speed, never an answer.

use super::prefixes::Factor;

/// -log2 of the share of each byte in source text and prose, in eighths of a bit.
fn cost(byte: u8, caseless: bool) -> u32 {
    // Most frequent first, in groups of about equal share.
    const GROUPS: [(&[u8], u32); 8] = [
        (b" ", 22),
        (b"e", 33),
        (b"tainosr\n", 37),
        (b"ldcu", 43),
        (b"pmf_h", 46),
        (b"bgy.,()w:/=*\"v0", 51),
        (b"k;-1x'2><STEACIRNODPL", 57),
        (b"{}[]34568791\\#FMBGUVWqjz+&!|\tHKX", 63),
    ];
    let of = |b: u8| {
        for (bytes, cost) in GROUPS {
            if bytes.contains(&b) {
                return cost;
            }
        }
        if b.is_ascii_graphic() { 70 } else { 76 }
    };
    if caseless { of(byte.to_ascii_lowercase()).min(of(byte.to_ascii_uppercase())) - 2 } else { of(byte) }
}

/// Bits of surprise that one occurrence of `factor` carries, in eighths: those of its rarest eight bytes in a row, since the
/// filter looks for a few bytes wherever in the string they are rarest. More bytes count for nothing more than a tie-break.
pub(crate) fn surprise(factor: &Factor) -> u32 {
    let costs: Vec<u32> = factor.bytes.iter().map(|&b| cost(b, factor.caseless)).collect();
    let rarest = costs.windows(costs.len().clamp(1, 8)).map(|eight| eight.iter().sum::<u32>()).max().unwrap_or(0);
    rarest + factor.bytes.len().min(16).saturating_sub(8) as u32
}

/// The same for a set: the expected number of hits is the sum over its members.
pub(crate) fn surprise_of_set(set: &[Factor]) -> u32 {
    if set.is_empty() {
        return 0;
    }
    let share: f64 = set.iter().map(|f| (-f64::from(surprise(f)) / 8.0).exp2()).sum();
    (-share.log2() * 8.0).max(0.0) as u32
}

/// The same for a run of at least `min` bytes of a class.
pub(crate) fn surprise_of_run(class: &[bool; 256], min: u32) -> u32 {
    let member = |b: &u8| class[usize::from(*b)];
    let share: f64 = (0..=255u8).filter(member).map(|b| (-f64::from(cost(b, false)) / 8.0).exp2()).sum();
    // The guess is rough, and bytes of a kind come together.
    let bits = -share.clamp(0.05, 1.0).log2() * 8.0;
    (bits * f64::from(min.min(64)) / 2.0) as u32
}
