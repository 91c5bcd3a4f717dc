//! What is written down, so that it is whole and on the disk when the call returns.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use prost::Message;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::v1::JobSpec;

/// Names in the directory of a job. What is there tells how far it came: an offer; exec, as soon as terraform may have been
/// started [start.journal]; a result.
pub const OFFER: &str = "offer.pb";
pub const EXEC: &str = "exec";
pub const RESULT: &str = "result.pb";
/// What terraform prints; locked as long as it runs.
pub const RAW: &str = "raw.log";
/// What the server gets: the same bytes, secrets masked.
pub const LOG: &str = "log";
pub const PID: &str = "pid";
pub const PLAN: &str = "plan.bin";
pub const CONFIGURATION: &str = "config";

pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(path.parent().expect("a file lies in a directory"))?.sync_all()
}

pub fn read_message<M: Message + Default>(path: &Path) -> Option<M> {
    M::decode(fs::read(path).ok()?.as_slice()).ok()
}

/// The agent's identity, which lies beside its journal, and stands for it; made if there is none.
pub fn load_incarnation(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join("incarnation");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = Uuid::new_v4().to_string();
            write_durably(&path, made.as_bytes())?;
            Ok(made)
        }
        Err(error) => Err(error),
    }
}

/// The jobs that an earlier process left.
pub fn stored_offers(jobs: &Path) -> io::Result<Vec<JobSpec>> {
    let mut specs = Vec::new();
    for entry in fs::read_dir(jobs)? {
        let directory = entry?.path();
        match read_message(&directory.join(OFFER)) {
            Some(spec) => specs.push(spec),
            // It ended before its offer was on the disk: nothing was promised.
            None => fs::remove_dir_all(directory)?,
        }
    }
    Ok(specs)
}

/// Length and SHA-256 of a file; of one that is not there, those of nothing.
pub fn digest_of(path: &Path) -> io::Result<(u64, String)> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, hex(Sha256::new()))),
        Err(error) => return Err(error),
    };
    let (mut sum, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((length, hex(sum))),
            read => {
                sum.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

pub fn hex(sum: Sha256) -> String {
    format!("{:x}", sum.finalize())
}
