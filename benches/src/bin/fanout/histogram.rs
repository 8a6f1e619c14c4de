//! Latencies in buckets of equal relative width.

use std::time::Duration;

/// Buckets of one octave: a quantile is at most 1/64 too high.
const PER_OCTAVE: u32 = 64;

/// Counts durations in nanoseconds; a recorded value costs one increment.
#[derive(Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        let index = index(nanos);
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    pub(crate) fn add(&mut self, other: &Histogram) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The smallest bucket bound that `share` (0 to 1) of the values do not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return Duration::from_nanos(upper_bound(index).min(self.max));
            }
        }
        Duration::ZERO
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }
}

fn index(nanos: u64) -> usize {
    let linear = u64::from(PER_OCTAVE);
    if nanos < linear {
        return nanos as usize;
    }
    let octave = nanos.ilog2() - PER_OCTAVE.ilog2();
    (u64::from(octave) * linear + (nanos >> octave)) as usize
}

fn upper_bound(index: usize) -> u64 {
    let linear = PER_OCTAVE as usize;
    if index < 2 * linear {
        return index as u64;
    }
    let octave = index / linear - 1;
    (((index % linear + linear + 1) as u64) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value lies in a bucket whose bound is at most one part in 64 above it.
    #[test]
    fn bound_is_near() {
        for nanos in (0..200_000).chain([1 << 30, (1 << 40) + 12_345]) {
            let bound = upper_bound(index(nanos));
            assert!(bound >= nanos && bound - nanos <= nanos / 64, "{nanos}: {bound}");
        }
    }

    /// Quantiles are read from the sorted values.
    #[test]
    fn quantiles() {
        let mut histogram = Histogram::default();
        for nanos in 1..=100 {
            histogram.record(Duration::from_nanos(nanos));
        }
        assert_eq!(histogram.quantile(0.5), Duration::from_nanos(50));
        assert_eq!(histogram.quantile(1.0), histogram.max());
    }
}
