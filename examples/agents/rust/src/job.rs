//! One claim, from its offer until the server has everything.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use prost::Message;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::execute;
use crate::files::{self, digest_of, read_message, write_durably};
use crate::v1::session_request::Message as Word;
use crate::v1::{
    DesiredState, HeldJob, JobClaim, JobOutcome, JobPhase, JobResult, JobSpec, JobStage, LogAck, LogChunk,
    RefusalReason, ResultAck, ResumeDecision, StartDecision, StartRequest,
};

const MAX_CHUNK: u64 = 64 * 1024;

pub struct Job {
    pub spec: JobSpec,
    pub claim: JobClaim,
    pub key: String,
    pub directory: PathBuf,
    /// Canceled when nothing more is wanted of the claim.
    pub over: CancellationToken,
    /// Whether it may be started, once that is known.
    started: watch::Sender<Option<bool>>,
    sealed: CancellationToken,
    /// Its result was refused because the state has not come [result.state].
    state_missing: Notify,
    held: Mutex<Held>,
}

/// What the stream and the work on the job share.
pub struct Held {
    pub stage: JobStage,
    pub desired: DesiredState,
    /// When the claim may be another's, unless a heartbeat is answered [claim.lease].
    pub lease_end: Instant,
    generation: String,
    /// Whether its request or its result was said since the last heartbeat.
    pub has_spoken: bool,
    result: Option<JobResult>,
    pub log: Option<File>,
    pub log_end: u64,
    pub sent: u64,
    pub acknowledged: u64,
    log_closed: bool,
    log_lost: bool,
}

