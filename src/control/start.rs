//! How the keeper comes to life: threads, the previous run's heartbeat, and the entry that says so.

use super::effect::{Effect, LogOutStruck};
use super::error::ControlError;
use super::handle::ControlSettings;
use super::heartbeat::HeartbeatFile;
use super::keeper::Keeper;
use super::projector::Projector;
use super::recorder::{self, Append, Recorded};
use super::shared::Shared;
use super::work::{Job, JobAnswer, Work};
use crate::clock::Clock;
use crate::domain::{Action, Actor, Command, State};
use crate::register::{Parts, Reader, Register, Repair};
use crate::store::Store;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How often the heartbeat is written while a ticket is open.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Entries read at once when an effect catches up.
const CATCH_UP: usize = 1000;

pub(super) fn start(
    settings: ControlSettings,
    register: Register,
    store: Store,
    clock: Arc<dyn Clock>,
    stall_after: Duration,
) -> Result<Arc<Shared>, ControlError> {
    let Parts { state, reader, log, repair, lock } = register.into_parts();
    match log {
        Ok(log) => start_with(settings, Box::new(log), (state, reader, repair, Some(lock)), store, clock, stall_after),
        Err(damage) => {
            let shared = Arc::new(Shared::new(clock, store, reader, state));
            shared.fail(&format!("damaged, read-only: first bad {damage}; restore it, then restart"));
            let (_hung_up, heard) = mpsc::channel();
            spawn_keeper(&shared, State::default(), heard, Vec::new(), Some(lock), stall_after)?;
            Ok(shared)
        }
    }
}

