//! terraform at work on a job: its processes, what they are told from outside, and what comes of them.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::time::sleep;

use crate::agent::Agent;
use crate::artifacts::Variables;
use crate::files;
use crate::job::{Job, Stop, sentence};
use crate::job_log::JobLog;
use crate::shown::ShownPlan;
use crate::v1::{DesiredState, JobOutcome, JobResult};

/// An interrupted plan has so long to end by itself [job.cancel].
const PLAN_PATIENCE: Duration = Duration::from_secs(60);

struct Execution<'a> {
    agent: &'a Arc<Agent>,
    job: &'a Arc<Job>,
    given: Variables,
    group: ProcessGroup,
    ending: Mutex<Ending>,
}

/// What was done to terraform from outside.
#[derive(Clone, Copy, Default, PartialEq)]
struct Ending {
    is_canceled: bool,
    is_timed_out: bool,
    is_forgotten: bool,
}

/// Runs terraform for a job whose start the disk knows.
pub async fn execute(agent: &Arc<Agent>, job: &Arc<Job>) -> Result<JobResult, Stop> {
    attend(agent, job, false).await
}

/// Takes up a job that an earlier process started: terraform may still run, and is never started again. What it printed and
/// wrote is there; how it ended nobody knows.
pub async fn take_up(agent: &Arc<Agent>, job: &Arc<Job>) -> Result<JobResult, Stop> {
    attend(agent, job, true).await
}

/// Follows terraform's output and watches over it while it runs.
async fn attend(agent: &Arc<Agent>, job: &Arc<Job>, was_started: bool) -> Result<JobResult, Stop> {
    let given = job.fetch_variables(agent).await?;
    OpenOptions::new().create(true).append(true).open(job.path(files::RAW))?;
    let log = JobLog::follow(agent, job, given.secrets.clone())?;
    let (group, ending) = (ProcessGroup::default(), Mutex::default());
    let execution = Execution { agent, job, given, group, ending };
    let result = tokio::select! {
        result = execution.run(was_started) => result,
        () = execution.watch() => unreachable!("it watches for ever"),
    };
    let ending = execution.ending();
    if ending.is_forgotten {
        if job.is_apply() {
            let _ = job.upload_state(agent).await; // at best: the claim is over
        }
        return Err(Stop::Forgotten);
    }
    log.finish().await?;
    Ok(ending.colored(result?))
}

impl Ending {
    fn colored(self, mut result: JobResult) -> JobResult {
        if self.is_canceled {
            result.outcome = JobOutcome::Canceled.into();
        } else if self.is_timed_out && result.outcome() != JobOutcome::Finished {
            result.error_message = "canceled, because it took longer than the phase may: raise the limit".into();
        }
        result
    }
}

