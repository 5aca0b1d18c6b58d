//! One table of cases, measured in two ways: criterion times them, callgrind counts their instructions.
//!
//! A bench is `fn main() { suite::run(&[lookup, build]) }`; each function adds its groups and cases. Ids are
//! criterion's, `group/case` or `group/case/parameter`, in both ways. With `--count TIMES` every case runs that many
//! times inside [`counted`], whose symbol `benchmarks/instruction_counts.py` gives to callgrind; the ids
//! go to standard output, in the order of callgrind's dumps. Without callgrind that is a plain run.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};

/// Runs before the count, so that lazy initialisation and first allocations are over.
const SETTLING: u32 = 3;

/// Measures the cases that `benches` add, as the command line says.
pub(crate) fn run(benches: &[fn(&mut Suite)]) {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--count").skip(1);
    let mut suite = match arguments.next().map(|times| times.parse()) {
        Some(times) => Suite::Count { times: times.unwrap() },
        None => Suite::Time(Box::new(Criterion::default().configure_from_args())),
    };
    for bench in benches {
        bench(&mut suite);
    }
    if let Suite::Time(criterion) = &suite {
        criterion.final_summary();
    }
}

/// Takes groups of cases.
pub(crate) enum Suite {
    /// Times, by criterion.
    Time(Box<Criterion>),
    /// Instructions.
    Count { times: u32 },
}

impl Suite {
    /// A group of cases, whose ids start with `name`.
    pub(crate) fn group<'s>(&'s mut self, name: &'s str) -> Group<'s> {
        match self {
            Suite::Time(criterion) => Group::Time(criterion.benchmark_group(name)),
            Suite::Count { times } => Group::Count { name, times: *times },
        }
    }
}

/// Takes cases.
pub(crate) enum Group<'s> {
    /// Times, by criterion.
    Time(BenchmarkGroup<'s, WallTime>),
    /// Instructions.
    Count { name: &'s str, times: u32 },
}

#[allow(dead_code, reason = "no bench needs all of it")]
impl Group<'_> {
    /// Work of the next cases, which makes rates of times.
    pub(crate) fn throughput(&mut self, throughput: Throughput) {
        if let Group::Time(group) = self {
            group.throughput(throughput);
        }
    }

    /// Measures `routine`. What it returns is dropped as part of it.
    pub(crate) fn case<R>(&mut self, name: &str, mut routine: impl FnMut() -> R) {
        match self {
            Group::Time(group) => {
                group.bench_function(name, |bencher| bencher.iter(&mut routine));
            }
            Group::Count { name: group, times } => count(&format!("{group}/{name}"), *times, routine),
        }
    }

    /// The same for one of several sizes, which criterion keeps apart from the name.
    pub(crate) fn sized<R>(&mut self, name: &str, size: usize, mut routine: impl FnMut() -> R) {
        match self {
            Group::Time(group) => {
                group.bench_function(BenchmarkId::new(name, size), |bencher| bencher.iter(&mut routine));
            }
            Group::Count { name: group, times } => count(&format!("{group}/{name}/{size}"), *times, routine),
        }
    }

    /// Another library at the same work: timed, but not counted, as no change of ours can move it.
    pub(crate) fn rival<R>(&mut self, name: &str, size: Option<usize>, routine: impl FnMut() -> R) {
        match (&self, size) {
            (Group::Count { .. }, _) => {}
            (Group::Time(_), Some(size)) => self.sized(name, size, routine),
            (Group::Time(_), None) => self.case(name, routine),
        }
    }
}

fn count<R>(id: &str, times: u32, mut routine: impl FnMut() -> R) {
    let mut routine = || {
        std::hint::black_box(routine());
    };
    for _ in 0..SETTLING {
        routine();
    }
    println!("{id}");
    counted(&mut routine, times);
}

/// What callgrind counts. Its name is the contract with `benchmarks/instruction_counts.py`.
#[inline(never)]
fn counted(routine: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        routine();
    }
}
