//! Vectorscan's literal interface, by what its headers say, loaded at run time.

use std::ffi::{CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::null_mut;

use libloading::Library;

const CASELESS: c_uint = 1;
const BLOCK: c_uint = 1;

type OnMatch = unsafe extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;
type CompileLit = unsafe extern "C" fn(
    *const *const c_char,
    *const c_uint,
    *const c_uint,
    *const usize,
    c_uint,
    c_uint,
    *const c_void,
    *mut *mut c_void,
    *mut *mut c_void,
) -> c_int;
type CompileMulti = unsafe extern "C" fn(
    *const *const c_char,
    *const c_uint,
    *const c_uint,
    c_uint,
    c_uint,
    *const c_void,
    *mut *mut c_void,
    *mut *mut c_void,
) -> c_int;
type AllocScratch = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;
type Scan =
    unsafe extern "C" fn(*mut c_void, *const c_char, c_uint, c_uint, *mut c_void, OnMatch, *mut c_void) -> c_int;

// SAFETY: a database is not changed once it is compiled, and a scratch is used by one thread at a time.
unsafe impl Send for Database<'_> {}

/// The library, if the machine has it.
pub struct Vectorscan {
    library: Library,
}

/// A compiled set with one scratch: one thread's.
pub struct Database<'a> {
    scan: libloading::Symbol<'a, Scan>,
    alloc: libloading::Symbol<'a, AllocScratch>,
    database: *mut c_void,
    scratch: *mut c_void,
}

impl Vectorscan {
    pub fn load() -> Option<Self> {
        // SAFETY: a well-known library whose initialisers do nothing but choose functions.
        unsafe { Library::new("libhs.so.5") }.ok().map(|library| Self { library })
    }

    pub fn compile(&self, set: &[(Vec<u8>, bool)]) -> Option<Database<'_>> {
        let texts: Vec<*const c_char> = set.iter().map(|l| l.0.as_ptr().cast()).collect();
        let flags: Vec<c_uint> = set.iter().map(|l| if l.1 { CASELESS } else { 0 }).collect();
        let ids: Vec<c_uint> = (0..set.len() as c_uint).collect();
        let lengths: Vec<usize> = set.iter().map(|l| l.0.len()).collect();
        let (mut database, mut error, mut scratch) = (null_mut(), null_mut(), null_mut());
        // SAFETY: the declarations match the headers of Vectorscan 5.4; all arrays have `set.len()` elements. The
        // database lives as long as the process.
        unsafe {
            let compile = self.library.get::<CompileLit>(b"hs_compile_lit_multi\0").ok()?;
            let alloc = self.library.get::<AllocScratch>(b"hs_alloc_scratch\0").ok()?;
            let status = compile(
                texts.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                lengths.as_ptr(),
                set.len() as c_uint,
                BLOCK,
                std::ptr::null(),
                &mut database,
                &mut error,
            );
            if status != 0 || alloc(database, &mut scratch) != 0 {
                return None;
            }
            Some(Database { scan: self.library.get(b"hs_scan\0").ok()?, alloc, database, scratch })
        }
    }

    /// Regexes, as Vectorscan understands them; None if it refuses one.
    #[allow(dead_code)]
    pub fn compile_regexes(&self, set: &[&str]) -> Option<Database<'_>> {
        let texts: Vec<CString> = set.iter().filter_map(|text| CString::new(*text).ok()).collect();
        if texts.len() < set.len() {
            return None;
        }
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let flags = vec![0; set.len()];
        let ids: Vec<c_uint> = (0..set.len() as c_uint).collect();
        let (mut database, mut error, mut scratch) = (null_mut(), null_mut(), null_mut());
        // SAFETY: as above; the texts end with NUL.
        unsafe {
            let compile = self.library.get::<CompileMulti>(b"hs_compile_multi\0").ok()?;
            let alloc = self.library.get::<AllocScratch>(b"hs_alloc_scratch\0").ok()?;
            let status = compile(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                set.len() as c_uint,
                BLOCK,
                std::ptr::null(),
                &mut database,
                &mut error,
            );
            if status != 0 || alloc(database, &mut scratch) != 0 {
                return None;
            }
            Some(Database { scan: self.library.get(b"hs_scan\0").ok()?, alloc, database, scratch })
        }
    }
}

impl<'a> Database<'a> {
    /// The same with a scratch of its own.
    #[allow(dead_code)]
    pub fn for_another_thread(&self) -> Option<Database<'a>> {
        let mut scratch = null_mut();
        // SAFETY: the declaration matches the header; the database lives as long as the process.
        let status = unsafe { (self.alloc)(self.database, &mut scratch) };
        (status == 0).then(|| Database { scan: self.scan.clone(), alloc: self.alloc.clone(), scratch, ..*self })
    }

    pub fn count(&self, text: &[u8]) -> u64 {
        unsafe extern "C" fn count(_: c_uint, _: c_ulonglong, _: c_ulonglong, _: c_uint, n: *mut c_void) -> c_int {
            // SAFETY: `hs_scan` hands on the pointer given below.
            unsafe { *n.cast::<u64>() += 1 };
            0
        }
        let mut n = 0u64;
        // SAFETY: database and scratch come from `compile`; the text outlives the call.
        unsafe {
            (self.scan)(
                self.database,
                text.as_ptr().cast(),
                text.len() as c_uint,
                0,
                self.scratch,
                count,
                (&raw mut n).cast(),
            );
        }
        n
    }
}
