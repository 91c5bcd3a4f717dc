//! Generates the client from `proto/`. protox compiles protos in Rust, so that nobody needs a `protoc`.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    let files = fs::read_dir("proto/windlass/v1")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut protos = protox::compile(files, ["proto"])?;
    // The rules of the fields are options, which generated code does not have.
    protos.file.retain(|file| file.package() != "buf.validate");
    tonic_prost_build::configure().build_server(false).include_file("protos.rs").compile_fds(protos)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
