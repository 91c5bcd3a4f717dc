//! Generates the client from `proto/`. protox compiles protos in Rust, so that nobody needs a `protoc`.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    let files = fs::read_dir("proto/windlass/agent/v1")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    tonic_prost_build::configure().build_server(false).compile_fds(protox::compile(files, ["proto"])?)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