impl Execution<'_> {
    async fn run(&self, was_started: bool) -> Result<JobResult, Stop> {
        if was_started {
            return self.wait_for_earlier().await;
        }
        self.job.check_providers(self.agent).await?;
        let init = self.terraform(&["init", "-input=false", "-no-color"]).await;
        if !matches!(init, Ok(0)) {
            return self.ended("init", init).await;
        }
        if self.job.is_apply() {
            let plan = self.job.path(files::PLAN);
            let code = self.terraform(&["apply", "-input=false", "-no-color", text(&plan)]).await;
            return self.ended("apply", code).await;
        }
        self.plan().await
    }

    async fn wait_for_earlier(&self) -> Result<JobResult, Stop> {
        self.group.adopt(&self.job.path(files::PID));
        let raw = File::open(self.job.path(files::RAW))?;
        // Locked by whoever still writes into it.
        while let Err(error) = raw.try_lock() {
            if let TryLockError::Error(error) = error {
                return Err(error.into());
            }
            sleep(Duration::from_millis(100)).await;
        }
        self.group.leave();
        let unknown = anyhow!("the agent was started again while terraform ran: how that ended is not known");
        self.ended("", Err(unknown)).await
    }

    async fn plan(&self) -> Result<JobResult, Stop> {
        let plan = self.job.path(files::PLAN);
        let out = format!("-out={}", text(&plan));
        let options = self.plan_options();
        let mut args = vec!["plan", "-input=false", "-no-color", "-detailed-exitcode", &out];
        args.extend(options.iter().chain(&self.given.files).map(String::as_str));
        let code = match self.terraform(&args).await {
            Ok(code @ (0 | 2)) => code,
            other => return self.ended("plan", other).await,
        };
        let mut result = JobResult { outcome: JobOutcome::Finished.into(), exit_code: code, ..Default::default() };
        if code == 2 {
            let shown = self.show(&plan).await?;
            result.has_changes = true;
            result.counts = Some(shown.counts());
            result.plan_sha256 = self.job.upload_plan(self.agent, &shown).await?; // [plan.upload]
        }
        Ok(result)
    }

    fn plan_options(&self) -> Vec<String> {
        let options = self.job.spec.options.clone().unwrap_or_default();
        let mut args = Vec::new();
        let flags = [
            (options.destroy, "-destroy".to_owned()),
            (options.skip_refresh, "-refresh=false".to_owned()),
            (options.refresh_only, "-refresh-only".to_owned()),
            (options.parallelism > 0, format!("-parallelism={}", options.parallelism)),
        ];
        args.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag));
        args.extend(options.targets.iter().map(|address| format!("-target={address}")));
        args.extend(options.replacements.iter().map(|address| format!("-replace={address}")));
        args
    }

    async fn show(&self, plan: &Path) -> anyhow::Result<ShownPlan> {
        let output = self.command(&["show", "-json", "-no-color", text(plan)]).output().await?;
        if !output.status.success() {
            bail!("terraform show failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("what terraform show prints cannot be read")
    }

    /// The result of a verb. The state of an apply is brought first, however it ended [result.state].
    async fn ended(&self, verb: &str, code: anyhow::Result<i32>) -> Result<JobResult, Stop> {
        let (exit_code, error_message) = match code {
            Ok(0) => (0, String::new()),
            Ok(code) => (code, format!("terraform {verb} failed with exit code {code}: see the log")),
            Err(error) => (-1, sentence(&error)),
        };
        let outcome = if error_message.is_empty() { JobOutcome::Finished } else { JobOutcome::Errored };
        let mut result = JobResult { outcome: outcome.into(), exit_code, error_message, ..Default::default() };
        if self.job.is_apply() {
            let state = self.job.upload_state(self.agent).await?;
            (result.state_serial, result.state_sha256) = (state.serial, state.sha256);
        }
        Ok(result)
    }

    /// Runs it in a process group of its own, its output in raw.log, which is locked as long as anything of it runs.
    async fn terraform(&self, args: &[&str]) -> anyhow::Result<i32> {
        let output = OpenOptions::new().append(true).open(self.job.path(files::RAW))?;
        output.try_lock_shared().context("an earlier terraform of this job still runs")?;
        let mut child = self
            .command(args)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("terraform cannot be started")?;
        self.group.enter(child.id(), &self.job.path(files::PID))?;
        let status = child.wait().await?;
        self.group.leave();
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.args(args).current_dir(self.job.working_directory()).stdin(Stdio::null()).process_group(0).env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "LANG", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command.envs([("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0"), ("CHECKPOINT_DISABLE", "1")]);
        command.envs(self.given.environment.iter().cloned());
        command
    }

    fn ending(&self) -> Ending {
        *self.ending.lock().expect("no panic while it is held")
    }

    /// Interrupts terraform once, and ends it by force where that may be.
    async fn watch(&self) {
        let (began, is_plan) = (Instant::now(), !self.job.is_apply());
        let timeout = self.job.spec.timeout.and_then(|it| Duration::try_from(it).ok()).filter(|it| !it.is_zero());
        let mut interrupted: Option<Instant> = None;
        loop {
            sleep(Duration::from_millis(50)).await;
            let (desired, lease_end) = {
                let held = self.job.held();
                (held.desired, held.lease_end)
            };
            let ending = {
                let mut ending = self.ending.lock().expect("no panic while it is held");
                ending.is_forgotten |= desired == DesiredState::Gone || (is_plan && Instant::now() > lease_end);
                ending.is_canceled |= matches!(desired, DesiredState::Cancel | DesiredState::Force);
                ending.is_timed_out |= timeout.is_some_and(|timeout| began.elapsed() > timeout); // [job.timeout]
                *ending
            };
            if ending != Ending::default() && interrupted.is_none() && self.group.signal(Signal::INT) {
                interrupted = Some(Instant::now());
            }
            let is_late = is_plan && interrupted.is_some_and(|since| since.elapsed() > PLAN_PATIENCE);
            if is_late || desired == DesiredState::Force {
                self.group.signal(Signal::KILL);
            }
        }
    }
}

impl Job {
    pub fn working_directory(&self) -> PathBuf {
        self.path(files::CONFIGURATION).join(&self.spec.working_directory)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the data directory has a name in UTF-8")
}

/// The process group that runs now; 0 is none.
#[derive(Default)]
struct ProcessGroup(AtomicI32);

impl ProcessGroup {
    fn enter(&self, pid: Option<u32>, path: &Path) -> anyhow::Result<()> {
        let pid = pid.and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        self.0.store(pid, Ordering::SeqCst);
        Ok(fs::write(path, pid.to_string())?)
    }

    /// Takes the group that an earlier process started.
    fn adopt(&self, path: &Path) {
        let pid = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        self.0.store(pid.unwrap_or_default(), Ordering::SeqCst);
    }

    fn leave(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// Answers whether there was somebody to get it.
    fn signal(&self, signal: Signal) -> bool {
        let pid = Pid::from_raw(self.0.load(Ordering::SeqCst));
        pid.is_some_and(|pid| kill_process_group(pid, signal).is_ok())
    }
}
