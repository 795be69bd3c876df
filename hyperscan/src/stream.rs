//! Streams: data that comes in pieces. Their matches are those of the joined data, each told as soon as no later byte can
//! change it, at the latest when the stream ends.

use crate::database::Database;
use crate::scan::{Told, Work, tell_of};
use std::sync::Arc;
use trommel::rules::Rules;
use trommel::scan::Match;
use trommel::status::Error;
use trommel::stream::Text;

/// Most bytes that are kept for expressions that may match across as many.
pub const MAX_KEPT: u64 = 64 << 20;
/// More than any look behind the end of a match needs: matches that end this far back were told once and for all.
const FAR: u64 = 64;

/// Data so far, as far as later matches need it.
#[derive(Clone)]
pub struct Stream {
    whole: Text,
    /// All but a line feed that came last: what expressions with `$` see if the stream ends with it.
    cut: Option<Text>,
    /// That line feed.
    held: bool,
    /// What was told of late, as (end, rule): the two texts find the same.
    told: Vec<(u64, u32)>,
    /// By expression: its one match was told.
    seen: Vec<bool>,
    /// The callback wanted no more, or something could not be kept.
    over: bool,
}

/// Why a piece was not taken to its end.
#[derive(Debug)]
pub enum Stop {
    /// The callback said so, now or before.
    Terminated,
    /// An expression would have to look too far back; nothing more is found.
    TooFar(Error),
}

fn text(rules: &Arc<Rules>) -> Text {
    Text::new(rules.clone(), MAX_KEPT)
}

impl Stream {
    /// Nothing came yet.
    pub fn open(database: &Database) -> Self {
        Self {
            whole: text(&database.whole),
            cut: database.before_newline.as_ref().map(text),
            held: false,
            told: Vec::new(),
            seen: vec![false; database.reports.len()],
            over: false,
        }
    }

    /// Goes on with more data.
    pub fn feed(
        &mut self,
        database: &Database,
        data: &[u8],
        work: &mut Work,
        tell: impl FnMut(Told) -> bool,
    ) -> Result<(), Stop> {
        if self.over {
            return Err(Stop::Terminated);
        }
        let Some((&last, before)) = data.split_last() else { return Ok(()) };
        let found = self.feed_texts(data, last, before, work);
        self.over = true;
        let found = found.map_err(Stop::TooFar)?;
        let recent = self.whole.len().saturating_sub(FAR);
        self.told.retain(|&(end, _)| end >= recent);
        self.told.extend(found.iter().map(|m| (m.end, m.rule_id)).filter(|&(end, _)| end >= recent));
        // Also what stops in the middle by a panic of the callback's is over.
        self.over = !tell_of(database, &found, &mut self.seen, &[], tell);
        if self.over { Err(Stop::Terminated) } else { Ok(()) }
    }

    fn feed_texts(&mut self, data: &[u8], last: u8, before: &[u8], work: &mut Work) -> Result<Vec<Match>, Error> {
        let found = self.whole.feed(data, &mut work.scratch)?;
        if let Some(cut) = &mut self.cut {
            let newline = last == b'\n';
            let now = if newline { before } else { data };
            // What it finds before its end is what the whole text finds there.
            match self.held {
                true => drop(cut.feed(&[b"\n", now].concat(), &mut work.scratch)?),
                false => drop(cut.feed(now, &mut work.scratch)?),
            }
            self.held = newline;
        }
        Ok(found)
    }

    /// The data ends: tells what was left open, the matches at the very end among it. False: the callback wanted no more.
    pub fn end(self, database: &Database, work: &mut Work, tell: impl FnMut(Told) -> bool) -> bool {
        if self.over {
            return true;
        }
        let Self { whole, cut, held, told, mut seen, .. } = self;
        let mut found = whole.end(&mut work.scratch);
        if let Some(cut) = cut.filter(|_| held) {
            let more = cut.end(&mut work.scratch);
            found.extend(more.into_iter().filter(|m| !told.contains(&(m.end, m.rule_id))));
            found.sort_unstable_by_key(|m| (m.end, m.rule_id, m.start));
            found.dedup_by_key(|m| (m.end, m.rule_id));
        }
        tell_of(database, &found, &mut seen, &[], tell)
    }
}
