//! A small Windlass agent: one job at a time, terraform from PATH, its journal in a directory. docs/agent-protocol.md of
//! Windlass has the rules; their names stand in brackets here.

mod agent;
mod archive;
mod artifacts;
mod execute;
mod files;
mod job;
mod job_log;
mod session;
mod settings;
mod shown;

use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::agent::{Agent, End};
use crate::settings::Settings;

/// The messages and clients that `proto/` describes.
#[allow(clippy::all)]
pub mod v1 {
    tonic::include_proto!("windlass.agent.v1");
}

/// Exit codes, as those of Windlass' own agent.
const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;
const TOKEN_REJECTED: u8 = 4;

fn main() -> ExitCode {
    // Before there are threads: it changes the environment.
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("the settings cannot be used: {error:#}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("an operating system with threads");
    runtime.block_on(run(settings))
}

async fn run(settings: Settings) -> ExitCode {
    let agent = match Agent::start(settings) {
        Ok(agent) => agent,
        Err(error) => {
            eprintln!("the agent cannot start: {error:#}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        tokio::spawn(drain_on(kind, agent.clone()));
    }
    match agent.run().await {
        End::Left => ExitCode::SUCCESS,
        End::TokenRejected(status) => {
            eprintln!("the agent token is not accepted, give the agent another one: {}", status.message());
            ExitCode::from(TOKEN_REJECTED)
        }
        end => {
            eprintln!("the agent ends: {end}");
            ExitCode::from(FAILED)
        }
    }
}

async fn drain_on(kind: SignalKind, agent: Arc<Agent>) {
    let mut signals = signal(kind).expect("a signal that can be caught");
    while signals.recv().await.is_some() {
        agent.drain("told to end by a signal");
    }
}
