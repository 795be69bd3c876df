//! Every call that takes a handle, with arguments that are right but for the handle.

// One reason stands for all of them, below.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::*;

/// A call on some handle.
pub type OnEngine = fn(*mut trm_engine) -> trm_status;
/// A call on some rules.
pub type OnRules = fn(*const trm_rules) -> trm_status;

/// A call on some stream.
pub type OnStream = fn(*mut trm_stream) -> trm_status;

/// A counter of some engine.
pub type Getter = fn(*const trm_engine) -> u64;

/// The calls on an engine that answer with a status.
pub fn on_engine() -> Vec<(&'static str, OnEngine)> {
    // SAFETY of all of them: every pointer but the handle is to a living value of the right length, or NULL where that
    // is allowed; that the handle may be anything is what is tested.
    unsafe fn item() -> trm_work_item {
        trm_work_item::default()
    }
    vec![
        ("trm_engine_attach", |engine| unsafe {
            let mut handle = null_mut();
            trm_engine_attach(engine, &mut handle, null_mut())
        }),
        ("trm_engine_close", |engine| unsafe { trm_engine_close(engine, NOW) }),
        ("trm_engine_stats", |engine| unsafe {
            let mut stats = std::mem::MaybeUninit::<trm_engine_stats_t>::zeroed();
            (*stats.as_mut_ptr()).struct_size = size_of::<trm_engine_stats_t>() as u32;
            trm_engine_stats(engine, stats.as_mut_ptr())
        }),
        ("trm_engine_load_rules", |engine| unsafe {
            let rules = rules(&["a"]);
            trm_engine_load_rules(engine, 0, rules.0, null_mut())
        }),
        ("trm_engine_unload_rules", |engine| unsafe { trm_engine_unload_rules(engine, 0) }),
        ("trm_input_acquire", |engine| unsafe {
            let mut region = trm_region { input_offset: 0, len: 0, bytes: null_mut() };
            trm_input_acquire(engine, 1, LONG, &mut region)
        }),
        ("trm_input_release", |engine| unsafe { trm_input_release(engine, 0) }),
        ("trm_buffer_register", |engine| unsafe {
            static BYTES: [u8; 4] = *b"abcd";
            let mut offset = 0;
            trm_buffer_register(engine, BYTES.as_ptr().cast(), 4, &mut offset, null_mut())
        }),
        ("trm_buffer_unregister", |engine| unsafe { trm_buffer_unregister(engine, 8192, NOW) }),
        ("trm_enqueue", |engine| unsafe { trm_enqueue(engine, &item(), null_mut()) }),
        ("trm_enqueue_batch", |engine| unsafe {
            let mut accepted = 0;
            trm_enqueue_batch(engine, &item(), 1, null_mut(), &mut accepted)
        }),
        ("trm_submit", |engine| unsafe { trm_submit(engine, b"a".as_ptr().cast(), 1, 0, 0, null_mut()) }),
        ("trm_submit_batch", |engine| unsafe {
            let text = trm_text { bytes: b"a".as_ptr().cast(), len: 1, rule_set_id: 0, correlation: 0, reserved: 0 };
            let mut accepted = 0;
            trm_submit_batch(engine, &text, 1, null_mut(), &mut accepted)
        }),
        ("trm_submit_segments", |engine| unsafe { trm_submit_segments(engine, null(), 0, 0, 0, null_mut()) }),
        ("trm_stream_open", |engine| unsafe {
            let mut stream = null_mut();
            trm_stream_open(engine, 0, 0, null(), &mut stream, null_mut())
        }),
        ("trm_cancel", |engine| unsafe { trm_cancel(engine, 1) }),
        ("trm_engine_set_deadline", |engine| unsafe { trm_engine_set_deadline(engine, LONG) }),
        ("trm_is_done", |engine| unsafe { trm_is_done(engine, 1) }),
        ("trm_wait", |engine| unsafe {
            let (mut completion, mut count) = (trm_completion::default(), 0);
            trm_wait(engine, 1, LONG, &mut completion, null_mut(), 0, &mut count)
        }),
        ("trm_collect", |engine| unsafe {
            let (mut completion, mut count, mut matches) = (trm_completion::default(), 0, 0);
            trm_collect(engine, LONG, &mut completion, 1, &mut count, null_mut(), 0, &mut matches)
        }),
        ("trm_event_fd", |engine| unsafe {
            let mut fd = 0;
            trm_event_fd(engine, &mut fd)
        }),
        ("trm_scan", |engine| unsafe {
            let mut count = 0;
            trm_scan(engine, 0, b"a".as_ptr().cast(), 1, null_mut(), 0, &mut count, null_mut())
        }),
        ("trm_scan_file", |engine| unsafe {
            extern "C" fn go_on(_: *mut c_void, _: *const trm_match, _: usize) -> i32 {
                0
            }
            let path = c"/dev/null".as_ptr();
            trm_scan_file(engine, 0, path, null(), Some(go_on), null_mut(), null_mut(), null_mut())
        }),
        ("trm_claim", |engine| unsafe {
            let mut claimed = std::mem::MaybeUninit::<trm_claimed>::zeroed();
            trm_claim(engine, LONG, claimed.as_mut_ptr())
        }),
        ("trm_mark_done", |engine| unsafe { trm_mark_done(engine, 1, TRM_OK, null(), 0) }),
        ("trm_unfinished", |engine| unsafe {
            let mut count = 0;
            trm_unfinished(engine, null_mut(), 0, &mut count)
        }),
    ]
}

/// The calls on a stream.
pub fn on_stream() -> Vec<(&'static str, OnStream)> {
    // SAFETY: as in `on_engine`.
    vec![
        ("trm_stream_feed", |stream| unsafe {
            trm_stream_feed(stream, b"a".as_ptr().cast(), 1, null_mut(), null_mut())
        }),
        ("trm_stream_close", |stream| unsafe { trm_stream_close(stream, null_mut()) }),
    ]
}

/// The counters of an engine, which answer 0 for what is no handle.
pub fn getters() -> Vec<(&'static str, Getter)> {
    // SAFETY of all of them: they take anything.
    vec![
        ("trm_engine_ring_size", |engine| unsafe { trm_engine_ring_size(engine) }.into()),
        ("trm_engine_in_flight", |engine| unsafe { trm_engine_in_flight(engine) }),
        ("trm_engine_head", |engine| unsafe { trm_engine_head(engine) }),
        ("trm_engine_tail", |engine| unsafe { trm_engine_tail(engine) }),
    ]
}

/// The calls on rules that answer with a status.
pub fn on_rules() -> Vec<(&'static str, OnRules)> {
    // SAFETY: as in `on_engine`.
    vec![
        ("trm_rules_info", |rules| unsafe {
            let mut count = 0;
            trm_rules_info(rules, null_mut(), size_of::<trm_rule_info>(), 0, &mut count)
        }),
        ("trm_rules_scan", |rules| unsafe {
            let mut count = 0;
            trm_rules_scan(rules, b"".as_ptr().cast(), 0, null_mut(), 0, &mut count, null_mut())
        }),
        ("trm_rules_serialize", |rules| unsafe {
            let mut needed = 0;
            trm_rules_serialize(rules, null_mut(), 0, &mut needed)
        }),
    ]
}