/// The same with any place to record in, for tests of disks that fail or hang.
pub(super) fn start_with(
    settings: ControlSettings,
    log: Box<dyn Append>,
    (state, reader, repair, lock): (State, Reader, Option<Repair>, Option<File>),
    store: Store,
    clock: Arc<dyn Clock>,
    stall_after: Duration,
) -> Result<Arc<Shared>, ControlError> {
    let (heartbeat, last_heartbeat) = HeartbeatFile::open(&settings.data_dir).map_err(|why| ControlError::Start {
        why: format!("heartbeat file in {}: {why}; make the directory writable", settings.data_dir.display()),
    })?;
    let shared = Arc::new(Shared::new(clock, store.clone(), reader.clone(), state.clone()));
    let mut effects = settings.effects;
    match Projector::start(&store, &state) {
        Ok(projector) => effects.push(Box::new(projector)),
        // Lists are no reason to keep the gate's keeper from starting.
        Err(why) => tracing::error!(%why, "the table of tickets cannot be made: lists of older tickets are incomplete"),
    }
    effects.push(Box::new(LogOutStruck(store)));

    let (to_recorder, decisions) = mpsc::channel();
    let (to_effects, recorded) = mpsc::channel();
    let at_start = shared.published();
    let effects_thread = spawn("effects", move || run_effects(effects, &at_start, &reader, recorded))?;
    let recorder_shared = shared.clone();
    let recorder = spawn("register", move || recorder::run(log, decisions, &recorder_shared, &to_effects))?;
    let (stop_heartbeat, heartbeat_stopped) = mpsc::channel::<()>();
    let heartbeat_shared = shared.clone();
    let heartbeat = spawn("heartbeat", move || run_heartbeat(heartbeat, &heartbeat_shared, &heartbeat_stopped))?;

    let mut keeper = Keeper::new(shared.clone(), state, to_recorder, stall_after);
    let mut first = Vec::new();
    if let Some(Repair { dropped_bytes, sha256 }) = repair {
        tracing::warn!(dropped_bytes, "the register's torn end, never acknowledged, was dropped");
        first.push(Action::RegisterRepaired { dropped_bytes, sha256 });
    }
    first.push(Action::ServerStarted { version: settings.version, last_heartbeat });
    let (answered, answers) = mpsc::channel();
    for action in first {
        let answered = answered.clone();
        let answer = JobAnswer::Receipt(Box::new(move |result| drop(answered.send(result.map(drop)))));
        let accepted = shared.clock.monotonic();
        keeper.job(Job { command: Command { actor: Actor::System, action }, accepted, answer });
    }
    drop(answered);
    run_keeper(&shared, keeper, vec![recorder, effects_thread, heartbeat], stop_heartbeat, lock)?;
    // Nothing is served before the start stands in the register; when it cannot, health says why.
    answers.iter().for_each(drop);
    Ok(shared)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ControlError> {
    Builder::new()
        .name(format!("ecluse-{name}"))
        .spawn(body)
        .map_err(|why| ControlError::Start { why: format!("no thread for \"{name}\": {why}") })
}

/// A keeper that has nothing to record in: it answers, and stops when told.
fn spawn_keeper(
    shared: &Arc<Shared>,
    state: State,
    heard: Receiver<super::work::Batch>,
    threads: Vec<JoinHandle<()>>,
    lock: Option<File>,
    stall_after: Duration,
) -> Result<(), ControlError> {
    drop(heard);
    let (nobody, _) = mpsc::channel();
    let keeper = Keeper::new(shared.clone(), state, nobody, stall_after);
    let (stop_heartbeat, _) = mpsc::channel();
    run_keeper(shared, keeper, threads, stop_heartbeat, lock)
}

fn run_keeper(
    shared: &Arc<Shared>,
    keeper: Keeper,
    threads: Vec<JoinHandle<()>>,
    stop_heartbeat: mpsc::Sender<()>,
    lock: Option<File>,
) -> Result<(), ControlError> {
    let shared = shared.clone();
    spawn("keeper", move || {
        if catch_unwind(AssertUnwindSafe(|| keeper.run())).is_err() {
            // A fault in our own rules must not leave a gate open that nobody can shut any more.
            shared.fail("the keeper failed: restart the server and report this");
        }
        shared.stopping.store(true, std::sync::atomic::Ordering::SeqCst);
        for work in shared.lanes.close() {
            if let Work::Job(job) = work {
                job.answer.refuse(ControlError::Stopping);
            }
        }
        drop(stop_heartbeat);
        // A failed register's writer may hang in the kernel for ever: it is left behind.
        if shared.unavailable().is_none() {
            for thread in threads {
                let _ = thread.join();
            }
        }
        drop(lock);
        // Whoever waits for the end may open the store anew: our hold on it goes first.
        let stopped = shared.stopped.clone();
        drop(shared);
        stopped.send_replace(true);
    })
    .map(drop)
}

/// Effects see entries in order, each with the state that its decision made, on a thread on which they hold up nobody.
fn run_effects(mut effects: Vec<Box<dyn Effect>>, state: &State, reader: &Reader, recorded: Receiver<Recorded>) {
    let known = state.next_seq;
    for effect in &mut effects {
        let Some(dealt_with) = effect.dealt_with() else { continue };
        if let Some(last) = known.checked_sub(1).filter(|last| *last < dealt_with) {
            effect.ends_earlier(last);
        }
        let mut from = dealt_with + 1;
        while from < known {
            match reader.read(from, CATCH_UP) {
                // Fewer than asked for, or none: some were purged.
                Ok(entries) => {
                    for entry in entries.iter().filter(|entry| entry.seq < known) {
                        effect.recorded(entry, state);
                    }
                    from += CATCH_UP as u64;
                }
                Err(why) => {
                    tracing::error!(%why, from, "an effect cannot catch up with the register");
                    break;
                }
            }
        }
    }
    for Recorded { entry, state } in recorded {
        for effect in &mut effects {
            effect.recorded(&entry, &state);
        }
    }
}

fn run_heartbeat(mut file: HeartbeatFile, shared: &Shared, stopped: &Receiver<()>) {
    let mut complained = false;
    loop {
        // Once the register has failed, nothing flows: the heartbeat just written is the run's last word.
        let last = shared.unavailable().is_some();
        let is_needed = || {
            let state = shared.published();
            state.live_sessions().next().is_some() || state.live_tickets().any(|ticket| !ticket.is_pending())
        };
        if last || is_needed() {
            let at_utc = crate::domain::instant::to_micros(shared.clock.utc());
            match file.write(at_utc, shared.gates.traffic()) {
                Ok(()) => complained = false,
                Err(why) if !complained => {
                    complained = true;
                    tracing::error!(%why, "no heartbeat: after a crash the end of a transfer would be told too early");
                }
                Err(_) => {}
            }
        }
        if last || !matches!(stopped.recv_timeout(HEARTBEAT), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}
