//! Hyperscan's interface as a test uses it: this library's, or one that is loaded.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::{null, null_mut};

type Handler = unsafe extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

#[repr(C)]
struct CompileError {
    message: *mut c_char,
    expression: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    pub min_width: c_uint,
    pub max_width: c_uint,
    pub unordered: c_char,
    pub at_eod: c_char,
    pub only_at_eod: c_char,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Ext {
    pub flags: c_ulonglong,
    pub min_offset: c_ulonglong,
    pub max_offset: c_ulonglong,
    pub min_length: c_ulonglong,
    pub edit_distance: c_uint,
    pub hamming_distance: c_uint,
}

/// The calls of one library.
#[derive(Clone, Copy)]
#[allow(clippy::type_complexity, reason = "these are C's")]
pub struct Calls {
    compile_ext_multi: unsafe extern "C" fn(
        *const *const c_char,
        *const c_uint,
        *const c_uint,
        *const *const Ext,
        c_uint,
        c_uint,
        *const c_void,
        *mut *mut c_void,
        *mut *mut CompileError,
    ) -> c_int,
    compile_lit_multi: unsafe extern "C" fn(
        *const *const c_char,
        *const c_uint,
        *const c_uint,
        *const usize,
        c_uint,
        c_uint,
        *const c_void,
        *mut *mut c_void,
        *mut *mut CompileError,
    ) -> c_int,
    free_compile_error: unsafe extern "C" fn(*mut CompileError) -> c_int,
    alloc_scratch: unsafe extern "C" fn(*const c_void, *mut *mut c_void) -> c_int,
    free_scratch: unsafe extern "C" fn(*mut c_void) -> c_int,
    free_database: unsafe extern "C" fn(*mut c_void) -> c_int,
    scan: unsafe extern "C" fn(
        *const c_void,
        *const c_char,
        c_uint,
        c_uint,
        *mut c_void,
        Option<Handler>,
        *mut c_void,
    ) -> c_int,
    scan_vector: unsafe extern "C" fn(
        *const c_void,
        *const *const c_char,
        *const c_uint,
        c_uint,
        c_uint,
        *mut c_void,
        Option<Handler>,
        *mut c_void,
    ) -> c_int,
    open_stream: unsafe extern "C" fn(*const c_void, c_uint, *mut *mut c_void) -> c_int,
    scan_stream: unsafe extern "C" fn(
        *mut c_void,
        *const c_char,
        c_uint,
        c_uint,
        *mut c_void,
        Option<Handler>,
        *mut c_void,
    ) -> c_int,
    copy_stream: unsafe extern "C" fn(*mut *mut c_void, *const c_void) -> c_int,
    close_stream: unsafe extern "C" fn(*mut c_void, *mut c_void, Option<Handler>, *mut c_void) -> c_int,
    expression_info: unsafe extern "C" fn(*const c_char, c_uint, *mut *mut Info, *mut *mut CompileError) -> c_int,
}

impl Calls {
    /// Those of a library.
    pub fn of(library: &'static libloading::Library) -> Self {
        macro_rules! get {
            ($name:literal) => {
                // SAFETY: the call has the signature of its field, by Hyperscan's headers.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.expect($name)
            };
        }
        Self {
            compile_ext_multi: get!("hs_compile_ext_multi"),
            compile_lit_multi: get!("hs_compile_lit_multi"),
            free_compile_error: get!("hs_free_compile_error"),
            alloc_scratch: get!("hs_alloc_scratch"),
            free_scratch: get!("hs_free_scratch"),
            free_database: get!("hs_free_database"),
            scan: get!("hs_scan"),
            scan_vector: get!("hs_scan_vector"),
            open_stream: get!("hs_open_stream"),
            scan_stream: get!("hs_scan_stream"),
            copy_stream: get!("hs_copy_stream"),
            close_stream: get!("hs_close_stream"),
            expression_info: get!("hs_expression_info"),
        }
    }

