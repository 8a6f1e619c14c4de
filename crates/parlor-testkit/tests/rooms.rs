//! Whole rooms at random: many seeds, or the one that `SEED` names.

use parlor_testkit::{Scenario, World};

/// How many seeds are tried.
const SEEDS: u64 = 600;

struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to see this again: SEED={}", self.0);
        }
    }
}

/// Whatever happens in a room, its participants see what the model says (CHAT-40 … 49, CHAT-60 … 68, flow control).
#[test]
fn rooms_do_what_the_model_says() {
    #[expect(clippy::disallowed_methods, reason = "a seed to look at comes from whoever looks")]
    let seed = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    for seed in seed.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        let told = Told(seed);
        let mut world = World::new(Scenario::new(seed));
        world.run();
        world.conclude();
        drop(told);
    }
}
