//! Streams: refused. No database is ever compiled for them, so every call finds one of another mode.

use super::*;
use std::ffi::{c_char, c_uint, c_void};

/// There are none.
pub enum hs_stream_t {}

macro_rules! refused {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        /// Refused: streams are not supported.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) -> i32 {
            $(let _ = $argument;)*
            HS_DB_MODE_ERROR
        }
    )*};
}

refused! {
    hs_stream_size(db: *const hs_database_t, size: *mut usize);
    hs_open_stream(db: *const hs_database_t, flags: c_uint, stream: *mut *mut hs_stream_t);
    hs_scan_stream(id: *mut hs_stream_t, data: *const c_char, length: c_uint, flags: c_uint, scratch: *mut hs_scratch_t,
        tell: match_event_handler, context: *mut c_void);
    hs_close_stream(id: *mut hs_stream_t, scratch: *mut hs_scratch_t, tell: match_event_handler, context: *mut c_void);
    hs_reset_stream(id: *mut hs_stream_t, flags: c_uint, scratch: *mut hs_scratch_t, tell: match_event_handler,
        context: *mut c_void);
    hs_copy_stream(to: *mut *mut hs_stream_t, from: *const hs_stream_t);
    hs_reset_and_copy_stream(to: *mut hs_stream_t, from: *const hs_stream_t, scratch: *mut hs_scratch_t,
        tell: match_event_handler, context: *mut c_void);
    hs_compress_stream(stream: *const hs_stream_t, buffer: *mut c_char, space: usize, used: *mut usize);
    hs_expand_stream(db: *const hs_database_t, stream: *mut *mut hs_stream_t, buffer: *const c_char, size: usize);
    hs_reset_and_expand_stream(to: *mut hs_stream_t, buffer: *const c_char, size: usize, scratch: *mut hs_scratch_t,
        tell: match_event_handler, context: *mut c_void);
}
