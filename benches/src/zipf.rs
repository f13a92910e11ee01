//! [`Popularity`]: which of many tenants a request is for.

use fastrand::Rng;

/// How requests spread over tenants.
#[derive(Debug, Clone)]
pub struct Popularity {
    /// The sum of the weights of all tenants up to this one.
    sums: Vec<f64>,
}

impl Popularity {
    /// The tenant of rank n has a weight of n to the power of -`exponent`; 0 makes all of them equal.
    ///
    /// # Panics
    /// If there are no tenants.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 tenants")]
    pub fn zipf(tenants: usize, exponent: f64) -> Self {
        assert!(tenants > 0, "someone has to be popular");
        let weights = (1..=tenants).map(|rank| (rank as f64).powf(-exponent));
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// The next request's tenant.
    pub fn draw(&self, random: &mut Rng) -> usize {
        let all = self.sums.last().copied().unwrap_or_default();
        let point = random.f64() * all;
        self.sums.partition_point(|sum| *sum <= point).min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(exponent: f64) -> Vec<u32> {
        let popularity = Popularity::zipf(100, exponent);
        let mut random = Rng::with_seed(1);
        let mut counts = vec![0; 100];
        (0..100_000).for_each(|_| counts[popularity.draw(&mut random)] += 1);
        counts
    }

    #[test]
    fn the_first_of_a_zipf_distribution_comes_as_often_as_its_weight_says() {
        let counts = counts(0.99);
        // 1 / (the sum of n^-0.99 for n from 1 to 100) is 0.1891.
        assert!((18_400..19_400).contains(&counts[0]), "{}", counts[0]);
        assert!(counts[99] > 0);
    }

    #[test]
    fn without_an_exponent_all_are_equal() {
        assert!(counts(0.0).iter().all(|count| (850..1150).contains(count)));
    }
}
