// One ordinary dispatch: a workgroup per item.

@compute @workgroup_size(LANES)
fn batch(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x;
    let words = items[index];
    cut_bound = words.w;
    let result = run_item(Item(words.x, words.y, words.z), index, 0u, lane, LANES);
    if lane == 0u { done[index] = result; }
}
