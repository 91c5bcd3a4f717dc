//! Copies what terraform prints into the log that the server gets, with every secret as so many asterisks: both files have the
//! same offsets, so that a copy that was broken off goes on where it ended.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::files;
use crate::job::Job;

/// A line that is longer is taken in pieces.
const BUFFER: usize = 256 * 1024;
const CUT: &[u8] = b"\n[the log is cut here: it has reached its limit]\n";

pub struct JobLog {
    copying: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl JobLog {
    pub fn follow(agent: &Arc<Agent>, job: &Arc<Job>, secrets: Vec<Vec<u8>>) -> anyhow::Result<Self> {
        let path = job.path(files::LOG);
        let log = OpenOptions::new().create(true).append(true).open(&path)?;
        job.held().log = Some(File::open(&path)?);
        let copier = Copier {
            agent: agent.clone(),
            job: job.clone(),
            raw: File::open(job.path(files::RAW))?,
            end: log.metadata()?.len(),
            log,
            secrets,
        };
        let stop = CancellationToken::new();
        Ok(Self { copying: tokio::spawn(copier.run(stop.clone())), stop })
    }

    /// Copies the rest, also a line that has no end.
    pub async fn finish(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.copying.await?
    }
}

struct Copier {
    agent: Arc<Agent>,
    job: Arc<Job>,
    raw: File,
    log: File,
    end: u64,
    secrets: Vec<Vec<u8>>,
}

impl Copier {
    async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let is_last = tokio::time::timeout(Duration::from_millis(50), stop.cancelled()).await.is_ok();
            while self.step(is_last)? {}
            if is_last {
                return Ok(());
            }
        }
    }

    /// Copies some whole lines.
    fn step(&mut self, is_last: bool) -> anyhow::Result<bool> {
        let limit = self.job.spec.max_log_bytes;
        if limit > 0 && self.end >= limit {
            return Ok(false);
        }
        let mut text = vec![0; BUFFER];
        let read = self.raw.read_at(&mut text, self.end)?;
        text.truncate(read);
        let last_line = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let is_long = read == BUFFER && last_line == 0;
        if !is_long && !(is_last && read < BUFFER) {
            text.truncate(last_line);
        }
        if text.is_empty() {
            return Ok(false);
        }
        mask(&mut text, &self.secrets);
        self.end += text.len() as u64;
        if limit > 0 && self.end >= limit {
            let kept = text.len() as u64 - (self.end - limit);
            text.truncate(kept.saturating_sub(CUT.len() as u64) as usize);
            text.extend_from_slice(CUT);
        }
        self.log.write_all(&text)?;
        self.job.held().log_end = self.log.metadata()?.len();
        self.agent.wake.notify_one();
        Ok(true)
    }
}

/// Replaces secrets without a change of length.
fn mask(text: &mut [u8], secrets: &[Vec<u8>]) {
    for secret in secrets {
        let mut from = 0;
        while let Some(at) = text[from..].windows(secret.len()).position(|window| window == secret) {
            text[from + at..from + at + secret.len()].fill(b'*');
            from += at + secret.len();
        }
    }
}
