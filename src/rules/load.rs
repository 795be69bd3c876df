//! Saved rule sets become rule sets again: everything is checked before anything is used.

use std::sync::OnceLock;

use bytemuck::{Pod, cast_slice_mut, pod_read_unaligned};

use super::combined::Combined;
use super::error::{CompileError, ErrorKind, Fault};
use super::info::SavedInfo;
use super::literal::LiteralTable;
use super::options::Limits;
use super::save::{CHECKSUM, Header, MAGIC, Section, TARGET, VERSION, checksum, kind, unicode_fingerprint};
use super::tables::{NONE, shared_ids};
use super::walk::Walks;
use super::{Meaning, Pattern, Rules, Semantics, Texts, assemble, flags, parse};

impl Rules {
    /// A set from bytes of `serialize`, at any alignment. What cannot be used is refused with the reason; the error's
    /// `byte_offset` says where.
    pub fn deserialize(bytes: &[u8]) -> Result<Rules, CompileError> {
        read(bytes).map_err(Fault::of_set)
    }
}

fn fault(at: usize, message: impl Into<String>) -> Fault {
    Fault::new(ErrorKind::Format, at as u64, message)
}

/// Checks that concern the whole, in the order in which their answers help most.
fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let size = size_of::<Header>();
    let head = bytes.get(..size);
    if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) || bytes.is_empty() {
        return Err(fault(
            0,
            "these bytes are not a saved rule set: give what trm_rules_serialize wrote, from its start",
        ));
    }
    let Some(head) = head else {
        let message = format!("the saved rule set is cut short: {} bytes, its header alone has {size}", bytes.len());
        return Err(fault(bytes.len(), message));
    };
    let header: Header = pod_read_unaligned(head);
    if header.version != VERSION {
        let message = format!(
            "the saved rule set has format version {}, this library reads {VERSION}: compile the patterns again",
            header.version
        );
        return Err(fault(8, message));
    }
    if header.target != TARGET {
        return Err(fault(12, "the saved rule set is from a machine of another byte order: compile the patterns here"));
    }
    let length = bytes.len() as u64;
    if length < header.length {
        let message = format!("the saved rule set is cut short: {length} of {} bytes", header.length);
        return Err(fault(bytes.len(), message));
    }
    if length > header.length {
        let message =
            format!("{} bytes follow the end of the saved rule set: give its bytes only", length - header.length);
        return Err(fault(header.length as usize, message));
    }
    if header.checksum != checksum(bytes) {
        return Err(fault(
            CHECKSUM.start,
            "the saved rule set is damaged (its checksum is wrong): compile the patterns again",
        ));
    }
    if header.unicode != 0 && header.unicode != unicode_fingerprint() {
        return Err(fault(32, "the saved rule set was made with other Unicode tables: compile the patterns again"));
    }
    Ok(header)
}

/// A table from bytes at any alignment; None if a part of an element is left over.
fn copied<T: Pod>(raw: &[u8]) -> Option<Vec<T>> {
    let mut table = vec![T::zeroed(); raw.len() / size_of::<T>()];
    let whole = raw.len().is_multiple_of(size_of::<T>());
    whole.then(|| {
        cast_slice_mut::<T, u8>(&mut table).copy_from_slice(raw);
        table
    })
}

/// The sections, found and cut out.
struct Sections<'a> {
    bytes: &'a [u8],
    list: Vec<Section>,
}

impl<'a> Sections<'a> {
    fn raw(&self, kind: u32) -> Result<&'a [u8], Fault> {
        let section = self.list.iter().find(|section| section.kind == kind);
        let range = section.map(|s| s.offset as usize..(s.offset as usize).saturating_add(s.length as usize));
        range.and_then(|range| self.bytes.get(range)).ok_or_else(|| broken(kind))
    }

    fn table<T: Pod>(&self, kind: u32) -> Result<Vec<T>, Fault> {
        copied(self.raw(kind)?).ok_or_else(|| broken(kind))
    }

    fn texts(&self, bytes: u32, ends: u32) -> Result<Texts, Fault> {
        let texts = Texts { bytes: self.raw(bytes)?.to_vec(), ends: self.table(ends)? };
        let sorted = texts.ends.is_sorted() && texts.ends.last().copied().unwrap_or(0) == texts.bytes.len() as u64;
        if sorted { Ok(texts) } else { Err(broken(ends)) }
    }
}

