//! Requests between users who are drawn at random, the same ones in every run.

use immuta_impersonation::Request;

/// Service accounts are few, however many people there are.
const MOST_SERVICES: usize = 100;
/// More requests than this would not draw more different people, only need more memory.
const MOST_REQUESTS: usize = 1 << 20;
/// All names have this length, so that a request is found in one text by its number.
const WIDTH: usize = 21;
const SEED: u64 = 4;

/// How often which user takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// All equally often.
    Uniform,
    /// The user of rank n takes part in proportion to 1/n, as in most logs of who does what.
    Zipf,
}

impl Draw {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Draw::Uniform => "uniform",
            Draw::Zipf => "Zipf",
        }
    }
}

/// How many of so many users are service accounts.
pub fn services(users: usize) -> usize {
    (users / 10).clamp(1, MOST_SERVICES)
}

/// A service account, which may impersonate.
pub fn service(number: usize) -> String {
    format!("svc_{number:04}@corp.example")
}

/// A person, who may not.
pub fn person(number: usize) -> String {
    format!("p{number:07}@corp.example")
}

/// A row of requests, a power of two of them. They lie one after the other in memory, where reading a
/// name costs little: in the server it has just been written.
pub struct Requests {
    text: String,
    mask: usize,
}

impl Requests {
    /// Service accounts that want to be people, both drawn from so many users.
    pub fn of_services(users: usize, draw: Draw) -> Self {
        Requests::between(users, users - services(users), draw, service)
    }

    /// People who want to be other people.
    pub fn of_people(users: usize, draw: Draw) -> Self {
        let others = users - 2 * services(users);
        Requests::between(users, others, draw, |number| person(others + number))
    }

    fn between(
        users: usize,
        people: usize,
        draw: Draw,
        impersonator: impl Fn(usize) -> String,
    ) -> Self {
        let mut random = Random(SEED);
        let mut impersonators = Ranks::new(services(users), draw);
        let mut targets = Ranks::new(people, draw);
        let count = users.next_power_of_two().clamp(4096, MOST_REQUESTS);
        let mut text = String::with_capacity(count * 2 * WIDTH);
        for _ in 0..count {
            text.push_str(&impersonator(impersonators.next(&mut random)));
            text.push_str(&person(scattered(targets.next(&mut random), people)));
        }
        assert_eq!(text.len(), count * 2 * WIDTH, "a name has another length");
        Requests {
            text,
            mask: count - 1,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.mask + 1
    }

    /// The request of this number, beginning again after the last.
    pub fn get(&self, number: usize) -> Request<'_> {
        let start = (number & self.mask) * 2 * WIDTH;
        let names = &self.text[start..start + 2 * WIDTH];
        Request::new(&names[..WIDTH], &names[WIDTH..])
    }
}

/// Takes neighbours in rank apart: who is often asked for was not made one after the other.
fn scattered(rank: usize, count: usize) -> usize {
    // A prime above every count, so that no two ranks meet.
    const STEP: usize = 15_485_863;
    rank * STEP % count
}

/// Draws ranks, 0 first.
struct Ranks {
    count: usize,
    /// For each rank the share of all draws up to it; empty if all are alike.
    shares: Vec<f64>,
}

impl Ranks {
    fn new(count: usize, draw: Draw) -> Self {
        let mut shares = Vec::new();
        if draw == Draw::Zipf {
            let mut sum = 0.0;
            for rank in 1..=count {
                sum += 1.0 / rank as f64;
                shares.push(sum);
            }
            for share in &mut shares {
                *share /= sum;
            }
        }
        Ranks { count, shares }
    }

    fn next(&mut self, random: &mut Random) -> usize {
        let number = random.next();
        if self.shares.is_empty() {
            return (number % self.count as u64) as usize;
        }
        let share = (number >> 11) as f64 / (1u64 << 53) as f64;
        self.shares
            .partition_point(|up_to| *up_to <= share)
            .min(self.count - 1)
    }
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
