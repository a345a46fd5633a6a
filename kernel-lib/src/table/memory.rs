//! Answers that a thread remembers, in a place of fixed size.

use super::Answer;
use super::active::Active;
use crate::Problem;
use crate::device::Device;

/// Answers remembered for each thread; a model asks about a handful.
const SLOTS: usize = 64;

/// A question and its answer.
#[derive(Clone, Copy)]
struct Remembered {
    /// Most questions differ in it.
    hash: u64,
    problem: Problem,
    device: Device,
    /// A hash of the device's name: two devices may be alike in all that plans are checked against.
    name: u64,
    answer: Answer,
}

/// What a thread knows: which tables are in force, and its latest answers from them.
pub(super) struct Memory {
    pub active: Option<&'static Active>,
    /// Which of the sets of tables that were ever in force `active` is.
    pub generation: u64,
    slots: [Option<Remembered>; SLOTS],
}

/// What is asked, and where an answer may lie.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    problem: &'a Problem,
    device: &'a Device,
    name: u64,
    hash: u64,
}

impl<'a> Question<'a> {
    pub(super) fn new(problem: &'a Problem, device: &'a Device, name: &str) -> Self {
        let name = name.bytes().fold(0, |hash, byte| mix(hash, u64::from(byte)));
        Self { problem, device, name, hash: mix(hash(problem), name) }
    }

    /// The two places where an answer may lie.
    fn places(&self) -> [usize; 2] {
        let first = (self.hash >> 32) as usize % SLOTS;
        [first, first ^ 1]
    }

    fn is(&self, known: &Remembered) -> bool {
        known.hash == self.hash
            && known.problem == *self.problem
            && known.device == *self.device
            && known.name == self.name
    }
}

impl Memory {
    pub(super) const EMPTY: Memory = Memory { active: None, generation: 0, slots: [None; SLOTS] };

    /// Forgets all answers: other tables are in force.
    pub(super) fn renew(&mut self, active: &'static Active, generation: u64) {
        *self = Memory { active: Some(active), generation, slots: [None; SLOTS] };
    }

    pub(super) fn recall(&self, question: &Question<'_>) -> Option<Answer> {
        let known = question.places().into_iter().filter_map(|place| self.slots[place].as_ref());
        known.filter(|known| question.is(known)).map(|known| known.answer).next()
    }

    pub(super) fn keep(&mut self, question: &Question<'_>, answer: Answer) {
        let Question { problem, device, name, hash } = *question;
        let [first, second] = question.places();
        // The newer answer stays in front.
        self.slots[second] = self.slots[first];
        self.slots[first] =
            Some(Remembered { hash, problem: *problem, device: *device, name, answer });
    }
}

/// Multiplies a number into a hash, by the golden ratio.
fn mix(hash: u64, number: u64) -> u64 {
    (hash.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn hash(problem: &Problem) -> u64 {
    let Problem {
        pass,
        dtype,
        head_dim,
        value_dim,
        seq_q,
        seq_k,
        batch,
        heads,
        kv_heads,
        class,
        save_scores,
    } = *problem;
    let kinds = [pass as u64, dtype as u64, class as u64, u64::from(save_scores)];
    let kind = kinds.into_iter().fold(0, |sum, kind| 4 * sum + kind);
    let sizes = [head_dim, value_dim, seq_q, seq_k, batch, heads, kv_heads];
    sizes.into_iter().fold(kind, |hash, size| mix(hash, size as u64))
}