/// The checksum was right: whoever wrote these bytes wrote them wrongly.
fn broken(kind: u32) -> Fault {
    let message = format!("the saved rule set contradicts itself (section {kind}): compile the patterns again");
    Fault::new(ErrorKind::Format, size_of::<Header>() as u64, message)
}

fn read(bytes: &[u8]) -> Result<Rules, Fault> {
    let header = header(bytes)?;
    let room = header.sections as usize * size_of::<Section>();
    let list = bytes[size_of::<Header>()..].get(..room).and_then(copied).ok_or_else(|| broken(0))?;
    let sections = Sections { bytes, list };
    let strings = sections.raw(kind::STRINGS)?;
    let finder = match strings.is_empty() {
        true => None,
        false => Some(LiteralTable::from_bytes(strings).map_err(|_| broken(kind::STRINGS))?),
    };
    let walks = Walks::from_parts(
        sections.table(kind::WALKS)?,
        sections.raw(kind::CLASSES)?.to_vec(),
        sections.table(kind::ROWS)?,
    );
    let mut rules = Rules {
        serial: assemble::next_serial(),
        semantics: if header.semantics == 0 { Semantics::Leftmost } else { Semantics::AllEnds },
        info: OnceLock::new(),
        saved_info: Some(SavedInfo {
            records: sections.table(kind::INFO)?,
            why: sections.texts(kind::WHY, kind::WHY_ENDS)?,
            factors: sections.texts(kind::FACTORS, kind::FACTOR_ENDS)?,
        }),
        rules: sections.table(kind::RULES)?,
        shared_ids: Vec::new(),
        finder,
        use_starts: sections.table(kind::USE_STARTS)?,
        uses: sections.table(kind::USES)?,
        runs: sections.table(kind::RUNS)?,
        branches: sections.table(kind::BRANCHES)?,
        walks: walks.ok_or_else(|| broken(kind::WALKS))?,
        groups: Vec::new(),
        combined: Combined::of(&[]),
        always: Vec::new(),
        texts: sections.texts(kind::TEXTS, kind::TEXT_ENDS)?,
        oracles: Box::default(),
        memory: header.memory,
        #[cfg(feature = "gpu")]
        direct: OnceLock::new(),
        reach: OnceLock::new(),
    };
    check(&rules)?;
    rules.combined = Combined::of(&rules.branches);
    rules.shared_ids = shared_ids(&rules.rules);
    rules.oracles = rules.rules.iter().map(|_| OnceLock::new()).collect();
    let mut hosts = Vec::new();
    for rule in sections.table::<u32>(kind::HOSTS)? {
        let table = rules.rules.get(rule as usize).ok_or_else(|| broken(kind::HOSTS))?;
        let pattern = Pattern { bytes: rules.texts.get(rule as usize), id: table.id, flags: table.flags };
        hosts.push((rule, parse::parse(&pattern, &Limits::NONE).map_err(|_| broken(kind::TEXTS))?));
    }
    (rules.groups, rules.always) = assemble::group(hosts);
    Ok(rules)
}

/// Every index leads to something.
fn check(rules: &Rules) -> Result<(), Fault> {
    let count = rules.rules.len();
    let walk = |index: u32| index == NONE || (index as usize) < rules.walks.walks.len();
    let ensure = |good: bool, kind: u32| if good { Ok(()) } else { Err(broken(kind)) };
    let infos = rules.saved_info.as_ref().is_some_and(|info| info.fits(count));
    ensure(infos, kind::INFO)?;
    ensure(rules.texts.ends.len() == count, kind::TEXT_ENDS)?;
    ensure(rules.rules.iter().all(|rule| rule.flags & !flags::KNOWN == 0), kind::RULES)?;
    let starts = rules.use_starts.is_sorted() && rules.use_starts.last().copied() == Some(rules.uses.len() as u32);
    ensure(starts && rules.use_starts.first() == Some(&0), kind::USE_STARTS)?;
    let uses = rules.uses.iter().all(|what| match what.meaning() {
        Meaning::Match(rule) => (rule as usize) < count,
        Meaning::Border(branch) => (branch as usize) < rules.branches.len(),
    });
    ensure(uses, kind::USES)?;
    let branches = &rules.branches;
    let whole = branches.iter().all(|b| (b.rule as usize) < count && walk(b.before) && walk(b.ahead));
    ensure(whole, kind::BRANCHES)?;
    ensure(rules.runs.iter().all(|run| run.min > 0 && (run.branch as usize) < branches.len()), kind::RUNS)
}
