//! Files through the C ABI: the answers of their bytes in one piece, whatever happens to them meanwhile.

mod abi;

use abi::*;
use std::ffi::{CString, c_void};
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};

type Spans = Vec<(u64, u64, u32)>;

/// What a scan said: the status, the sentence, the bytes, the matches as they came.
struct Said {
    status: trm_status,
    sentence: String,
    scanned: u64,
    matches: Vec<trm_match>,
}

struct Sink<'a> {
    matches: Vec<trm_match>,
    on_some: &'a mut dyn FnMut(&[trm_match]) -> bool,
}

unsafe extern "C" fn on_matches(user: *mut c_void, matches: *const trm_match, count: usize) -> i32 {
    // SAFETY: `scan_with` passes a living sink, and the library as many matches as it says.
    let (sink, some) = unsafe { (&mut *user.cast::<Sink>(), std::slice::from_raw_parts(matches, count)) };
    sink.matches.extend_from_slice(some);
    i32::from(!(sink.on_some)(some))
}

fn scan_with(engine: &Engine, path: &Path, carry: u64, mut on_some: impl FnMut(&[trm_match]) -> bool) -> Said {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let size = size_of::<trm_file_options>() as u32;
    let options = trm_file_options { struct_size: size, flags: 0, max_carry_bytes: carry };
    let mut sink = Sink { matches: Vec::new(), on_some: &mut on_some };
    let (mut error, mut scanned) = (no_error(), 7);
    // SAFETY: living values; the callback is for this very sink.
    let status = unsafe {
        let user = std::ptr::from_mut(&mut sink).cast();
        trm_scan_file(engine.raw(), 0, path.as_ptr(), &options, Some(on_matches), user, &mut scanned, &mut error)
    };
    Said { status, sentence: sentence(&error), scanned, matches: sink.matches }
}

fn scan(engine: &Engine, path: &Path) -> Said {
    scan_with(engine, path, 0, |_| true)
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Text of several pieces, with matches across their borders.
fn text(len: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 5u64;
    while text.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match state >> 60 {
            0 => text.extend_from_slice(b"needle"),
            1 => text.extend_from_slice(b" key=abcdef\n"),
            2 => text.extend_from_slice(&[b'a'; 40][..(state >> 33) as usize % 40]),
            _ => text.extend_from_slice(b"some more text "),
        }
    }
    text.truncate(len);
    text
}

const PATTERNS: &[&str] = &["needle", "aa", r"key=\w+", "a{5,}", "needle$", "(?s)^some"];

#[test]
fn files_of_any_length_match_as_one_text() {
    const PIECE: usize = 256 << 10;
    let engine = Engine::new(|_| ());
    for semantics in [TRM_SEMANTICS_LEFTMOST, TRM_SEMANTICS_ALL_ENDS] {
        let patterns: Vec<_> = PATTERNS.iter().zip(0..).map(|(p, id)| (p.as_bytes(), id, 0)).collect();
        assert_eq!(engine.load(0, &rules_with(&patterns, semantics).unwrap()), TRM_OK);
        let text = text(3 * PIECE);
        for len in [0, 1, 5, 6, PIECE - 3, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE - 1].into_iter().chain(
            // Each of these ends, or has its border, at another place of a needle.
            (0..16).map(|n| PIECE + 13 * n),
        ) {
            let shifted = &text[text.len() - len..];
            let said = scan(&engine, file_of(shifted).path());
            assert_eq!((said.status, said.scanned), (TRM_OK, len as u64), "{}", said.sentence);
            assert!(said.matches.is_sorted_by_key(|m| (m.end, m.start, m.rule_id)), "in order over all pieces");
            assert_eq!(spans(&said.matches), spans(&engine.scan(0, shifted).unwrap()), "{len} bytes");
        }
    }
}

