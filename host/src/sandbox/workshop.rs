//! Where policies are made: in a child that can be killed, for a compiler cannot be interrupted.
//! Refuses to lend the child anything: it gets bytes and limits, and no secret.

use crate::sandbox::archive::Archive;
use crate::sandbox::cache::{Cache, Key};
use crate::sandbox::child::Allotment;
use crate::sandbox::fault::quote;
use crate::sandbox::load::digest_of;
use crate::sandbox::parcel::{Order, Product, unpack_answer};
use crate::sandbox::{Engine, Limits, Made, MakeError};
use std::collections::HashMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tracing::{info, warn};

/// Children at once, and how many more may wait for them.
const CHILDREN: usize = 2;
const WAITING: usize = 32;

/// How long it may wait, and how long a child may live: several times the processor time that it is given, for it is the last
/// whom the machine serves.
const WAIT: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(300);

/// The most that a child may answer.
const ANSWER_BYTES: u64 = 256 << 20;
/// What is kept of its standard error.
const WORDS_BYTES: u64 = 16 << 10;

/// The hidden verb by which the program makes one policy, and its arguments.
pub const CHILD_VERB: &str = "make-revision";

/// The signals that a child dies of when it went beyond its processor time, and its memory: what cannot have memory aborts, and the
/// kernel kills what it has to.
const SIGXCPU: i32 = 24;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// Makes policies in children.
pub struct Workshop {
    /// What a child runs.
    program: PathBuf,
    allotment: Allotment,
    limits: Limits,
    engine: Arc<str>,
    cache: Arc<Cache>,
    archive: Arc<dyn Archive>,
    places: Semaphore,
    queue: Semaphore,
    benches: Mutex<HashMap<Key, Weak<Bench>>>,
}

/// Where one policy is made, as long as somebody waits for it: what it came to is for all of them.
type Bench = tokio::sync::Mutex<Option<Result<Made, MakeError>>>;

impl Workshop {
    /// A workshop for `engine`, whose children run `program`: this one, by `/proc/self/exe`, also when its file was replaced.
    pub fn new(
        program: PathBuf,
        allotment: Allotment,
        engine: &Engine,
        cache: Arc<Cache>,
        archive: Arc<dyn Archive>,
    ) -> Self {
        Self {
            program,
            allotment,
            limits: engine.limits().clone(),
            engine: engine.key().into(),
            cache,
            archive,
            places: Semaphore::new(CHILDREN),
            queue: Semaphore::new(CHILDREN + WAITING),
            benches: Mutex::default(),
        }
    }

    /// What code of these parts is kept under.
    pub(super) fn key(&self, component_digest: &str, settings_digest: &str) -> Key {
        Key {
            component_digest: component_digest.into(),
            settings_digest: settings_digest.into(),
            engine: Arc::clone(&self.engine),
        }
    }

    pub(super) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    pub(super) fn archive(&self) -> &dyn Archive {
        &*self.archive
    }

    /// Whether these parts were made before: nothing has to be waited for but the mapping.
    pub fn has(&self, component_digest: &str, settings_digest: &str) -> bool {
        let key = self.key(component_digest, settings_digest);
        self.cache.size(&key).is_some() && matches!(self.archive.code(&key), Ok(Some(_)))
    }

    /// Checks, configures, freezes, compiles and tries a component with its settings. When this returns its code is in the cache.
    pub async fn make(&self, component: Vec<u8>, settings_json: String) -> Result<Made, MakeError> {
        let _queued = self.queue.try_acquire().map_err(|_| MakeError::Busy)?;
        let key = self.key(&digest_of(&component), &digest_of(settings_json.as_bytes()));
        let bench = self.bench(&key);
        let bench = tokio::time::timeout(WAIT, bench.lock()).await;
        let Ok(mut came_to) = bench else { return Err(MakeError::Busy) };
        if let Some(made) = &*came_to {
            return made.clone();
        }
        let place = tokio::time::timeout(WAIT, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(MakeError::Busy) };
        let made = self.make_here(&key, component, settings_json).await;
        *came_to = Some(made.clone());
        made
    }

    /// The same for all who have these parts made now.
    fn bench(&self, key: &Key) -> Arc<Bench> {
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        benches.retain(|_, bench| bench.strong_count() > 0);
        if let Some(bench) = benches.get(key).and_then(Weak::upgrade) {
            return bench;
        }
        let bench = Arc::default();
        benches.insert(key.clone(), Arc::downgrade(&bench));
        bench
    }

