//! What a second thread gains: decisions in fresh instances beside a native loop that needs nothing but a processor, in turn.
//! Refuses to share anything between the two threads but what the server shares: the engine and the policy. Each is a tenant.

use crate::report::median;
use enlist::domain::{Applicant, Name, Occasion, Pick, Request, Usage};
use enlist::sandbox::{Engine, Limits, Policy, Share, make};
use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// How long one sample lasts.
const SAMPLE: Duration = Duration::from_millis(300);

/// Pieces of work between two looks at the clock.
const PIECES: u64 = 64;

pub(crate) fn measure(rounds: usize) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(&Limits { cpu_share: 1.0, ..Limits::default() })?;
    let policy = Policy::of_code(&engine, &make(&engine, enlist_artifacts::LOCALPART, "{}")?)?;
    let (native, decide) = (|| native, || decisions(&engine, &policy));
    // In turn, so that what else the machine does hits all of them.
    let mut samples = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for (sample, rate) in samples.iter_mut().zip([
            per_second(1, &native),
            per_second(1, &decide),
            per_second(2, &native),
            per_second(2, &decide),
        ]) {
            sample.push(rate);
        }
    }
    let [native_one, decide_one, native_two, decide_two] =
        samples.map(|samples| median(samples.into_iter()));
    let (native, decided) = (native_two / native_one, decide_two / decide_one);
    println!(
        "\na second thread: {native_one:.0} to {native_two:.0} pieces of a native loop a second, {native:.2} times; {decide_one:.0} to {decide_two:.0} decisions, {decided:.2} times"
    );
    println!(
        "gain of decisions / gain of the native loop: {:.2}",
        (decided - 1.0) / (native - 1.0)
    );
    Ok(())
}

/// Pieces of work a second, on so many threads; each makes its worker for itself.
fn per_second<W: FnMut()>(threads: usize, make: &(impl Fn() -> W + Sync)) -> f64 {
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut work = make();
                    start.wait();
                    let (began, mut done) = (Instant::now(), 0);
                    while began.elapsed() < SAMPLE {
                        (0..PIECES).for_each(|_| work());
                        done += PIECES;
                    }
                    done as f64 / began.elapsed().as_secs_f64()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that does not panic")).sum()
    })
}

/// Arithmetic that takes about as long as a decision.
fn native() {
    let mut number = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..10_000 {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
    }
    black_box(number);
}

fn decisions(engine: &Engine, policy: &Policy) -> impl FnMut() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let share = Share::new(engine);
    let request = Request {
        applicant: Applicant {
            issuer: String::new(),
            subject: Some("2b1f0f5e-8a4c-4a7f-9a06-5e0c9b8f3a11".to_owned()),
            username: "testuser@example.com".to_owned(),
            email: None,
            groups: Vec::new(),
            attributes: Vec::new(),
        },
        occasion: Occasion::Opening,
        source: "api".to_owned(),
        now: 1_700_000_000,
    };
    move || {
        let pick = async |names: Vec<String>| {
            let name =
                names.into_iter().find_map(|name| Name::try_from(name).ok()).expect("a name");
            Ok::<_, Infallible>(Pick::Chosen { name, place: 0, reservation: () })
        };
        black_box(
            runtime
                .block_on(policy.decide_within(&share, &request, Usage::default(), pick))
                .expect("a verdict"),
        );
    }
}
