//! What is fetched for a job, and what is brought.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::sleep;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::agent::{Agent, backoff, bearer, retry_delay};
use crate::archive::unpack;
use crate::files::{self, hex};
use crate::job::{Job, Stop};
use crate::shown::ShownPlan;
use crate::v1::job_artifact_service_client::JobArtifactServiceClient;
use crate::v1::upload_plan_request::Part as PlanPart;
use crate::v1::upload_state_request::Part as StatePart;
use crate::v1::{
    DownloadConfigurationRequest, DownloadConfigurationResponse, DownloadPlanRequest, DownloadPlanResponse,
    DownloadStateRequest, DownloadStateResponse, GetProvidersRequest, GetProvidersResponse, GetVariablesRequest,
    JobEngine, UploadPlanHeader, UploadPlanRequest, UploadStateHeader, UploadStateRequest,
};

const PIECE: usize = 512 * 1024;
const LOCK_FILE: &str = ".terraform.lock.hcl";

/// What terraform is given, and what must not be seen in the log.
pub struct Variables {
    pub files: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub secrets: Vec<Vec<u8>>,
}

/// The last state of an apply; empty if it left none.
#[derive(Default)]
pub struct UploadedState {
    pub serial: u64,
    pub sha256: String,
}

#[derive(Deserialize)]
struct StateIdentity {
    lineage: String,
    serial: u64,
}

/// A message of a download.
trait Piece {
    fn chunk(self) -> Vec<u8>;
}

macro_rules! pieces {
    ($($message:ty),*) => { $(impl Piece for $message { fn chunk(self) -> Vec<u8> { self.chunk } })* };
}
pieces!(DownloadConfigurationResponse, DownloadPlanResponse, DownloadStateResponse);

impl Job {
    fn client(&self, agent: &Agent) -> JobArtifactServiceClient<Channel> {
        JobArtifactServiceClient::new(agent.channel.clone())
    }

    fn request<T>(&self, message: T) -> Result<Request<T>, Status> {
        bearer(&self.spec.job_token, message)
    }

    /// Makes a call again until it works, is refused, or the claim is over.
    async fn persist<T, Answer>(&self, mut call: impl FnMut() -> Answer) -> Result<T, Stop>
    where
        Answer: Future<Output = Result<T, Status>>,
    {
        for tries in 0.. {
            let status = match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            if !may_pass(status.code()) {
                return Err(anyhow!("{}", status.message()).into());
            }
            tokio::select! {
                () = self.over.cancelled() => break,
                () = sleep(retry_delay(&status) + backoff(tries)) => {}
            }
        }
        Err(Stop::Forgotten)
    }

