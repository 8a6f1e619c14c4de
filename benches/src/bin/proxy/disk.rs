//! What a durable commit takes at the least.

use std::{
    fs::File,
    io::Write,
    time::{Duration, Instant},
};

/// How much is written before each.
const PAGE: [u8; 4096] = [b'p'; 4096];

/// How often a second what was appended to a file reaches the disk, one after the other.
pub(crate) fn syncs_per_second(time: Duration) -> anyhow::Result<f64> {
    let directory = tempfile::tempdir()?;
    let mut file = File::create(directory.path().join("syncs"))?;
    let (start, mut syncs) = (Instant::now(), 0);
    while start.elapsed() < time {
        file.write_all(&PAGE)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / start.elapsed().as_secs_f64())
}
