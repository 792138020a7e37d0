//! Weights of v1 in the scales of v2, without floating point: the target may have none that is cheap.

/// Bits behind the point of the logarithms. The nearest that a weight of the whole range comes to a whole number is
/// seen with fewer than 40.
const BITS: u32 = 40;

/// `cpu.weight` for `cpu.shares`: ceil(10^((l² + 125·l)/612 − 7/34)) with l = log2(shares), which takes 2 to 1, 1024 to
/// 100 and 262144 to 10000 (config-linux.md, "CPU"; it replaced a linear formula).
pub fn of_shares(shares: i64) -> i64 {
    let log = u128::from(log2(shares.clamp(2, 262_144).unsigned_abs()));
    // 612 times the exponent, times log2(10).
    let exponent = ((log * log) >> BITS) + 125 * log - (126 << BITS);
    let wanted = (exponent * u128::from(log2(10))) >> BITS;
    let (mut low, mut high) = (1, 10_000);
    while low < high {
        let middle = (low + high) / 2;
        if 612 * u128::from(log2(middle)) < wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low as i64
}

/// The binary logarithm of a number above 0, bit by bit: squaring a number from 1 to 2 doubles its logarithm.
fn log2(number: u64) -> u64 {
    let whole = number.ilog2();
    let mut fraction = number << (63 - whole);
    let mut log = u64::from(whole);
    for _ in 0..BITS {
        let square = u128::from(fraction) * u128::from(fraction);
        // From 1 to 4, with 126 bits behind the point.
        let carry = (square >> 127) as u64;
        fraction = (square >> (63 + carry)) as u64;
        log = log << 1 | carry;
    }
    log
}

/// `io.weight` for `blkio.weight`: 10 to 1000 become 1 to 10000 (runc's formula).
pub const fn of_block_io(weight: i64) -> i64 {
    1 + (weight - 10) * 9999 / 990
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spec's formula as it stands there.
    fn formula(shares: i64) -> i64 {
        let l = (shares as f64).log2();
        10f64.powf((l * l + 125.0 * l) / 612.0 - 7.0 / 34.0).ceil() as i64
    }

    #[test]
    fn shares() {
        // The spec's fixed points, and values that runc's documents name.
        for (shares, weight) in [
            (0, 1),
            (1, 1),
            (2, 1),
            (1024, 100),
            (262_144, 10_000),
            (i64::MAX, 10_000),
        ] {
            assert_eq!(of_shares(shares), weight, "{shares}");
        }
        for shares in 3..262_144 {
            assert_eq!(of_shares(shares), formula(shares), "{shares}");
        }
    }

    #[test]
    fn block_io() {
        for (v1, v2) in [(10, 1), (500, 4950), (1000, 10_000)] {
            assert_eq!(of_block_io(v1), v2, "{v1}");
        }
    }
}
