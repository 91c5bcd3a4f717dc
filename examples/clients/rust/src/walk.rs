//! The steps from nothing to an applied run.

use std::cell::Cell;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::iter;
use std::os::unix::fs::OpenOptionsExt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::connection::{Connection, Resumed, retry};
use crate::v1::agent_pool_service_client::AgentPoolServiceClient;
use crate::v1::agent_token_service_client::AgentTokenServiceClient;
use crate::v1::configuration_service_client::ConfigurationServiceClient;
use crate::v1::run_service_client::RunServiceClient;
use crate::v1::upload_configuration_request::Part;
use crate::v1::workspace_service_client::WorkspaceServiceClient;
use crate::v1::*;

const PIECE_BYTES: usize = 1024 * 1024;

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The calls of the walk, for a pool and a workspace of one name.
pub struct Walk {
    name: String,
    pub pools: AgentPoolServiceClient<Connection>,
    tokens: AgentTokenServiceClient<Connection>,
    workspaces: WorkspaceServiceClient<Connection>,
    configurations: ConfigurationServiceClient<Connection>,
    pub runs: RunServiceClient<Connection>,
}

impl Walk {
    pub fn new(connection: Connection, name: String) -> Self {
        Self {
            name,
            pools: AgentPoolServiceClient::new(connection.clone()),
            tokens: AgentTokenServiceClient::new(connection.clone()),
            workspaces: WorkspaceServiceClient::new(connection.clone()),
            configurations: ConfigurationServiceClient::new(connection.clone()),
            runs: RunServiceClient::new(connection),
        }
    }

    pub async fn create_pool(&self) -> Outcome {
        // With a request_id a repeated call finds the pool that the first one made.
        let request = CreateAgentPoolRequest {
            name: self.name.clone(),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        retry(async || self.pools.clone().create_agent_pool(request.clone()).await).await?;
        Ok(())
    }

    pub async fn list_pools(&self) -> Outcome {
        let mut request = ListAgentPoolsRequest { page_size: 2, ..Default::default() };
        for number in 1.. {
            let page = retry(async || self.pools.clone().list_agent_pools(request.clone()).await).await?;
            let names: Vec<_> = page.agent_pools.iter().map(|pool| pool.name.as_str()).collect();
            println!("page {number}: {}", names.join(" "));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        Ok(())
    }

    pub async fn create_token(&self, path: &str) -> Outcome {
        let request = CreateAgentTokenRequest { agent_pool: self.name.clone(), ..Default::default() };
        let answer = retry(async || self.tokens.clone().create_agent_token(request.clone()).await).await?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(answer.secret.as_bytes())?;
        println!("{path} is ready for an agent");
        Ok(())
    }

    pub async fn create_workspace(&self) -> Outcome {
        let workspace = Workspace {
            name: self.name.clone(),
            execution_mode: ExecutionMode::Agent.into(),
            agent_pool: self.name.clone(),
            ..Default::default()
        };
        let request = CreateWorkspaceRequest {
            workspace: Some(workspace),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        retry(async || self.workspaces.clone().create_workspace(request.clone()).await).await?;
        Ok(())
    }

    pub async fn upload(&self, folder: &str) -> Outcome {
        let archive = pack(folder)?;
        let parts = pieces_of(&archive, &self.name);
        let upload = async || {
            let stream = tokio_stream::iter(parts.clone());
            self.configurations.clone().upload_configuration(stream).await
        };
        retry(upload).await?;
        println!("uploaded {} bytes", archive.len());
        Ok(())
    }

    pub async fn start_run(&self) -> Outcome<String> {
        let request = CreateRunRequest {
            workspace: self.name.clone(),
            message: "Привет из Rust".into(),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let answer = retry(async || self.runs.clone().create_run(request.clone()).await).await?;
        let run = answer.run.unwrap_or_default();
        println!("{}: {}", run.id, run.message);
        Ok(run.id)
    }

    /// Says each change until the run is in the state that is wanted. One that ends in another is an error.
    pub async fn watch(&self, run_id: &str, wanted: RunState) -> Outcome<Run> {
        let request = WatchRunRequest { run_id: run_id.into(), ..Default::default() };
        let mut changes = Resumed::new(async || self.runs.clone().watch_run(request.clone()).await);
        let mut last = Run::default();
        while let Some(answer) = changes.next().await? {
            let run = answer.run.unwrap_or_default();
            if run.state != last.state {
                println!("{run_id} is {}", run.state().as_str_name());
            }
            if run.state() == wanted {
                return Ok(run);
            }
            last = run;
        }
        Err(format!("{run_id} has ended: {}", last.error_message).into())
    }

    /// Exactly the plan that was read is applied.
    pub async fn confirm(&self, planned: Run) -> Outcome {
        let request = ConfirmRunRequest { run_id: planned.id, plan_sha256: planned.plan_sha256, ..Default::default() };
        retry(async || self.runs.clone().confirm_run(request.clone()).await).await?;
        Ok(())
    }

    /// Writes a log as the bytes that they are, to its end; after a break from where it was.
    pub async fn keep_log(&self, run_id: &str, phase: RunPhase, path: &str) -> Outcome {
        let written = Cell::new(0);
        let mut file = File::create(path)?;
        let mut pieces = Resumed::new(async || {
            let (run_id, phase, offset) = (run_id.into(), phase.into(), written.get());
            let request = StreamRunLogsRequest { run_id, phase, offset, follow: true, ..Default::default() };
            self.runs.clone().stream_run_logs(request).await
        });
        let mut missing = 0;
        while let Some(piece) = pieces.next().await? {
            file.write_all(&piece.chunk)?;
            written.set(piece.offset + piece.chunk.len() as u64);
            missing = piece.missing_bytes;
        }
        println!("{path}: {} bytes, {missing} lost", written.get());
        Ok(())
    }
}

/// A configuration is uploaded as a tar archive, packed with gzip.
fn pack(folder: &str) -> io::Result<Vec<u8>> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(packed);
    archive.append_dir_all(".", folder)?;
    archive.into_inner()?.finish()
}

/// An upload: what will come, then the bytes.
fn pieces_of(archive: &[u8], workspace: &str) -> Vec<UploadConfigurationRequest> {
    let header = Part::Header(UploadConfigurationHeader {
        workspace: workspace.into(),
        size_bytes: archive.len() as u64,
        sha256: format!("{:x}", Sha256::digest(archive)),
        ..Default::default()
    });
    let chunks = archive.chunks(PIECE_BYTES).map(|chunk| Part::Chunk(chunk.to_vec()));
    iter::once(header).chain(chunks).map(|part| UploadConfigurationRequest { part: Some(part) }).collect()
}