/// Offsets behind 4 GiB. A file with a hole takes no room on the disk.
#[test]
fn a_file_may_be_larger_than_4_gib() {
    let engine = Engine::with_rules(&["needle"], |_| ());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let at = (1 << 32) + 1_234_567;
    file.seek(std::io::SeekFrom::Start((1 << 32) - 3)).unwrap();
    file.write_all(b"needle").unwrap();
    file.seek(std::io::SeekFrom::Start(at)).unwrap();
    file.write_all(b"needle").unwrap();
    let said = scan(&engine, file.path());
    assert_eq!((said.status, said.scanned), (TRM_OK, at + 6), "{}", said.sentence);
    let expected: Spans = vec![((1 << 32) - 3, (1 << 32) + 3, 0), (at, at + 6, 0)];
    assert_eq!(spans(&said.matches), expected);
}

#[test]
fn what_cannot_be_read_is_told() {
    let engine = Engine::with_rules(&["needle"], |_| ());
    for (path, why) in [("/no/such/file", "opened"), ("/", "read"), ("/proc/self/mem", "read")] {
        let said = scan(&engine, Path::new(path));
        assert_eq!((said.status, said.scanned), (TRM_ERR_IO, 0), "{path}");
        assert!(said.sentence.contains(path) && said.sentence.contains(why), "{}", said.sentence);
    }
    let said = scan(&engine, Path::new("/proc/self/maps"));
    assert_eq!(said.status, TRM_OK, "a file without a size is read to its end: {}", said.sentence);
    assert!(said.scanned > 100);
}

#[test]
fn a_file_that_shrinks_is_told_and_loses_nothing_that_was_there() {
    let engine = Engine::with_rules(&["needle"], |_| ());
    let file = file_of(&[&b"needle"[..], &vec![b'.'; 3 << 20]].concat());
    let said = scan_with(&engine, file.path(), 0, |_| {
        file.as_file().set_len(1 << 20).unwrap();
        true
    });
    assert_eq!(said.status, TRM_ERR_IO);
    assert!(said.sentence.contains("shrank") && said.sentence.contains("1048576"), "{}", said.sentence);
    assert_eq!((said.scanned, spans(&said.matches)), (1 << 20, vec![(0, 6, 0)]));
    // One that grows is scanned as far as it went at first.
    let mut file = file_of(&[&b"needle"[..], &vec![b'.'; 3 << 20]].concat());
    let path = file.path().to_owned();
    let said = scan_with(&engine, &path, 0, |_| file.write_all(b"needle").is_ok());
    assert_eq!((said.status, said.scanned, said.matches.len()), (TRM_OK, (3 << 20) + 6, 1));
}

#[test]
fn the_caller_may_end_it_and_limits_are_told() {
    let engine = Engine::with_rules(&["(?s)a.*b", "needle"], |_| ());
    let file = file_of(&[&vec![b'.'; 1 << 20][..], b"needle a", &vec![b'.'; 2 << 20], b"b"].concat());
    let said = scan_with(&engine, file.path(), 0, |_| false);
    assert_eq!((said.status, said.matches.len()), (TRM_CANCELLED, 1));
    assert!(said.scanned < 2 << 20, "it did not go on");
    let said = scan_with(&engine, file.path(), 1 << 20, |_| true);
    assert_eq!(said.status, TRM_ERR_LIMIT);
    assert!(said.sentence.contains("rule 0"), "{}", said.sentence);
    assert_eq!(spans(&said.matches), [(1 << 20, (1 << 20) + 6, 1)], "what was settled before was given");
    let said = scan_with(&engine, file.path(), 4 << 20, |_| true);
    assert_eq!((said.status, said.matches.len()), (TRM_OK, 2));
}

#[test]
fn it_needs_no_open_engine() {
    let engine = Engine::caller(&["needle"], |_| ());
    assert_eq!(engine.close(LONG), TRM_OK);
    assert_eq!(scan(&engine, file_of(b"a needle").path()).matches.len(), 1);
    // SAFETY: NULL where that is allowed.
    let status = unsafe {
        let path = CString::new("/dev/null").unwrap();
        let mut sink = Sink { matches: Vec::new(), on_some: &mut |_| true };
        let user = std::ptr::from_mut(&mut sink).cast();
        trm_scan_file(engine.raw(), 0, path.as_ptr(), null(), Some(on_matches), user, null_mut(), null_mut())
    };
    assert_eq!(status, TRM_OK);
}
