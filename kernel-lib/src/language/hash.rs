/// The hash of a function that calls others: of its own text's hash and theirs, in order.
#[must_use]
pub const fn combined_hash(own: u64, callees: &[u64]) -> u64 {
    let mut hash = own;
    let mut place = 0;
    while place < callees.len() {
        // FNV-1a, a word at a time.
        hash = (hash ^ callees[place]).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        place += 1;
    }
    hash
}
