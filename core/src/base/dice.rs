//! The seeded generator behind everything that Linux draws at random.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// One reproducible stream of random numbers.
///
/// Each place draws from a stream of its own, so that what one kernel draws never shifts what another draws.
#[derive(Clone, Debug)]
pub struct Dice(Pcg32);

impl Dice {
    /// The stream named `name` of the run with this `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a: only the name's identity matters, not its distribution; PCG mixes from there.
        let stream = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        Self(Pcg32::new(seed, stream))
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(bound)) >> 32) as u32
    }

    /// Any 32-bit number.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }
}

/// A number of 2^31ths with this many decimals, rounded as printf rounds. Formatting any `f64` costs the page ten
/// kilobytes of program.
#[must_use]
pub fn share(number: u32, decimals: u32) -> String {
    let one = 10_u64.pow(decimals);
    let exact = u128::from(number) * u128::from(one);
    let (shown, rest) = ((exact >> 31) as u64, exact & 0x7fff_ffff);
    let is_over = rest > 1 << 30 || (rest == 1 << 30 && shown % 2 == 1);
    let shown = shown + u64::from(is_over);
    format!("{}.{:0width$}", shown / one, shown % one, width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_and_name_draw_the_same_numbers() {
        let draw = |seed, name| (0..4).scan(Dice::new(seed, name), |dice, _| Some(dice.word())).collect::<Vec<_>>();
        assert_eq!(draw(1, "node/node-a"), draw(1, "node/node-a"));
        assert_ne!(draw(1, "node/node-a"), draw(1, "node/node-b"));
        assert_ne!(draw(1, "node/node-a"), draw(2, "node/node-a"));
    }
}
