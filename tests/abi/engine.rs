//! An engine, attached ones included: a method a call.

use super::*;

/// A handle: destroyed when dropped.
pub struct Engine(*mut trm_engine);

// SAFETY: the ABI says that any thread may use a handle.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: a handle of ours, or one that was destroyed already: both are allowed.
        unsafe { trm_engine_destroy(self.0) };
    }
}

impl Engine {
    /// An engine with two worker threads and small buffers, unless `set` says otherwise.
    pub fn new(set: impl FnOnce(&mut trm_options)) -> Self {
        Self::try_new(set).unwrap()
    }

    pub fn try_new(set: impl FnOnce(&mut trm_options)) -> Result<Self, (trm_status, String)> {
        let mut options = options();
        options.processor = TRM_PROCESSOR_CPU;
        options.cpu_threads = 2;
        options.ring_size = 256;
        options.arena_bytes = 1 << 20;
        set(&mut options);
        let (mut engine, mut error) = (null_mut(), no_error());
        // SAFETY: all pointers are to living values.
        match unsafe { trm_engine_create(&options, &mut engine, &mut error) } {
            TRM_OK => Ok(Self(engine)),
            status => Err((status, sentence(&error))),
        }
    }

    /// With the patterns loaded under 0.
    pub fn with_rules(patterns: &[&str], set: impl FnOnce(&mut trm_options)) -> Self {
        let engine = Self::new(set);
        assert_eq!(engine.load(0, &rules(patterns)), TRM_OK);
        engine
    }

    /// Drained by the test's own threads.
    pub fn caller(patterns: &[&str], set: impl FnOnce(&mut trm_options)) -> Self {
        Self::with_rules(patterns, |options| {
            options.processor = TRM_PROCESSOR_CALLER;
            set(options);
        })
    }

    pub fn raw(&self) -> *mut trm_engine {
        self.0
    }

