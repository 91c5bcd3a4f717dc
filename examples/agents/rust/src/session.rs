//! One stream: what is said and heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::agent::{Agent, End, bearer};
use crate::job::{Job, is_safe_name, key_of, store_offer};
use crate::v1::agent_gateway_service_client::AgentGatewayServiceClient;
use crate::v1::session_request::Message as Word;
use crate::v1::session_response::Message as Answer;
use crate::v1::{
    Close, CloseReason, Goodbye, Heartbeat, HeartbeatReply, Hello, JobClaim, JobEngine, JobPhase, JobSpec,
    OfferDecline, Refused, SessionMessage, SessionRequest, SessionResponse, Welcome,
};

const WELCOME_WITHIN: Duration = Duration::from_secs(15);
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// So many heartbeats without an answer, and the server is not there.
const SILENT_BEATS: u32 = 3;

struct Session {
    agent: Arc<Agent>,
    outgoing: mpsc::Sender<SessionRequest>,
    interval: Duration,
    window: u64,
    is_welcomed: bool,
    is_leaving: bool,
    /// Whether a heartbeat has told that the agent drains.
    said_draining: bool,
    next_beat: Instant,
    /// When the heartbeats without an answer were sent, oldest first: a lease counts from there [claim.lease].
    beats: VecDeque<Instant>,
    /// When the server has been silent for too long.
    patience: Instant,
}

/// Holds one stream until it ends, and says how.
pub async fn converse(agent: &Arc<Agent>, token: &str) -> End {
    let (outgoing, queued) = mpsc::channel(8);
    let now = Instant::now();
    let mut session = Session {
        agent: agent.clone(),
        outgoing,
        interval: Duration::from_secs(10),
        window: 0,
        is_welcomed: false,
        is_leaving: false,
        said_draining: false,
        next_beat: now + Duration::from_secs(3600),
        beats: VecDeque::new(),
        patience: now + WELCOME_WITHIN,
    };
    // tonic gives the stream only with the server's headers: the hello is on its way before.
    if let Err(end) = session.hello().await {
        return end;
    }
    let request = match bearer(token, ReceiverStream::new(queued)) {
        Ok(request) => request,
        Err(status) => return End::Broken(status),
    };
    let mut client = AgentGatewayServiceClient::new(agent.channel.clone());
    let opened = match timeout_at(session.patience, client.session(request)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return End::Broken(status),
        Err(_) => return silent(),
    };
    match session.talk(opened).await {
        Ok(never) => match never {},
        Err(_) if session.is_leaving => End::Left,
        Err(end) => end,
    }
}

fn silent() -> End {
    End::Broken(Status::unavailable("the server was silent for too long"))
}

enum Never {}

impl Session {
    async fn talk(&mut self, mut stream: Streaming<SessionResponse>) -> Result<Never, End> {
        let agent = self.agent.clone();
        loop {
            tokio::select! {
                message = stream.message() => match message? {
                    Some(SessionResponse { message: Some(answer) }) => self.hear(answer).await?,
                    // What it does not know it passes over [session.unknown].
                    Some(_) => {}
                    None => return Err(End::Broken(Status::unavailable("the server ended the stream"))),
                },
                () = sleep_until(self.next_beat) => self.beat().await?,
                () = agent.wake.notified() => {}
                () = sleep_until(self.patience) => return Err(silent()),
            }
            self.speak().await?;
        }
    }

    /// A stream that takes no more words is at its end: what is heard next tells why, perhaps a close.
    async fn say(&self, message: Word) -> Result<(), End> {
        match timeout_at(self.patience, self.outgoing.send(SessionRequest { message: Some(message) })).await {
            Ok(_) => Ok(()),
            Err(_) => Err(silent()),
        }
    }

    fn jobs(&self) -> Vec<Arc<Job>> {
        self.agent.shared().jobs.values().cloned().collect()
    }

    /// Nothing for claims that the agent does not hold.
    fn job(&self, claim: &Option<JobClaim>) -> Option<Arc<Job>> {
        self.agent.shared().jobs.get(&key_of(claim.as_ref()?)).cloned()
    }

