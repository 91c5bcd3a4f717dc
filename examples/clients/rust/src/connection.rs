//! A connection to windlassd: address, key, authority, retries; and what every program needs of streams and refusals.
//!
//! The environment is that of the program `windlass`: `WINDLASS_ADDRESS`, `WINDLASS_TOKEN_FILE` and, for https with a
//! private authority, `WINDLASS_CA_FILE`.

use std::error::Error;
use std::time::Duration;
use std::{env, fs, iter};

use backon::{ExponentialBuilder, Retryable};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming, TimeoutExpired};
use tonic_types::StatusExt;

/// A channel whose calls carry the key. Its clones share one connection.
pub type Connection = InterceptedService<Channel, ApiKey>;

/// Sends a key as metadata with every call.
#[derive(Clone)]
pub struct ApiKey(MetadataValue<Ascii>);

impl Interceptor for ApiKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// It connects with the first call, and again when the server was away.
pub fn connect() -> Result<Connection, Box<dyn Error>> {
    let address = env::var("WINDLASS_ADDRESS").unwrap_or("http://127.0.0.1:7070".into());
    let mut endpoint = Endpoint::from_shared(address)?
        // A watch can be silent for hours: pings find out that the other end is gone.
        .http2_keep_alive_interval(Duration::from_secs(30));
    if let Ok(file) = env::var("WINDLASS_CA_FILE") {
        let authority = Certificate::from_pem(fs::read(file)?);
        endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificate(authority))?;
    }
    let key = fs::read_to_string(env::var("WINDLASS_TOKEN_FILE")?)?;
    let bearer = format!("Bearer {}", key.trim()).parse()?;
    Ok(InterceptedService::new(endpoint.connect_lazy(), ApiKey(bearer)))
}

/// Makes a call, and makes it again while the server is away: after as long as it says, else after longer and longer.
pub async fn retry<T, Answer>(call: impl FnMut() -> Answer) -> Result<T, Status>
where
    Answer: Future<Output = Result<Response<T>, Status>>,
{
    let waits = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(8)
        .with_jitter();
    call.retry(waits)
        .when(is_away)
        .adjust(|status, wait| wait.map(|wait| told_wait(status).unwrap_or(wait)))
        .await
        .map(Response::into_inner)
}

fn told_wait(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

/// Whether the server, or the way to it, may be back in a moment. What breaks a connection under a call is UNKNOWN or CANCELLED
/// in tonic, with the fault of the transport as its source; a deadline that has passed here looks the same but for its source.
pub fn is_away(status: &Status) -> bool {
    let mut faults = iter::successors(status.source(), |&fault| fault.source());
    match status.code() {
        Code::Unavailable => true,
        Code::Unknown | Code::Cancelled => {
            status.source().is_some() && !faults.any(|fault| fault.is::<TimeoutExpired>())
        }
        _ => false,
    }
}

/// The answers of a stream that is opened again when the server was away. Dropped early, it cancels its call.
pub struct Resumed<Open, T> {
    open: Open,
    stream: Option<Streaming<T>>,
}

impl<Open, T, Answer> Resumed<Open, T>
where
    Open: FnMut() -> Answer,
    Answer: Future<Output = Result<Response<Streaming<T>>, Status>>,
{
    pub fn new(open: Open) -> Self {
        Self { open, stream: None }
    }

    /// The next answer; none at the end.
    pub async fn next(&mut self) -> Result<Option<T>, Status> {
        loop {
            let stream = match self.stream.take() {
                Some(stream) => stream,
                None => retry(&mut self.open).await?,
            };
            match self.stream.insert(stream).message().await {
                Err(status) if is_away(&status) => {
                    eprintln!("the server is away, asking again: {}", refusal(&status));
                    self.stream = None;
                }
                answer => return answer,
            }
        }
    }
}

/// A refusal in a few lines: code, reason and facts, then the fields that broke a rule, else its sentence.
pub fn refusal(status: &Status) -> String {
    let mut lines = vec![format!("{:?}", status.code())];
    if let Some(info) = status.get_details_error_info() {
        let mut facts: Vec<_> = info.metadata.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        facts.sort();
        lines[0] += &format!(" {}{}", info.reason, facts.concat());
    }
    match status.get_details_bad_request() {
        Some(bad_request) => {
            let violations = bad_request.field_violations.iter();
            lines.extend(violations.map(|violation| format!("{}: {}", violation.field, violation.description)));
        }
        None => lines.push(status.message().to_owned()),
    }
    lines.join("\n  ")
}