    /// Destroys it now; dropping it later does nothing.
    pub fn destroy(&self) {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_destroy(self.0) };
    }

    pub fn attach(&self) -> Engine {
        self.try_attach().unwrap()
    }

    pub fn try_attach(&self) -> Result<Engine, trm_status> {
        let mut handle = null_mut();
        // SAFETY: all pointers are to living values or NULL where that is allowed.
        match unsafe { trm_engine_attach(self.0, &mut handle, null_mut()) } {
            TRM_OK => Ok(Engine(handle)),
            status => Err(status),
        }
    }

    pub fn close(&self, timeout: i64) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_close(self.0, timeout) }
    }

    pub fn load(&self, id: u32, rules: &Rules) -> trm_status {
        // SAFETY: handles of ours.
        unsafe { trm_engine_load_rules(self.0, id, rules.0, null_mut()) }
    }

    pub fn unload(&self, id: u32) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_unload_rules(self.0, id) }
    }

    pub fn ring_size(&self) -> u32 {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_ring_size(self.0) }
    }

    pub fn in_flight(&self) -> u64 {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_in_flight(self.0) }
    }

    pub fn head(&self) -> u64 {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_head(self.0) }
    }

    pub fn tail(&self) -> u64 {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_tail(self.0) }
    }

    pub fn stats(&self) -> trm_engine_stats_t {
        let mut stats = std::mem::MaybeUninit::<trm_engine_stats_t>::zeroed();
        // SAFETY: room for the whole struct, all of whose fields may be 0.
        unsafe {
            (*stats.as_mut_ptr()).struct_size = size_of::<trm_engine_stats_t>() as u32;
            assert_eq!(trm_engine_stats(self.0, stats.as_mut_ptr()), TRM_OK);
            stats.assume_init()
        }
    }

    // ---- input ----

    pub fn acquire(&self, len: u32, timeout: i64) -> Result<trm_region, trm_status> {
        let mut region = trm_region { input_offset: 0, len: 0, bytes: null_mut() };
        // SAFETY: the region is a living value.
        match unsafe { trm_input_acquire(self.0, len, timeout, &mut region) } {
            TRM_OK => Ok(region),
            status => Err(status),
        }
    }

    pub fn release(&self, offset: u32) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_input_release(self.0, offset) }
    }

    /// A region that holds `bytes`.
    pub fn put(&self, bytes: &[u8]) -> trm_region {
        let region = self.acquire(bytes.len() as u32, LONG).unwrap();
        // SAFETY: the region has so many bytes and is only ours.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), region.bytes.cast(), bytes.len()) };
        region
    }

    /// Registers bytes that have to stay until they are unregistered.
    ///
    /// # Safety
    /// As for `trm_buffer_register`.
    pub unsafe fn register(&self, bytes: &[u8]) -> Result<u32, trm_status> {
        let mut offset = 0;
        // SAFETY: passed on.
        match unsafe { trm_buffer_register(self.0, bytes.as_ptr().cast(), bytes.len(), &mut offset, null_mut()) } {
            TRM_OK => Ok(offset),
            status => Err(status),
        }
    }

    pub fn unregister(&self, offset: u32, timeout: i64) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_buffer_unregister(self.0, offset, timeout) }
    }

    // ---- work ----

    pub fn enqueue(&self, item: trm_work_item) -> Result<u64, trm_status> {
        let mut ticket = 0;
        // SAFETY: living values.
        match unsafe { trm_enqueue(self.0, &item, &mut ticket) } {
            TRM_OK => Ok(ticket),
            status => Err(status),
        }
    }

    /// The first ticket and how many were accepted.
    pub fn enqueue_batch(&self, items: &[trm_work_item]) -> Result<(u64, usize), trm_status> {
        let (mut first, mut accepted) = (0, usize::MAX);
        // SAFETY: living values, and as many items as said.
        match unsafe { trm_enqueue_batch(self.0, items.as_ptr(), items.len(), &mut first, &mut accepted) } {
            TRM_OK => Ok((first, accepted)),
            status => {
                assert_eq!(accepted, 0, "a refused batch accepts nothing");
                Err(status)
            }
        }
    }

    pub fn submit_to(&self, set: u32, bytes: &[u8], correlation: u32) -> Result<u64, trm_status> {
        let mut ticket = 0;
        // SAFETY: living values, and as many bytes as said.
        let status =
            unsafe { trm_submit(self.0, bytes.as_ptr().cast(), bytes.len() as u32, set, correlation, &mut ticket) };
        if status == TRM_OK { Ok(ticket) } else { Err(status) }
    }

    /// The first ticket and how many were accepted; the n-th has the correlation n.
    pub fn submit_batch(&self, set: u32, texts: &[&[u8]]) -> Result<(u64, usize), trm_status> {
        let text = |(bytes, correlation): (&&[u8], u32)| trm_text {
            bytes: bytes.as_ptr().cast(),
            len: bytes.len() as u32,
            rule_set_id: set,
            correlation,
            reserved: 0,
        };
        let texts: Vec<trm_text> = texts.iter().zip(0..).map(text).collect();
        let (mut first, mut accepted) = (0, usize::MAX);
        // SAFETY: living values, and as many texts and bytes as said.
        match unsafe { trm_submit_batch(self.0, texts.as_ptr(), texts.len(), &mut first, &mut accepted) } {
            TRM_OK => Ok((first, accepted)),
            status => {
                assert_eq!(accepted, 0, "a refused batch accepts nothing");
                Err(status)
            }
        }
    }

    pub fn submit(&self, bytes: &[u8], correlation: u32) -> Result<u64, trm_status> {
        self.submit_to(0, bytes, correlation)
    }

    /// Submits, however often the ring or the arena is full first.
    pub fn submit_patiently(&self, bytes: &[u8], correlation: u32) -> u64 {
        let start = Instant::now();
        loop {
            match self.submit(bytes, correlation) {
                Ok(ticket) => return ticket,
                Err(TRM_QUEUE_FULL | TRM_ARENA_FULL) => {
                    assert!(start.elapsed() < Duration::from_nanos(LONG as u64), "no room for item {correlation}");
                    std::thread::yield_now();
                }
                Err(status) => panic!("submit answered {status}"),
            }
        }
    }

    pub fn cancel(&self, ticket: u64) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_cancel(self.0, ticket) }
    }

    pub fn set_deadline(&self, timeout: i64) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_engine_set_deadline(self.0, timeout) }
    }

    // ---- results ----

    pub fn is_done(&self, ticket: u64) -> trm_status {
        // SAFETY: a handle of ours.
        unsafe { trm_is_done(self.0, ticket) }
    }

    /// One call of `trm_wait`; the count is what the call told, also on failure.
    pub fn wait_into(&self, ticket: u64, timeout: i64, room: usize) -> (trm_status, Item, usize) {
        let (mut completion, mut matches, mut count) =
            (trm_completion::default(), vec![trm_match::default(); room], usize::MAX);
        // SAFETY: living values, and as many matches as said.
        let status =
            unsafe { trm_wait(self.0, ticket, timeout, &mut completion, matches.as_mut_ptr(), room, &mut count) };
        matches.truncate(if status == TRM_OK { count } else { 0 });
        (status, Item { completion, matches }, count)
    }

    /// Takes one ticket's completion with all its matches.
    pub fn wait(&self, ticket: u64, timeout: i64) -> Result<Item, trm_status> {
        let mut room = 64;
        loop {
            match self.wait_into(ticket, timeout, room) {
                (TRM_OK, item, _) => return Ok(item),
                (TRM_ERR_BUFFER, _, needed) => {
                    assert!(needed > room);
                    room = needed;
                }
                (status, ..) => return Err(status),
            }
        }
    }

    /// One call of `trm_collect`: the status, the items, and the match count that the call told.
    pub fn collect_into(&self, timeout: i64, items: usize, room: usize) -> (trm_status, Vec<Item>, usize) {
        let mut completions = vec![trm_completion::default(); items];
        let mut matches = vec![trm_match::default(); room];
        let (mut count, mut match_count) = (usize::MAX, usize::MAX);
        // SAFETY: living values, and as many entries as said.
        let status = unsafe {
            trm_collect(
                self.0,
                timeout,
                completions.as_mut_ptr(),
                items,
                &mut count,
                matches.as_mut_ptr(),
                room,
                &mut match_count,
            )
        };
        if status != TRM_OK {
            assert!(count == 0 || count == usize::MAX, "only TRM_OK takes items");
            return (status, Vec::new(), match_count);
        }
        let of = |(at, completion): (usize, &trm_completion)| {
            let first = completion.first_match as usize;
            let delivered = matches[first..match_count].iter().take_while(|m| m.item as usize == at);
            Item { completion: *completion, matches: delivered.copied().collect() }
        };
        let items: Vec<_> = completions[..count].iter().enumerate().map(of).collect();
        assert_eq!(items.iter().map(|item| item.matches.len()).sum::<usize>(), match_count);
        (status, items, match_count)
    }

    /// Takes what is finished, with all matches.
    pub fn collect(&self, timeout: i64) -> Result<Vec<Item>, trm_status> {
        let mut room = 256;
        loop {
            match self.collect_into(timeout, 64, room) {
                (TRM_OK, items, _) => return Ok(items),
                (TRM_ERR_BUFFER, _, needed) => {
                    assert!(needed > room);
                    room = needed;
                }
                (status, ..) => return Err(status),
            }
        }
    }

    /// Collects exactly so many, by ticket.
    pub fn collect_all(&self, count: usize) -> Vec<Item> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.collect(LONG).unwrap());
        }
        assert_eq!(all.len(), count);
        all.sort_by_key(Item::ticket);
        all
    }

    pub fn event_fd(&self) -> i32 {
        let mut fd = -1;
        // SAFETY: a living value.
        assert_eq!(unsafe { trm_event_fd(self.0, &mut fd) }, TRM_OK);
        fd
    }

    pub fn scan(&self, set: u32, bytes: &[u8]) -> Result<Vec<trm_match>, trm_status> {
        // SAFETY: the arrays are as long as said.
        grow(|matches, count| unsafe {
            trm_scan(
                self.0,
                set,
                bytes.as_ptr().cast(),
                bytes.len(),
                matches.as_mut_ptr(),
                matches.len(),
                count,
                null_mut(),
            )
        })
    }

    // ---- caller drain ----

    pub fn claim(&self, timeout: i64) -> Result<Claimed, trm_status> {
        let mut claimed =
            trm_claimed { ticket: 0, item: trm_work_item::default(), bytes: null::<c_void>(), rules: null() };
        // SAFETY: a living value.
        match unsafe { trm_claim(self.0, timeout, &mut claimed) } {
            TRM_OK => Ok(Claimed(claimed)),
            status => Err(status),
        }
    }

    pub fn mark_done(&self, ticket: u64, status: trm_status, matches: &[trm_match]) -> trm_status {
        // SAFETY: as many matches as said.
        unsafe { trm_mark_done(self.0, ticket, status, matches.as_ptr(), matches.len()) }
    }

    pub fn unfinished(&self) -> Vec<u64> {
        let (mut tickets, mut count) = (vec![0; 1 << 16], 0);
        // SAFETY: as many entries as said.
        assert_eq!(unsafe { trm_unfinished(self.0, tickets.as_mut_ptr(), tickets.len(), &mut count) }, TRM_OK);
        tickets.truncate(count);
        tickets
    }

    /// Claims, scans and finishes one item, as a user's thread would.
    pub fn drain_one(&self, timeout: i64) -> Result<u64, trm_status> {
        let claimed = self.claim(timeout)?;
        let matches = scan_with(claimed.0.rules, claimed.bytes()).unwrap();
        assert_eq!(self.mark_done(claimed.0.ticket, TRM_OK, &matches), TRM_OK);
        Ok(claimed.0.ticket)
    }
}
