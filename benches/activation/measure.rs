//! Interleaved sampling: each subject once a round, so that what else runs on the machine hits all alike.

use std::error::Error;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// What a piece of work cost.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Time on the clock.
    wall: Duration,
    /// Processor time, of all threads, in the program and in the kernel. Others can hardly disturb it.
    processor: Duration,
}

/// A measurement that has begun.
pub struct Clock {
    start: Instant,
    processor: Duration,
    who: UsageWho,
}

impl Clock {
    /// Begins. `who` does the work: this process, or others that it starts and waits for.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn start(who: UsageWho) -> Result<Self, Box<dyn Error>> {
        Ok(Self { who, processor: processor_time(who)?, start: Instant::now() })
    }

    /// Ends.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn stop(self) -> Result<Cost, Box<dyn Error>> {
        let wall = self.start.elapsed();
        Ok(Cost { wall, processor: processor_time(self.who)?.saturating_sub(self.processor) })
    }
}

fn processor_time(who: UsageWho) -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(who)?;
    let duration = |time: TimeVal| u64::try_from(time.num_microseconds()).map(Duration::from_micros);
    Ok(duration(usage.user_time())? + duration(usage.system_time())?)
}

/// Something that is measured: it does its work once and tells what the part cost that counts.
pub struct Subject<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Result<Cost, Box<dyn Error>> + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject, as it is called in the table.
    pub fn new(name: &'static str, run: impl FnMut() -> Result<Cost, Box<dyn Error>> + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// Runs all subjects in turn, `rounds` times, after one round that does not count, and prints a table in which
/// each is also a multiple of the first. The best time is what the work costs when nothing else runs.
///
/// # Errors
/// The first error of a subject.
pub fn compare(title: &str, rounds: usize, mut subjects: Vec<Subject<'_>>) -> Result<(), Box<dyn Error>> {
    let mut samples = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..=rounds {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            let cost = (subject.run)().map_err(|error| format!("{}: {error}", subject.name))?;
            if round > 0 {
                samples.push(cost);
            }
        }
    }
    println!("\n{title}");
    println!("  {:28}{:^24}{:^24}{:^24}", "", "best", "median", "processor time, best");
    let mut first = None;
    for (subject, samples) in subjects.iter().zip(&samples) {
        let wall = sorted(samples, |cost| cost.wall);
        let processor = sorted(samples, |cost| cost.processor);
        let row = [wall[0], wall[wall.len() / 2], processor[0]];
        let base = *first.get_or_insert(row);
        print!("  {:28}", subject.name);
        for (time, base) in row.into_iter().zip(base) {
            print!(
                "{:>9.2} ms {:>7.2}x    ",
                time.as_secs_f64() * 1e3,
                time.as_secs_f64() / base.as_secs_f64()
            );
        }
        println!();
    }
    Ok(())
}

fn sorted(samples: &[Cost], time: impl Fn(&Cost) -> Duration) -> Vec<Duration> {
    let mut times: Vec<Duration> = samples.iter().map(time).collect();
    times.sort_unstable();
    times
}