    /// This crate's shared library, built beside the test.
    pub fn ours() -> Self {
        let test = std::env::current_exe().expect("the path of this test");
        let deps = test.parent().expect("the folder of this test");
        let found = [deps.parent().expect("the profile's folder"), deps].map(|folder| folder.join("libtrommel_hs.so"));
        let newest = found.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
        Self::of(load(newest.expect("libtrommel_hs.so beside the tests").1.to_str().expect("a UTF-8 path")))
    }

    /// Vectorscan, which Debian has in libvectorscan5.
    pub fn vectorscan() -> Self {
        Self::of(load("libhs.so.5"))
    }
}

fn load(path: &str) -> &'static libloading::Library {
    // SAFETY: a library whose loading does nothing that could harm.
    let library = unsafe { libloading::Library::new(path) };
    Box::leak(Box::new(library.unwrap_or_else(|error| panic!("{path}: {error}; is libvectorscan5 installed?"))))
}

/// An expression, its flags and limits.
#[derive(Clone, Debug)]
pub struct Expression {
    pub text: Vec<u8>,
    pub flags: u32,
    pub ext: Ext,
}

/// Id, start, end.
pub type Found = (u32, u64, u64);

/// A compiled set with its scratch.
pub struct Set {
    calls: Calls,
    database: *mut c_void,
    scratch: *mut c_void,
}

pub const BLOCK: u32 = 1;
pub const VECTORED: u32 = 4;
/// With the largest horizon for starts.
pub const STREAM: u32 = 2 | 1 << 24;

impl Set {
    /// Ids are the indices.
    pub fn compile(calls: Calls, expressions: &[Expression], mode: u32) -> Result<Self, (String, i32)> {
        let texts: Vec<_> = expressions.iter().map(|e| CString::new(e.text.clone()).expect("no NUL")).collect();
        let pointers: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        let flags: Vec<_> = expressions.iter().map(|e| e.flags).collect();
        let ids: Vec<_> = (0..expressions.len() as u32).collect();
        let exts: Vec<_> = expressions.iter().map(|e| &raw const e.ext).collect();
        let (mut database, mut error) = (null_mut(), null_mut());
        // SAFETY: arrays of so many entries, texts that end with a NUL, places to write.
        let status = unsafe {
            (calls.compile_ext_multi)(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                exts.as_ptr(),
                ids.len() as u32,
                mode,
                null(),
                &mut database,
                &mut error,
            )
        };
        Self::made(calls, status, database, error)
    }

    /// Plain texts.
    pub fn compile_literals(calls: Calls, texts: &[(Vec<u8>, u32)]) -> Result<Self, (String, i32)> {
        let pointers: Vec<_> = texts.iter().map(|(text, _)| text.as_ptr().cast::<c_char>()).collect();
        let lengths: Vec<_> = texts.iter().map(|(text, _)| text.len()).collect();
        let flags: Vec<_> = texts.iter().map(|(_, flags)| *flags).collect();
        let ids: Vec<_> = (0..texts.len() as u32).collect();
        let (mut database, mut error) = (null_mut(), null_mut());
        // SAFETY: arrays of so many entries, texts as long as told, places to write.
        let status = unsafe {
            (calls.compile_lit_multi)(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                lengths.as_ptr(),
                ids.len() as u32,
                BLOCK,
                null(),
                &mut database,
                &mut error,
            )
        };
        Self::made(calls, status, database, error)
    }

    fn made(
        calls: Calls,
        status: c_int,
        database: *mut c_void,
        error: *mut CompileError,
    ) -> Result<Self, (String, i32)> {
        if status != 0 {
            assert!(!error.is_null(), "status {status} without an error");
            // SAFETY: an error that the library made, freed once.
            return Err(unsafe {
                let message = CStr::from_ptr((*error).message).to_string_lossy().into_owned();
                let expression = (*error).expression;
                (calls.free_compile_error)(error);
                (message, expression)
            });
        }
        let mut scratch = null_mut();
        // SAFETY: a database, and a place for the scratch.
        assert_eq!(unsafe { (calls.alloc_scratch)(database, &mut scratch) }, 0);
        Ok(Self { calls, database, scratch })
    }

