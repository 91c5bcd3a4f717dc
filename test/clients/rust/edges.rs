//! Calls that do not go well, each as the client sees it. The run that it starts waits until somebody cancels it.

use std::env;
use std::time::Duration;

use tonic::{Request, Status};
use windlass_client::connection::{connect, refusal};
use windlass_client::v1::{CreateAgentPoolRequest, RunState, WatchRunRequest};
use windlass_client::walk::{Outcome, Walk};

#[tokio::main]
async fn main() -> Outcome {
    let walk = Walk::new(connect()?, "edges".into());
    refused(&walk).await;
    walk.create_pool().await?;
    walk.create_workspace().await?;
    walk.upload(&env::args().nth(1).ok_or("which folder?")?).await?;
    let run_id = walk.start_run().await?;
    late(&walk, &run_id).await?;
    canceled(&walk, &run_id).await?;
    walk.watch(&run_id, RunState::Canceled).await?;
    Ok(())
}

/// The server's rules.
async fn refused(walk: &Walk) {
    let request = CreateAgentPoolRequest { name: "A B".into(), description: "!".repeat(2000), ..Default::default() };
    if let Err(status) = walk.pools.clone().create_agent_pool(request).await {
        println!("refused: {}", refusal(&status));
    }
}

async fn late(walk: &Walk, run_id: &str) -> Outcome {
    let mut request = Request::new(WatchRunRequest { run_id: run_id.into() });
    request.set_timeout(Duration::from_secs(1));
    let mut changes = walk.runs.clone().watch_run(request).await?.into_inner();
    changes.message().await?;
    let end: Result<_, Status> = changes.message().await;
    println!("late: {:?}", end.map(|answer| answer.is_some()).map_err(|status| status.code()));
    Ok(())
}

/// Dropping a stream cancels its call; only the server sees that.
async fn canceled(walk: &Walk, run_id: &str) -> Outcome {
    let request = WatchRunRequest { run_id: run_id.into() };
    let mut changes = walk.runs.clone().watch_run(request).await?.into_inner();
    changes.message().await?;
    println!("canceled");
    Ok(())
}
