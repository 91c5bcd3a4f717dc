//! From nothing to an applied run: `windlass-client FOLDER [NAME]`
//!
//! Makes a pool, a token for an agent and a workspace, all called NAME (`walk` if absent), uploads FOLDER, starts a run,
//! waits for an agent of yours to plan it, confirms the plan and keeps both logs.

use std::env;
use std::process::ExitCode;

use tonic::Status;
use windlass_client::connection::{connect, refusal};
use windlass_client::v1::{RunPhase, RunState};
use windlass_client::walk::{Outcome, Walk};

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = walk().await else { return ExitCode::SUCCESS };
    match error.downcast_ref::<Status>() {
        Some(status) => eprintln!("refused: {}", refusal(status)),
        None => eprintln!("{error}"),
    }
    ExitCode::FAILURE
}

async fn walk() -> Outcome {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let walk = Walk::new(connect()?, arguments.next().unwrap_or("walk".into()));
    walk.create_pool().await?;
    walk.list_pools().await?;
    walk.create_token("agent.token").await?;
    walk.create_workspace().await?;
    walk.upload(&folder).await?;
    let run_id = walk.start_run().await?;
    let planned = walk.watch(&run_id, RunState::Planned).await?;
    walk.keep_log(&run_id, RunPhase::Plan, "plan.log").await?;
    walk.confirm(planned).await?;
    walk.watch(&run_id, RunState::Applied).await?;
    walk.keep_log(&run_id, RunPhase::Apply, "apply.log").await
}
