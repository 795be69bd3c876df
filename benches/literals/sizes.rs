//! Items of several sizes in turns, so that whatever slows the machine for a while slows all of them.

use std::path::Path;

use crate::common::{Row, median, record};
use crate::{TEXT, build, pass, sets};
use trommel::scan::literal::LiteralScratch;

const SIZES: [usize; 5] = [64, 256, 1 << 10, 16 << 10, 1 << 20];
const ROUNDS: usize = 41;

/// A row for each size: its ratio is to the fastest.
pub fn run(literals: &Path) {
    let text = sets::Sources::find().text(TEXT);
    let Some(set) = sets::lines(literals).filter(|_| !text.is_empty()) else {
        println!("{:<16} not run: no literals or no source text here", "sizes-cpu");
        return;
    };
    let (table, mut scratch) = (build(&set), LiteralScratch::default());
    let mut rates = [const { Vec::new() }; SIZES.len()];
    for _ in 0..ROUNDS {
        for (rates, size) in rates.iter_mut().zip(SIZES) {
            let count = |item: &[u8]| {
                let mut n = 0;
                table.find(item, &mut scratch, &mut |_, _, _| n += 1);
                n
            };
            rates.push(pass(&text, size, count).0);
        }
    }
    let fastest = (0..ROUNDS).map(|round| rates.iter().map(|of_size| of_size[round]).fold(0.0, f64::max));
    let fastest: Vec<f64> = fastest.collect();
    for (of_size, size) in rates.iter().zip(SIZES) {
        let ratio = median(of_size.iter().zip(&fastest).map(|(rate, best)| rate / best).collect());
        let what = format!("1,000 literals, items of {size} B, all sizes in turns, 1 thread");
        let peer = Some(("the fastest size", median(fastest.clone())));
        let value = median(of_size.clone());
        record(&Row { id: "sizes-cpu", what: &what, value, unit: "GB/s", peer, ratio: Some(ratio) });
    }
}
