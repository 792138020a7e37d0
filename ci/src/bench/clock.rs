//! Timing: all subjects in every round, so that whatever else the machine does meets them all.

use super::subjects::Subject;
use crate::sh::Result;
use std::process::Command;
use std::time::Instant;

/// Rounds before the first that counts: caches, the kernel's slabs and the first cgroup moves.
const WARM_UP: usize = 3;

/// Runs every subject once a round and hands each time on, in milliseconds. Each round has an order of its own: the
/// kernel takes a container down after its runtime has ended, and whoever comes next pays for that.
pub fn rounds<'a>(
    subjects: &[&Subject<'a>],
    count: usize,
    mut take: impl FnMut(&Subject<'a>, f64),
) -> Result {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    let mut dice = Dice(count as u64);
    for round in 0..count + WARM_UP {
        for at in (1..order.len()).rev() {
            order.swap(at, dice.below(at + 1));
        }
        for subject in order.iter().filter_map(|&at| subjects.get(at)) {
            let ms = (subject.work)(&subject.id())?;
            if round >= WARM_UP {
                take(subject, ms);
            }
        }
    }
    Ok(())
}

/// A linear congruential generator (Knuth's MMIX constants): the same orders in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Wall time of a command from its start to the end of the wait for it, in milliseconds. It has to succeed:
/// a quick failure would be a good figure.
pub fn time(command: &mut Command) -> Result<f64> {
    let begin = Instant::now();
    let status = command.status();
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    match status {
        Ok(status) if status.success() => Ok(ms),
        Ok(status) => Err(format!("{} ended with {status}", crate::sh::line(command))),
        Err(error) => Err(format!("cannot run {}: {error}", crate::sh::line(command))),
    }
}

/// The value below which the fraction `q` of the sorted values lies.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (q * (sorted.len().saturating_sub(1)) as f64).round();
    sorted.get(at as usize).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_of_few_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 1.0), 5.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