    /// All matches, in the order in which they were told.
    pub fn scan(&self, data: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        // SAFETY: a database and its scratch, data as long as told; `note` gets the vector.
        let status = unsafe {
            let (data, length) = (data.as_ptr().cast(), data.len() as u32);
            (self.calls.scan)(self.database, data, length, 0, self.scratch, Some(note), (&raw mut found).cast())
        };
        assert_eq!(status, 0);
        found
    }

    /// The same of pieces.
    pub fn scan_vector(&self, pieces: &[&[u8]]) -> Vec<Found> {
        let mut found = Vec::new();
        let data: Vec<_> = pieces.iter().map(|piece| piece.as_ptr().cast::<c_char>()).collect();
        let lengths: Vec<_> = pieces.iter().map(|piece| piece.len() as u32).collect();
        // SAFETY: as above.
        let status = unsafe {
            let count = data.len() as u32;
            let context = (&raw mut found).cast();
            (self.calls.scan_vector)(
                self.database,
                data.as_ptr(),
                lengths.as_ptr(),
                count,
                0,
                self.scratch,
                Some(note),
                context,
            )
        };
        assert_eq!(status, 0);
        found
    }

    /// The same of pieces that come one after another. Behind the piece `copied_at` it goes on with a copy of the stream.
    pub fn scan_stream(&self, pieces: &[&[u8]], copied_at: usize) -> Vec<Found> {
        let mut found = Vec::new();
        let context = (&raw mut found).cast();
        let (mut stream, calls) = (null_mut(), self.calls);
        // SAFETY: a database of this mode and its scratch, data as long as told; `note` gets the vector.
        unsafe {
            assert_eq!((calls.open_stream)(self.database, 0, &mut stream), 0);
            for (n, piece) in pieces.iter().enumerate() {
                let (data, length) = (piece.as_ptr().cast(), piece.len() as u32);
                let status = (calls.scan_stream)(stream, data, length, 0, self.scratch, Some(note), context);
                assert_eq!(status, 0);
                if n == copied_at {
                    let mut copy = null_mut();
                    assert_eq!((calls.copy_stream)(&mut copy, stream), 0);
                    // Ended without a callback: what it would find at its end is not told.
                    assert_eq!((calls.close_stream)(stream, null_mut(), None, null_mut()), 0);
                    stream = copy;
                }
            }
            assert_eq!((calls.close_stream)(stream, self.scratch, Some(note), context), 0);
        }
        found
    }
}

unsafe extern "C" fn note(id: c_uint, from: c_ulonglong, to: c_ulonglong, _: c_uint, found: *mut c_void) -> c_int {
    // SAFETY: the vector of the scan that is under way.
    unsafe { (*found.cast::<Vec<Found>>()).push((id, from, to)) };
    0
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: made by this library, freed once.
        unsafe {
            (self.calls.free_scratch)(self.scratch);
            (self.calls.free_database)(self.database);
        }
    }
}

/// What the library tells of an expression.
pub fn info(calls: Calls, text: &[u8], flags: u32) -> Option<Info> {
    let text = CString::new(text).expect("no NUL");
    let (mut info, mut error) = (null_mut(), null_mut());
    // SAFETY: a text that ends with a NUL, places to write; what is given is freed once.
    unsafe {
        if (calls.expression_info)(text.as_ptr(), flags, &mut info, &mut error) != 0 {
            (calls.free_compile_error)(error);
            return None;
        }
        let copy = *info;
        libc::free(info.cast());
        Some(copy)
    }
}

/// The same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % bound as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}
