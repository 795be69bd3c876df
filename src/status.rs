//! What every call answers: 0 done, above 0 an answer that is not a failure, below 0 a failure.
//! The numbers are the ABI's; `Error` carries one inside the library, with the sentence for `trm_error`.

/// A call's answer: `TRM_OK`, an information above 0 or an error below 0.
#[allow(non_camel_case_types)]
pub type trm_status = i32;

/// Done.
pub const TRM_OK: trm_status = 0;
/// The item was accepted and is not finished.
pub const TRM_PENDING: trm_status = 1;
/// The time was up first; nothing was taken.
pub const TRM_TIMEOUT: trm_status = 2;
/// There is nothing to claim or to collect now.
pub const TRM_EMPTY: trm_status = 3;
/// That ticket's completion was already taken, or was declared not wanted.
pub const TRM_TAKEN: trm_status = 4;
/// The ring is full: collect completions, or wait, and try again.
pub const TRM_QUEUE_FULL: trm_status = 5;
/// The arena has no room of that size now: release regions, or wait, and try again.
pub const TRM_ARENA_FULL: trm_status = 6;
/// A completion's status: more matches than the limit per item; `match_count` is the true count.
pub const TRM_TRUNCATED: trm_status = 7;
/// A completion's status: the item was cancelled.
pub const TRM_CANCELLED: trm_status = 8;
/// A pointer that must not be NULL is.
pub const TRM_ERR_NULL: trm_status = -1;
/// An argument's value is not allowed; `trm_error` says which.
pub const TRM_ERR_INVALID: trm_status = -2;
/// The handle is destroyed, or not one of ours.
pub const TRM_ERR_HANDLE: trm_status = -3;
/// `input_offset + input_len` lies outside the input space.
pub const TRM_ERR_RANGE: trm_status = -4;
/// No rule set is loaded under that id.
pub const TRM_ERR_NO_RULES: trm_status = -5;
/// That ticket was never issued, or belongs to another handle.
pub const TRM_ERR_TICKET: trm_status = -6;
/// An out-array is too small: nothing was consumed and the needed count is told.
pub const TRM_ERR_BUFFER: trm_status = -7;
/// A pattern cannot be compiled; the errors say which and why.
pub const TRM_ERR_PATTERN: trm_status = -8;
/// A limit of the options was exceeded; the error names it.
pub const TRM_ERR_LIMIT: trm_status = -9;
/// Serialised rules are damaged, foreign or from another version.
pub const TRM_ERR_FORMAT: trm_status = -10;
/// That is not possible here; the message says why.
pub const TRM_ERR_UNSUPPORTED: trm_status = -11;
/// The GPU or its driver failed.
pub const TRM_ERR_DEVICE: trm_status = -12;
/// Memory could not be had.
pub const TRM_ERR_MEMORY: trm_status = -13;
/// The engine was closed: it takes no new work.
pub const TRM_ERR_CLOSED: trm_status = -14;
/// The handle was inherited through `fork()`: make a new engine in the child.
pub const TRM_ERR_FORKED: trm_status = -15;
/// The library met a bug of its own; the engine can still be closed and destroyed.
pub const TRM_ERR_PANIC: trm_status = -16;
/// A file or descriptor could not be made, read or written.
pub const TRM_ERR_IO: trm_status = -17;

/// The sentence for a status, with its NUL.
pub(crate) fn sentence(status: trm_status) -> &'static std::ffi::CStr {
    match status {
        TRM_OK => c"done",
        TRM_PENDING => c"accepted, not finished",
        TRM_TIMEOUT => c"the time was up first",
        TRM_EMPTY => c"nothing there now",
        TRM_TAKEN => c"that completion was already taken or was not wanted",
        TRM_QUEUE_FULL => c"the ring is full: collect or wait, then try again",
        TRM_ARENA_FULL => c"the arena is full: release regions or wait, then try again",
        TRM_TRUNCATED => c"more matches than the limit per item; the count is true",
        TRM_CANCELLED => c"the item was cancelled",
        TRM_ERR_NULL => c"a pointer that must not be NULL is NULL",
        TRM_ERR_INVALID => c"an argument has a value that is not allowed",
        TRM_ERR_HANDLE => c"the handle is destroyed or not one of this library's",
        TRM_ERR_RANGE => c"offset and length lie outside the input space",
        TRM_ERR_NO_RULES => c"no rule set is loaded under that id: call trm_engine_load_rules first",
        TRM_ERR_TICKET => c"that ticket was never issued, or belongs to another handle",
        TRM_ERR_BUFFER => c"an array is too small: nothing was consumed, the needed count is told",
        TRM_ERR_PATTERN => c"a pattern cannot be compiled: see the errors",
        TRM_ERR_LIMIT => c"a limit of the options was exceeded",
        TRM_ERR_FORMAT => c"serialised rules are damaged, foreign or from another version: compile them again",
        TRM_ERR_UNSUPPORTED => c"not possible here: see the message",
        TRM_ERR_DEVICE => c"the GPU or its driver failed",
        TRM_ERR_MEMORY => c"memory could not be had",
        TRM_ERR_CLOSED => c"the engine is closed and takes no new work",
        TRM_ERR_FORKED => c"the handle was inherited through fork(): make a new engine in the child",
        TRM_ERR_PANIC => c"the library met a bug of its own: close the engine and report it",
        TRM_ERR_IO => c"a file or descriptor could not be made, read or written",
        _ => c"unknown status",
    }
}

/// A failure on its way out: the status, and a sentence that says what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Which status the call returns.
    pub status: trm_status,
    /// What is wrong and what to do.
    pub message: String,
}

impl Error {
    /// An error with its own sentence.
    pub fn new(status: trm_status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<trm_status> for Error {
    fn from(status: trm_status) -> Self {
        Self::new(status, sentence(status).to_string_lossy())
    }
}

/// The library's own result.
pub type Result<T> = std::result::Result<T, Error>;
