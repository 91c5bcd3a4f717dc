//! One registration with one data directory: the jobs that it holds, and what follows the end of a connection.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{env, fmt, fs};

use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::files::{load_incarnation, stored_offers};
use crate::job::Job;
use crate::settings::Settings;
use crate::v1::agent_gateway_service_client::AgentGatewayServiceClient;
use crate::v1::{CloseReason, JobSpec, RegisterRequest};
use crate::{job, session};

pub struct Agent {
    pub settings: Settings,
    pub channel: Channel,
    pub incarnation: String,
    pub boot_id: String,
    /// Tells the stream that there is something to say.
    pub wake: Notify,
    shared: Mutex<Shared>,
}

#[derive(Default)]
pub struct Shared {
    pub jobs: BTreeMap<String, Arc<Job>>,
    pub drain_reason: Option<String>,
    pub session_token: Option<String>,
    pub generation: String,
    pub last_epoch: u64,
}

/// Why there is no connection any more.
pub enum End {
    /// Said goodbye.
    Left,
    /// The server ended the stream on purpose [session.end].
    Closed {
        reason: CloseReason,
        detail: String,
    },
    Reconnect {
        after: Duration,
        spread: Duration,
    },
    TokenRejected(Status),
    Broken(Status),
}

impl fmt::Display for End {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => write!(to, "said goodbye"),
            Self::Closed { reason, detail } => {
                write!(to, "the server closed the stream, {}: {detail}", reason.as_str_name())
            }
            Self::Reconnect { .. } => write!(to, "the server asked to come back later"),
            Self::TokenRejected(status) | Self::Broken(status) => {
                write!(to, "{:?}: {}", status.code(), status.message())
            }
        }
    }
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Broken(status)
    }
}

impl Agent {
    /// Takes up what an earlier process of this data directory left.
    pub fn start(settings: Settings) -> anyhow::Result<Arc<Self>> {
        let jobs = settings.data_dir.join("jobs");
        fs::create_dir_all(&jobs)?;
        let agent = Arc::new(Self {
            channel: settings.channel()?,
            incarnation: load_incarnation(&settings.data_dir)?,
            boot_id: Uuid::new_v4().to_string(),
            wake: Notify::new(),
            shared: Mutex::default(),
            settings,
        });
        for spec in stored_offers(&jobs)? {
            agent.hold(spec);
        }
        Ok(agent)
    }

    pub fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no panic while it is held")
    }

    pub fn job_directory(&self, key: &str) -> PathBuf {
        self.settings.data_dir.join("jobs").join(key)
    }

    /// Works on a job whose offer is on the disk.
    pub fn hold(self: &Arc<Self>, spec: JobSpec) {
        let job = Job::new(self, spec);
        self.shared().jobs.insert(job.key.clone(), job.clone());
        tokio::spawn(job::run(self.clone(), job));
    }

    pub fn forget(&self, job: &Job) {
        if let Err(error) = fs::remove_dir_all(&job.directory) {
            eprintln!("the directory of job {} stays: {error}", job.key);
        }
        self.shared().jobs.remove(&job.key);
        self.wake.notify_one();
    }

    pub fn drain(&self, reason: &str) {
        self.shared().drain_reason.get_or_insert_with(|| reason.to_owned());
        self.wake.notify_one();
    }

    pub fn is_done(&self) -> bool {
        let shared = self.shared();
        shared.drain_reason.is_some() && shared.jobs.is_empty()
    }

    /// Connects, and connects again, until something is final.
    pub async fn run(self: &Arc<Self>) -> End {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let end = self.connect().await;
            if began.elapsed() > Duration::from_secs(5) {
                failures = 0;
            }
            let Some(pause) = self.pause_after(&end, failures) else { return end };
            failures += 1;
            eprintln!("not connected, again in {:.1} s: {end}", pause.as_secs_f64());
            if self.is_done_within(pause).await {
                return End::Left;
            }
        }
    }

    async fn is_done_within(&self, pause: Duration) -> bool {
        let done = async {
            while !self.is_done() {
                self.wake.notified().await;
            }
        };
        tokio::time::timeout(pause, done).await.is_ok()
    }

    /// How long to wait before the next try; never if the end is final.
    fn pause_after(&self, end: &End, failures: u32) -> Option<Duration> {
        let a_minute = Duration::from_secs(60) + random_part(Duration::from_secs(30));
        match end {
            End::Left => None,
            End::Reconnect { after, spread } => Some(*after + random_part(*spread)),
            End::TokenRejected(_) => (!self.shared().jobs.is_empty()).then_some(a_minute),
            End::Closed { reason: CloseReason::Superseded | CloseReason::Deleted, .. } => None,
            End::Closed { reason: CloseReason::Unspecified, .. } => Some(backoff(failures)),
            End::Closed { .. } => Some(a_minute),
            End::Broken(status) => Some(retry_delay(status) + backoff(failures)),
        }
    }

    /// Registers if there is no session token, and holds one stream.
    async fn connect(self: &Arc<Self>) -> End {
        let known = self.shared().session_token.clone();
        let token = match known {
            Some(token) => token,
            None => match self.register().await {
                Ok(token) => token,
                Err(status) if is_unauthenticated(&status) => return End::TokenRejected(status),
                Err(status) => return End::Broken(status),
            },
        };
        let end = session::converse(self, &token).await;
        if matches!(&end, End::Broken(status) if is_unauthenticated(status)) {
            self.shared().session_token = None; // [session.token]
        }
        end
    }

    async fn register(&self) -> Result<String, Status> {
        let mut request = bearer(
            &self.settings.token,
            RegisterRequest {
                incarnation: self.incarnation.clone(),
                boot_id: self.boot_id.clone(),
                name: self.settings.name.clone(),
                version: env!("CARGO_PKG_VERSION").into(),
                minimum_protocol: 1,
                maximum_protocol: 1,
                os: env::consts::OS.into(),
                arch: env::consts::ARCH.into(),
                concurrency: 1,
                sandbox: "none".into(),
                ..Default::default()
            },
        )?;
        request.set_timeout(Duration::from_secs(20));
        let answer = AgentGatewayServiceClient::new(self.channel.clone()).register(request).await?.into_inner();
        eprintln!("registered as {} in pool {}", answer.agent_id, answer.agent_pool);
        let mut shared = self.shared();
        shared.session_token = Some(answer.session_token.clone());
        shared.generation = answer.cluster_generation;
        Ok(answer.session_token)
    }
}

/// A request with a token.
pub fn bearer<T>(token: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().map_err(|_| Status::unauthenticated("the token is no header"))?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

fn is_unauthenticated(status: &Status) -> bool {
    matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied)
}

/// What the server asks to wait, in google.rpc.RetryInfo.
pub fn retry_delay(status: &Status) -> Duration {
    status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default()
}

/// Anywhere within a time that grows.
pub fn backoff(failures: u32) -> Duration {
    random_part(Duration::from_secs(1 << failures.min(4)))
}

pub fn random_part(of: Duration) -> Duration {
    of.mul_f64(fastrand::f64())
}
