//! A client of windlassd.

pub mod connection;
pub mod walk;

/// What build.rs generates from `proto/`.
mod protos {
    include!(concat!(env!("OUT_DIR"), "/protos.rs"));
}
pub use protos::windlass::v1;