    /// Fetches what the phase works on, and checks it.
    pub async fn prepare(&self, agent: &Agent) -> Result<(), Stop> {
        let spec = &self.spec;
        let below = Path::new(&spec.working_directory).components();
        if !below.into_iter().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(
                anyhow!("the working directory {:?} is outside of the configuration", spec.working_directory).into()
            );
        }
        let archive = self.path("config.tar.gz");
        let sha256 = spec.configuration.as_ref().map(|info| info.sha256.as_str()).unwrap_or_default();
        let fetch = || async {
            let request = self.request(DownloadConfigurationRequest::default())?;
            write_pieces(self.client(agent).download_configuration(request).await, &archive, sha256).await
        };
        self.persist(fetch).await.map_err(of("the configuration"))?;
        let into = self.path(files::CONFIGURATION);
        remove_tree(&into)?;
        tokio::task::spawn_blocking(move || unpack(&archive, &into)).await?.context("the configuration")?;
        self.prepare_state(agent).await?;
        if self.is_apply() { self.prepare_plan(agent).await } else { Ok(()) }
    }

    async fn prepare_state(&self, agent: &Agent) -> Result<(), Stop> {
        let Some(state) = &self.spec.state else { return Ok(()) };
        let fetch = || async {
            let request = self.request(DownloadStateRequest::default())?;
            write_pieces(self.client(agent).download_state(request).await, &self.state_path(), &state.sha256).await
        };
        self.persist(fetch).await.map_err(of("the state"))
    }

    async fn prepare_plan(&self, agent: &Agent) -> Result<(), Stop> {
        if !self.spec.lock_file.is_empty() {
            fs::write(self.working_directory().join(LOCK_FILE), &self.spec.lock_file)?;
        }
        let sha256 = self.spec.plan.as_ref().map(|info| info.sha256.as_str()).unwrap_or_default();
        let fetch = || async {
            let request = self.request(DownloadPlanRequest::default())?;
            write_pieces(self.client(agent).download_plan(request).await, &self.path(files::PLAN), sha256).await
        };
        self.persist(fetch).await.map_err(of("the plan"))
    }

    fn state_path(&self) -> PathBuf {
        self.working_directory().join("terraform.tfstate")
    }

    pub async fn fetch_variables(&self, agent: &Agent) -> Result<Variables, Stop> {
        let ask = || async { self.client(agent).get_variables(self.request(GetVariablesRequest {})?).await };
        let answer = self.persist(ask).await?.into_inner();
        let mut given = Variables { files: Vec::new(), environment: Vec::new(), secrets: Vec::new() };
        let (mut texts, mut expressions) = (serde_json::Map::new(), String::new());
        for variable in answer.variables {
            if variable.sensitive {
                given.hide(&variable.value);
            }
            if variable.environment {
                given.environment.push((variable.key, variable.value));
            } else if variable.hcl {
                expressions += &format!("{} = {}\n", variable.key, variable.value);
            } else {
                texts.insert(variable.key, variable.value.into());
            }
        }
        answer.hidden.iter().for_each(|value| given.hide(value));
        // A secret may be part of another one.
        given.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        // A text in JSON is taken as it is, an expression stands in HCL [variables.form].
        let texts = serde_json::to_string(&texts)?;
        for (name, content) in [("texts.tfvars.json", texts), ("expressions.tfvars", expressions)] {
            let path = self.path(name);
            fs::write(&path, content)?;
            given.files.push(format!("-var-file={}", path.display()));
        }
        Ok(given)
    }

    /// Ends a job whose providers this agent would take from elsewhere than it should.
    pub async fn check_providers(&self, agent: &Agent) -> Result<(), Stop> {
        let ask = || async { self.client(agent).get_providers(self.request(GetProvidersRequest {})?).await };
        let answer = self.persist(ask).await?.into_inner();
        let is_usual = answer == GetProvidersResponse::default();
        if is_usual {
            return Ok(());
        }
        Err(anyhow!("this agent takes providers from their registries only, and the job wants another source").into())
    }

    /// Brings the state that an apply has left, if it has left one.
    pub async fn upload_state(&self, agent: &Arc<Agent>) -> Result<UploadedState, Stop> {
        let content = match fs::read(self.state_path()) {
            Ok(content) if !content.is_empty() => content,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => return Ok(UploadedState::default()),
        };
        let identity: StateIdentity = serde_json::from_slice(&content).context("the state cannot be read")?;
        let header = UploadStateHeader {
            lineage: identity.lineage,
            serial: identity.serial,
            size_bytes: content.len() as u64,
            sha256: hex(Sha256::new_with_prefix(&content)),
            is_last: true,
            sequence: 1,
            ..Default::default()
        };
        let parts: Vec<_> = std::iter::once(StatePart::Header(header.clone()))
            .chain(content.chunks(PIECE).map(|chunk| StatePart::Chunk(chunk.to_vec())))
            .map(|part| UploadStateRequest { part: Some(part) })
            .collect();
        let bring =
            || async { self.client(agent).upload_state(self.request(tokio_stream::iter(parts.clone()))?).await };
        self.persist(bring).await?;
        Ok(UploadedState { serial: header.serial, sha256: header.sha256 })
    }

    /// Brings the plan and what it would do [plan.order], and answers the plan's SHA-256.
    pub async fn upload_plan(&self, agent: &Arc<Agent>, shown: &ShownPlan) -> Result<String, Stop> {
        let content = fs::read(self.path(files::PLAN))?;
        let plan_sha256 = hex(Sha256::new_with_prefix(&content));
        let header = UploadPlanHeader {
            plan_size_bytes: content.len() as u64,
            plan_sha256: plan_sha256.clone(),
            engine: JobEngine::Terraform.into(),
            engine_version: shown.version.clone(),
            lock_file: fs::read(self.working_directory().join(LOCK_FILE)).unwrap_or_default(),
            ..Default::default()
        };
        let parts: Vec<_> = std::iter::once(PlanPart::Header(header))
            .chain(content.chunks(PIECE).map(|chunk| PlanPart::PlanChunk(chunk.to_vec())))
            .chain(shown.summaries().into_iter().map(PlanPart::Summary))
            .map(|part| UploadPlanRequest { part: Some(part) })
            .collect();
        let bring = || async { self.client(agent).upload_plan(self.request(tokio_stream::iter(parts.clone()))?).await };
        self.persist(bring).await?;
        Ok(plan_sha256)
    }
}

impl Variables {
    /// Hides a value, and each line of one that has many; what is shorter than 6 characters would hide half of the log.
    fn hide(&mut self, value: &str) {
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= 6);
        self.secrets.extend(lines.map(|line| line.as_bytes().to_vec()));
    }
}

fn may_pass(code: Code) -> bool {
    use Code::*;
    matches!(code, Unavailable | Unknown | Internal | ResourceExhausted | DeadlineExceeded | Aborted | Cancelled)
}

/// Says of what a fault is.
fn of(what: &'static str) -> impl Fn(Stop) -> Stop {
    move |stop| match stop {
        Stop::Failed(error) => Stop::Failed(error.context(what)),
        Stop::Forgotten => Stop::Forgotten,
    }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes what comes to a file, which must be what was announced.
async fn write_pieces<P: Piece>(
    answer: Result<Response<Streaming<P>>, Status>,
    path: &Path,
    sha256: &str,
) -> Result<(), Status> {
    let mut stream = answer?.into_inner();
    let mut file = File::create(path).map_err(local)?;
    let mut sum = Sha256::new();
    while let Some(piece) = stream.message().await? {
        let chunk = piece.chunk();
        sum.update(&chunk);
        file.write_all(&chunk).map_err(local)?;
    }
    let got = hex(sum);
    ensure_same(&got, sha256).map_err(local)
}

fn ensure_same(got: &str, expected: &str) -> anyhow::Result<()> {
    ensure!(got == expected, "expected the SHA-256 {expected}, got {got}");
    Ok(())
}

/// A fault that the same call would meet again.
fn local(error: impl std::fmt::Display) -> Status {
    Status::failed_precondition(error.to_string())
}
