//! Whole rooms at random: as many seeds as `SEEDS` says, or the one that `SEED` names.

use parlor_testkit::{Scenario, World};

/// How many seeds are tried.
const SEEDS: u64 = 500;

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
    let seeds = number("SEED").map_or(0..number("SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    for seed in seeds {
        let told = Told(seed);
        let mut world = World::new(Scenario::new(seed));
        world.run();
        world.conclude();
        drop(told);
    }
}

fn number(variable: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "which seeds to look at is up to whoever looks")]
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}