    async fn make_here(
        &self,
        key: &Key,
        component: Vec<u8>,
        settings_json: String,
    ) -> Result<Made, MakeError> {
        let began = Instant::now();
        let order = Order {
            limits: self.limits.clone(),
            settings_json: &settings_json,
            component: &component,
        };
        let order = order.pack();
        drop(component);
        let made = self.ask_a_child(key, order).await;
        let took = began.elapsed();
        match &made {
            Ok(_) => info!(digest = %key.component_digest, ?took, "policy made"),
            Err(error) => {
                let error = quote(error);
                warn!(digest = %key.component_digest, ?took, error, "no policy made");
            }
        }
        made
    }

    async fn ask_a_child(&self, key: &Key, order: Vec<u8>) -> Result<Made, MakeError> {
        let answer = self.run(order).await?;
        let product =
            unpack_answer(&answer).ok_or_else(|| unavailable("the child spoke nonsense"))?;
        let Product { engine, notes, .. } = product?;
        if *engine != *key.engine {
            return Err(unavailable("the child is another version of this program"));
        }
        let notes = notes.into_iter().map(str::to_owned).collect();
        let (cache, own) = (Arc::clone(&self.cache), key.clone());
        let put = tokio::task::spawn_blocking(move || match unpack_answer(&answer) {
            Some(Ok(Product { code, .. })) => cache.put(&own, code),
            _ => Err(io::Error::other("no code")),
        });
        let put = put.await.unwrap_or_else(|_| Err(io::Error::other("the work was lost")));
        let code_digest = put.map_err(|error| unavailable(format_args!("the cache: {error}")))?;
        let kept = self.archive.keep(key, &code_digest).await;
        kept.map_err(|error| unavailable(format_args!("the ledger: {error}")))?;
        let Key { component_digest, settings_digest, engine } = key.clone();
        Ok(Made {
            component_digest: component_digest.to_string(),
            settings_digest: settings_digest.to_string(),
            engine: engine.to_string(),
            code_digest,
            notes,
        })
    }

    /// From an order to an answer. The child dies with this future.
    async fn run(&self, order: Vec<u8>) -> Result<Vec<u8>, MakeError> {
        let Allotment { address_space_bytes, cpu_seconds } = self.allotment;
        let mut child = Command::new(&self.program)
            .arg(CHILD_VERB)
            .args([address_space_bytes.to_string(), cpu_seconds.to_string()])
            .env_clear()
            // As many threads and heaps as two processors can use: with one for each processor of a large machine, address space
            // that nobody uses would count.
            .envs([("RAYON_NUM_THREADS", "2"), ("MALLOC_ARENA_MAX", "2")])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| unavailable(format_args!("no child: {error}")))?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = async {
            let send = async {
                let mut stdin = stdin?;
                // A child that has died does not listen; its status says why.
                stdin.write_all(&order).await.ok()
            };
            let (_, answer, words) =
                tokio::join!(send, hear(stdout, ANSWER_BYTES), hear(stderr, WORDS_BYTES));
            (answer, words, child.wait().await)
        };
        let Ok((answer, words, status)) = tokio::time::timeout(LIFE, talk).await else {
            return Err(unavailable("the child took too long: the machine has no time for it"));
        };
        if !words.is_empty() {
            warn!(words = quote(String::from_utf8_lossy(&words)), "a policy's making said");
        }
        let status = status.map_err(|error| unavailable(format_args!("the child: {error}")))?;
        if answer.len() as u64 > ANSWER_BYTES {
            return Err(MakeError::too_costly("its code is too large"));
        }
        ended(status).map(|()| answer)
    }
}

/// Everything that is said, and a byte more than may be when it is more.
async fn hear(from: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut heard = Vec::new();
    if let Some(mut from) = from {
        // What was heard until the pipe broke is looked at all the same.
        let _ = (&mut from).take(most + 1).read_to_end(&mut heard).await;
    }
    heard
}

/// A child that did not answer is dead of its parts, or of a machine that had no memory for it: it cannot be asked any more.
fn ended(status: ExitStatus) -> Result<(), MakeError> {
    let why = match (status.success(), status.signal()) {
        (true, _) => return Ok(()),
        (false, Some(SIGXCPU)) => MakeError::too_costly("it takes too much processor time"),
        (false, Some(SIGABRT | SIGKILL)) => MakeError::too_costly("it takes too much memory"),
        (false, _) => MakeError::ended(&format!("the child ended with {status}")),
    };
    Err(why.unjudged())
}

fn unavailable(why: impl std::fmt::Display) -> MakeError {
    MakeError::Unavailable(why.to_string())
}