/// How the work on a job ends, when not with a result.
pub enum Stop {
    /// Nothing is to be told of it.
    Forgotten,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub fn key_of(claim: &JobClaim) -> String {
    format!("{}-{}", claim.job_id, claim.epoch)
}

/// False for what a server should not make a path of.
pub fn is_safe_name(key: &str) -> bool {
    key.len() <= 160 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

pub fn store_offer(agent: &Agent, spec: &JobSpec, key: &str) -> io::Result<()> {
    let directory = agent.job_directory(key);
    fs::create_dir_all(&directory)?;
    write_durably(&directory.join(files::OFFER), &spec.encode_to_vec())
}

/// Brings a job from where its files say it is to its end.
pub async fn run(agent: Arc<Agent>, job: Arc<Job>) {
    let result = match job.work(&agent).await {
        Ok(result) => Some(result),
        Err(Stop::Failed(error)) if !job.over.is_cancelled() => Some(JobResult {
            outcome: JobOutcome::Errored.into(),
            exit_code: -1,
            error_message: sentence(&error),
            ..Default::default()
        }),
        Err(_) => None,
    };
    match result {
        Some(result) => {
            if let Err(error) = job.report(&agent, result).await {
                eprintln!("the result of job {} cannot be kept: {error:#}", job.key);
            }
        }
        None => eprintln!("job {} forgotten", job.key),
    }
    job.over.cancel();
    agent.forget(&job);
}

impl Job {
    pub fn new(agent: &Agent, spec: JobSpec) -> Arc<Self> {
        let claim = spec.claim.clone().unwrap_or_default();
        let key = key_of(&claim);
        let directory = agent.job_directory(&key);
        let log = File::open(directory.join(files::LOG)).ok();
        let log_end = log.as_ref().and_then(|log| log.metadata().ok()).map_or(0, |metadata| metadata.len());
        let was_started = directory.join(files::EXEC).exists();
        let held = Held {
            stage: if was_started { JobStage::Running } else { JobStage::Preparing },
            desired: DesiredState::Run,
            lease_end: Instant::now() + Duration::from_secs(120),
            generation: agent.shared().generation.clone(),
            has_spoken: false,
            result: read_message(&directory.join(files::RESULT)),
            log,
            log_end,
            sent: 0,
            acknowledged: 0,
            log_closed: false,
            log_lost: false,
        };
        Arc::new(Self {
            over: CancellationToken::new(),
            started: watch::Sender::new(None),
            sealed: CancellationToken::new(),
            state_missing: Notify::new(),
            held: Mutex::new(held),
            spec,
            claim,
            key,
            directory,
        })
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no panic while it is held")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn is_apply(&self) -> bool {
        self.spec.phase() == JobPhase::Apply
    }

    /// Answers the result, without what is said of the log.
    async fn work(self: &Arc<Self>, agent: &Arc<Agent>) -> Result<JobResult, Stop> {
        let stored = self.held().result.clone();
        if let Some(result) = stored {
            return Ok(result);
        }
        if self.path(files::EXEC).exists() {
            return execute::take_up(agent, self).await;
        }
        self.prepare(agent).await?;
        self.enter(agent, JobStage::Prepared);
        if !self.may_start().await {
            return Err(Stop::Forgotten);
        }
        if self.held().desired != DesiredState::Run {
            return Ok(JobResult { outcome: JobOutcome::Canceled.into(), exit_code: -1, ..Default::default() });
        }
        // From here on terraform may have been started, and the disk knows it before [start.journal].
        write_durably(&self.path(files::EXEC), self.claim.epoch.to_string().as_bytes())?;
        self.enter(agent, JobStage::Running);
        execute::execute(agent, self).await
    }

    async fn may_start(&self) -> bool {
        let mut started = self.started.subscribe();
        tokio::select! {
            decided = started.wait_for(Option::is_some) => decided.is_ok_and(|decision| *decision == Some(true)),
            () = self.over.cancelled() => false,
        }
    }

    /// Tells the result until the server has it.
    async fn report(self: &Arc<Self>, agent: &Arc<Agent>, mut result: JobResult) -> anyhow::Result<()> {
        if self.held().result.is_none() {
            let (length, sha256) = digest_of(&self.path(files::LOG))?;
            (result.log_bytes, result.log_sha256) = (length, sha256);
            result.claim = Some(self.claim.clone());
            write_durably(&self.path(files::RESULT), &result.encode_to_vec())?;
        }
        eprintln!("job {} ended: {} {}", self.key, result.outcome().as_str_name(), result.error_message);
        {
            let mut held = self.held();
            held.log_end = result.log_bytes;
            held.result = Some(result);
        }
        self.enter(agent, JobStage::Reporting);
        loop {
            tokio::select! {
                () = self.sealed.cancelled() => return Ok(()),
                () = self.over.cancelled() => return Ok(()),
                () = self.state_missing.notified() => {
                    if let Err(Stop::Failed(error)) = self.upload_state(agent).await {
                        return Err(error);
                    }
                    agent.wake.notify_one();
                }
            }
        }
    }

    fn enter(&self, agent: &Agent, stage: JobStage) {
        {
            let mut held = self.held();
            held.stage = stage;
            held.has_spoken = false;
        }
        agent.wake.notify_one();
    }

    /// As hello and heartbeats tell it.
    pub fn told(&self) -> HeldJob {
        let held = self.held();
        HeldJob {
            claim: Some(self.claim.clone()),
            stage: held.stage.into(),
            log_end: held.log_end,
            ..Default::default()
        }
    }

    /// Takes a wish that goes further than the last one; those that it does not know change nothing.
    pub fn desire(&self, desired: i32) {
        let Ok(desired) = DesiredState::try_from(desired) else { return };
        let mut held = self.held();
        if desired <= held.desired {
            return;
        }
        held.desired = desired;
        if held.stage == JobStage::Running {
            return;
        }
        if desired == DesiredState::Gone {
            self.over.cancel();
        }
        self.settle(true); // work sees what is wanted instead
    }

    /// Answers the request to start, once.
    pub fn settle(&self, may_start: bool) {
        self.started.send_if_modified(|decision| {
            let is_new = decision.is_none();
            decision.get_or_insert(may_start);
            is_new
        });
    }

    /// Takes a grant that is for this identity and this history of the server [start.incarnation].
    pub fn decide(&self, agent: &Agent, decision: &StartDecision) {
        let generation = agent.shared().generation.clone();
        let held = self.held();
        let is_ours = decision.incarnation == agent.incarnation && held.generation == generation;
        if held.stage != JobStage::Prepared || (decision.granted && !is_ours) {
            return;
        }
        self.settle(decision.granted);
    }

    pub fn resume(&self, decision: &ResumeDecision) {
        self.held().rewind(decision.log_next_offset);
        if decision.sealed {
            self.sealed.cancel();
            self.over.cancel();
        } else {
            self.desire(decision.desired);
        }
    }

    pub fn acknowledge_log(&self, ack: &LogAck) {
        let mut held = self.held();
        if ack.rewind {
            held.rewind(ack.next_offset); // [log.again]
        }
        held.acknowledged = held.acknowledged.max(ack.next_offset);
        if ack.closed {
            held.log_closed = true;
            held.stop_log();
        }
    }

    /// Gives the rest of the log up [log.lost].
    pub fn lose_log(&self) {
        let mut held = self.held();
        held.log_lost = true;
        held.stop_log();
    }

    pub fn acknowledge_result(&self, ack: &ResultAck) {
        if ack.sealed {
            self.sealed.cancel();
            return;
        }
        let mut held = self.held();
        held.rewind(ack.need_log_from);
        held.has_spoken = false;
    }

    /// Says it in another way: a result without texts is always in order.
    pub fn result_refused(&self, reason: RefusalReason) {
        if reason == RefusalReason::StateMissing {
            self.state_missing.notify_one();
        } else if let Some(result) = &mut self.held().result {
            result.error_message.clear();
        }
    }

    /// The next bytes of the log, if there are any and the window has room for them.
    pub fn next_chunk(&self, room: u64) -> Option<LogChunk> {
        let mut held = self.held();
        let length = held.log_end.saturating_sub(held.sent).min(MAX_CHUNK).min(room);
        if length == 0 || held.log_closed || held.log_lost {
            return None;
        }
        let mut chunk = vec![0; length as usize];
        let offset = held.sent;
        if let Err(error) = held.log.as_ref()?.read_exact_at(&mut chunk, offset) {
            eprintln!("the log of job {} cannot be read: {error}", self.key);
            held.log_lost = true;
            held.stop_log();
            return None;
        }
        held.sent += length;
        Some(LogChunk { claim: Some(self.claim.clone()), offset, chunk })
    }

    /// The request or the result that is due.
    pub fn next_word(&self, agent: &Agent) -> Option<Word> {
        let mut held = self.held();
        if held.has_spoken {
            return None;
        }
        let word = match held.stage {
            JobStage::Prepared => Word::StartRequest(StartRequest {
                claim: Some(self.claim.clone()),
                incarnation: agent.incarnation.clone(),
                ..Default::default()
            }),
            // The whole log comes first [result.order].
            JobStage::Reporting if held.acknowledged >= held.log_end || held.log_closed || held.log_lost => {
                Word::JobResult(JobResult { log_lost: held.log_lost, ..held.result.clone()? })
            }
            _ => return None,
        };
        held.has_spoken = true;
        Some(word)
    }
}

impl Held {
    fn rewind(&mut self, to: u64) {
        (self.sent, self.acknowledged) = (to, to);
    }

    /// What was on its way counts no more.
    fn stop_log(&mut self) {
        self.sent = self.acknowledged;
        self.has_spoken = false;
    }
}

/// An error as a result can carry it.
pub fn sentence(error: &anyhow::Error) -> String {
    format!("{error:#}").chars().take(1000).collect()
}
