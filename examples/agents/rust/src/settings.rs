//! What the environment says, and the channel to the control plane.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, path};

use anyhow::{Context, ensure};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

pub struct Settings {
    pub address: String,
    pub token: String,
    /// Authorities to trust, PEM; those of the system if absent.
    pub ca_file: Option<PathBuf>,
    pub name: String,
    pub data_dir: PathBuf,
}

impl Settings {
    pub fn read() -> anyhow::Result<Self> {
        let token = env::var("WINDLASS_AGENT_TOKEN").unwrap_or_default();
        ensure!(
            !token.is_empty(),
            "WINDLASS_AGENT_TOKEN is empty: `windlass token create --pool POOL --name NAME` makes one"
        );
        // SAFETY: there is only one thread yet. Jobs must not see the token.
        unsafe { env::remove_var("WINDLASS_AGENT_TOKEN") };
        let data_dir = setting("WINDLASS_AGENT_DATA_DIR").unwrap_or_else(|| "windlass-agent-data".into());
        Ok(Self {
            address: setting("WINDLASS_ADDRESS").unwrap_or_else(|| "http://127.0.0.1:7070".into()),
            token,
            ca_file: setting("WINDLASS_CA_FILE").map(PathBuf::from),
            name: setting("WINDLASS_AGENT_NAME").unwrap_or_else(|| "rust".into()),
            data_dir: path::absolute(data_dir)?,
        })
    }

    /// A channel that connects with the first call, and again whenever the server was away.
    pub fn channel(&self) -> anyhow::Result<Channel> {
        let mut endpoint = Endpoint::from_shared(self.address.clone())
            .context("WINDLASS_ADDRESS: expected http://host:port or https://host:port")?
            .user_agent(concat!("windlass-agent-rust/", env!("CARGO_PKG_VERSION")))?
            .connect_timeout(Duration::from_secs(10));
        if self.address.starts_with("https:") {
            let trust = match &self.ca_file {
                Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(fs::read(file)?)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            endpoint = endpoint.tls_config(trust)?;
        }
        Ok(endpoint.connect_lazy())
    }
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