    async fn hello(&self) -> Result<(), End> {
        let jobs = self.jobs().iter().map(|job| job.told()).collect();
        let hello = {
            let shared = self.agent.shared();
            Hello {
                incarnation: self.agent.incarnation.clone(),
                boot_id: self.agent.boot_id.clone(),
                last_session_epoch: shared.last_epoch,
                cluster_generation: shared.generation.clone(),
                jobs,
                ..Default::default()
            }
        };
        self.say(Word::Hello(hello)).await
    }

    async fn beat(&mut self) -> Result<(), End> {
        let jobs = self.jobs();
        for job in &jobs {
            job.held().has_spoken = false;
        }
        self.said_draining = self.agent.shared().drain_reason.is_some();
        self.beats.push_back(Instant::now());
        // Nobody's heartbeats should fall together: ± 20 %.
        self.next_beat = Instant::now() + self.interval.mul_f64(0.8 + 0.4 * fastrand::f64());
        let jobs = jobs.iter().map(|job| job.told()).collect();
        self.say(Word::Heartbeat(Heartbeat { jobs, draining: self.said_draining, ..Default::default() })).await
    }

    async fn hear(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Welcome(welcome) => self.welcome(&welcome),
            Answer::HeartbeatReply(reply) => self.answered(&reply),
            Answer::Offer(offer) => return self.offered(offer.job).await,
            Answer::StartDecision(decision) => {
                if let Some(job) = self.job(&decision.claim) {
                    job.decide(&self.agent, &decision);
                }
            }
            Answer::LogAck(ack) => {
                if let Some(job) = self.job(&ack.claim) {
                    job.acknowledge_log(&ack);
                }
            }
            Answer::ResultAck(ack) => {
                if let Some(job) = self.job(&ack.claim) {
                    job.acknowledge_result(&ack);
                }
            }
            Answer::JobCommand(command) => {
                if let Some(job) = self.job(&command.claim) {
                    job.desire(command.desired);
                }
            }
            Answer::Drain(drain) => self.agent.drain(&drain.reason),
            Answer::Refused(refused) => return self.refused(refused).await,
            Answer::Reconnect(reconnect) => {
                let time = |duration: Option<prost_types::Duration>| duration.and_then(|it| it.try_into().ok());
                let (after, spread) = (time(reconnect.after), time(reconnect.max_delay));
                return Err(End::Reconnect { after: after.unwrap_or_default(), spread: spread.unwrap_or_default() });
            }
            Answer::Close(close) => return Err(closed(close)),
            Answer::RemoveKept(_) => {} // it keeps none
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: &Welcome) {
        self.follow(welcome.heartbeat_interval);
        self.window = welcome.log_window_bytes;
        self.is_welcomed = true;
        self.next_beat = Instant::now();
        self.agent.shared().last_epoch = welcome.session_epoch;
        for job in self.jobs() {
            job.held().has_spoken = false;
        }
        for decision in &welcome.jobs {
            if let Some(job) = self.job(&decision.claim) {
                job.resume(decision);
            }
        }
    }

    /// Takes the interval that the server names, and waits for its next word accordingly.
    fn follow(&mut self, interval: Option<prost_types::Duration>) {
        if let Some(interval) = interval.and_then(|it| Duration::try_from(it).ok()).filter(|it| !it.is_zero()) {
            self.interval = interval;
        }
        self.patience = Instant::now() + self.interval.mul_f64(1.2) * SILENT_BEATS + Duration::from_secs(1);
    }

    fn answered(&mut self, reply: &HeartbeatReply) {
        self.follow(reply.next_interval);
        let sent = self.beats.pop_front();
        for command in &reply.jobs {
            let Some(job) = self.job(&command.claim) else { continue };
            job.desire(command.desired);
            let lease = command.lease.and_then(|it| Duration::try_from(it).ok());
            if let (Some(sent), Some(lease)) = (sent, lease) {
                job.held().lease_end = sent.into_std() + lease;
            }
        }
        if reply.drain {
            self.agent.drain("the control plane asked for it");
        }
    }

