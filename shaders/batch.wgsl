// One ordinary dispatch: a workgroup per item.

@compute @workgroup_size(LANES)
fn batch(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x;
    let words = items[index];
    cut_bound = words.w;
    let item = Item(words.x, words.y, words.z);
    let kind = set_kind(item.rules);
    var result = 0u;
    if kind != KIND_EMPTY {
        if lane == 0u {
            part_begin = 0u;
            part_end = item.len;
        }
        begin_item(item.len, index, 0u, lane);
        let flags = run_part(item, kind, lane, LANES);
        result = end_item(item, flags, lane, LANES);
    }
    if lane == 0u { done[index] = result; }
}