    async fn offered(&mut self, spec: Option<JobSpec>) -> Result<(), End> {
        let Some(spec) = spec else { return Ok(()) };
        let claim = spec.claim.clone();
        match self.take(spec) {
            Ok(()) => Ok(()),
            Err(reason) => self.decline(claim, reason).await,
        }
    }

    /// Holds the job, or says why not.
    fn take(&self, spec: JobSpec) -> Result<(), String> {
        let key = spec.claim.as_ref().map(key_of).ok_or("the offer names no claim")?;
        {
            let shared = self.agent.shared();
            if shared.jobs.contains_key(&key) {
                return Ok(());
            }
            if shared.drain_reason.is_some() {
                return Err("draining".into());
            }
            if !shared.jobs.is_empty() {
                return Err("the one place is taken".into());
            }
        }
        if !matches!(JobPhase::try_from(spec.phase), Ok(JobPhase::Plan | JobPhase::Apply)) {
            return Err("this agent does not know the phase".into());
        }
        if spec.engine() == JobEngine::Tofu {
            return Err("this agent has terraform only".into());
        }
        if !is_safe_name(&key) {
            return Err("the claim cannot be the name of a directory".into());
        }
        store_offer(&self.agent, &spec, &key).map_err(|error| format!("the job cannot be written down: {error}"))?;
        eprintln!("job {key} offered, of workspace {}", spec.workspace);
        self.agent.hold(spec);
        Ok(())
    }

    async fn decline(&self, claim: Option<JobClaim>, reason: String) -> Result<(), End> {
        eprintln!("job {} declined: {reason}", claim.as_ref().map(key_of).unwrap_or_default());
        if claim.is_none() {
            return Ok(());
        }
        self.say(Word::OfferDecline(OfferDecline { claim, reason: reason.chars().take(250).collect() })).await
    }

    /// Does what the rule of the message says [session.refused].
    async fn refused(&mut self, refused: Refused) -> Result<(), End> {
        eprintln!("the server refused a message by {}: {}", refused.rule, refused.detail);
        let job = self.job(&refused.claim);
        match (refused.message(), job) {
            (SessionMessage::Heartbeat, _) => return self.beat().await,
            (SessionMessage::Goodbye, _) => return Err(End::Left),
            (SessionMessage::StartRequest, Some(job)) => {
                job.settle(false);
                return self.decline(refused.claim, format!("its start request was refused: {}", refused.detail)).await;
            }
            (SessionMessage::LogChunk, Some(job)) => job.lose_log(),
            (SessionMessage::JobResult, Some(job)) => job.result_refused(refused.reason()),
            _ => {}
        }
        Ok(())
    }

    /// Says what is due: requests and results at most once a heartbeat, logs as far as the window allows.
    async fn speak(&mut self) -> Result<(), End> {
        if !self.is_welcomed || self.is_leaving {
            return Ok(());
        }
        let drain_reason = self.agent.shared().drain_reason.clone();
        if drain_reason.is_some() && !self.said_draining {
            self.beat().await?;
        }
        let jobs = self.jobs();
        let underway = jobs.iter().map(|job| job.held()).map(|held| held.sent - held.acknowledged).sum();
        let mut room = self.window.saturating_sub(underway);
        for job in &jobs {
            while let Some(chunk) = job.next_chunk(room) {
                room -= chunk.chunk.len() as u64;
                self.say(Word::LogChunk(chunk)).await?;
            }
            if let Some(word) = job.next_word(&self.agent) {
                self.say(word).await?;
            }
        }
        if self.agent.is_done() {
            self.say(Word::Goodbye(Goodbye { reason: drain_reason.unwrap_or_default() })).await?;
            self.is_leaving = true;
            self.patience = Instant::now() + GOODBYE_WITHIN;
            self.next_beat = self.patience + GOODBYE_WITHIN;
        }
        Ok(())
    }
}

fn closed(Close { reason, detail }: Close) -> End {
    // A reason that is not known is a broken connection.
    End::Closed { reason: CloseReason::try_from(reason).unwrap_or(CloseReason::Unspecified), detail }
}
